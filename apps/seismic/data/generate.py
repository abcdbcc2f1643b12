"""Generates OpenFWI-like data into a folder in OpenFWI's file layout, resuming whatever is there.

``<folder>/<family>/data1.npy`` (samples, shots, time, receivers) and ``model1.npy`` (samples, 1, nz, nx), ``data2.npy``
and so on, all float32. A file's bytes depend on the parameters, its family and its number alone, so a generation killed
at any moment and started again ends with the same bytes as an undisturbed one.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fedray.errors import FedrayError, StorageError
from fedray.task import Progress

from ..physics.geometry import Survey
from .atomic_npy import TEMPORARY
from .folder_lock import folder_lock
from .generation import Generation, PairJob, has_manifest, planned, write_manifest
from .worker_pool import simulate_all

WHAT = "simulating seismic data"


def generate(
    families: Sequence[str],
    samples_per_family: int,
    survey: Survey,
    seed: int,
    folder: Path,
    progress: Progress,
    workers: int | None = None,
    samples_per_file: int | None = None,
) -> None:
    """Fills ``folder``; reports samples done after every file; uses all cores unless told how many ``workers``.

    A second process waits for the first. Raises ``InvalidInput`` when the parameters cannot work or the folder was
    made with others, ``StorageError`` when the disk is full or not writable, ``FedrayError`` when a worker was killed.
    """
    generation = planned(families, samples_per_family, survey, seed, samples_per_file)
    with _storage_errors(folder):
        if has_manifest(folder, generation) and not _missing(folder, generation):
            return
        folder.mkdir(parents=True, exist_ok=True)
        total = samples_per_family * len(generation.families)
        with folder_lock(folder, on_wait=lambda holder: progress(f"waiting for {holder}, {WHAT}", 0, total)):
            if not has_manifest(folder, generation):
                write_manifest(folder, generation)
            _fill(folder, generation, progress, total, workers)


def _fill(folder: Path, generation: Generation, progress: Progress, total: int, workers: int | None) -> None:
    """Simulates what is missing, while holding the folder's lock."""
    for leftover in folder.glob(f"*/*{TEMPORARY}"):  # of a killed process: nobody else may be writing here
        leftover.unlink(missing_ok=True)
    missing = _missing(folder, generation)
    _check_space(folder, missing)
    done = total - sum(job.samples for job in missing)
    progress(WHAT, done, total)

    def report(job: PairJob) -> None:
        nonlocal done
        done += job.samples
        progress(WHAT, done, total)

    simulate_all(missing, folder, workers, report)


def _missing(folder: Path, generation: Generation) -> list[PairJob]:
    return [job for job in generation.jobs() if not job.is_done(folder)]


def _check_space(folder: Path, jobs: Sequence[PairJob]) -> None:
    needed, free = sum(job.bytes() for job in jobs), shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"Generating into {folder} needs {needed / 1e9:.3g} GB but only {free / 1e9:.3g} GB are free there: "
            "free some space, choose another folder, or ask for fewer samples."
        )


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except FedrayError:
        raise
    except OSError as error:
        raise StorageError(f"Could not use {folder} ({error.strerror or error}): fix it or choose another.") from error
