"""Simulates and writes one pair of files, anywhere: the work of a worker process."""

from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray

from fedray.errors import StorageError

from ..physics.deepwave_engine import shot_gathers
from .atomic_npy import AtomicNpy
from .families import velocity_maps
from .generation import PairJob

MAPS_AT_ONCE = 25
"""Maps simulated in one call: bounds the memory (35 MB of records over OpenFWI's survey) and the wait for a stop."""


class Stopped(Exception):
    """The generation was stopped before this file was whole."""


def write_pair(job: PairJob, folder: Path, stopped: Callable[[], bool] = lambda: False) -> None:
    """Writes the data and then the model file of ``job``; leaves nothing when it fails.

    Raises ``StorageError`` when a file cannot be written, and ``Stopped`` soon after ``stopped()`` is true.
    """
    try:
        _write(job, *job.paths(folder), stopped)
    except OSError as error:
        raise StorageError(
            f"Could not write into {folder / job.family} ({error.strerror or error}): make room or fix the folder and "
            "run again; finished files are kept."
        ) from error


def _write(job: PairJob, data_path: Path, model_path: Path, stopped: Callable[[], bool]) -> None:
    maps_NZX = _maps(job)
    data_shape, model_shape = job.shapes()
    data_path.parent.mkdir(exist_ok=True)
    with AtomicNpy(data_path, data_shape) as data, AtomicNpy(model_path, model_shape) as model:
        model.append(maps_NZX)
        for start in range(0, job.samples, MAPS_AT_ONCE):
            if stopped():
                raise Stopped
            chunk_BZX = torch.from_numpy(maps_NZX[start : start + MAPS_AT_ONCE])
            data.append(shot_gathers(chunk_BZX, job.survey).numpy())
        data.commit()
        model.commit()


def _maps(job: PairJob) -> NDArray[np.float32]:
    """(samples, nz, nx) m/s, from the seed, the family and the number of the file alone."""
    rng = np.random.default_rng([job.seed, crc32(job.family.encode()), job.number])
    return velocity_maps(job.family, job.samples, job.survey.nz, job.survey.nx, rng)
