"""What is to be generated: all parameters of a generated data set, its files, and the manifest that records them."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fedray.errors import InvalidInput

from ..physics.geometry import OPENFWI, Survey
from .atomic_npy import TEMPORARY, npy_bytes
from .families import FAMILIES

VERSION = 1
"""Raised whenever the same parameters would give other bytes."""
MANIFEST = "generated.json"


@dataclass(frozen=True)
class PairJob:
    """One data file and its model file. Their content depends on nothing but these fields."""

    family: str
    number: int
    samples: int
    seed: int
    survey: Survey

    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of the data (samples, shots, time, receivers) and of the model (samples, 1, nz, nx)."""
        return (self.samples, *self.survey.gather_shape), (self.samples, 1, self.survey.nz, self.survey.nx)

    def paths(self, folder: Path) -> tuple[Path, Path]:
        """Of the data and of the model file of a data set in ``folder``."""
        return folder / self.family / f"data{self.number}.npy", folder / self.family / f"model{self.number}.npy"

    def bytes(self) -> int:
        """The size of both files."""
        return sum(npy_bytes(shape) for shape in self.shapes())

    def is_done(self, folder: Path) -> bool:
        """Whether both files are there, whole."""
        sizes = [path.stat().st_size if path.is_file() else None for path in self.paths(folder)]
        return sizes == [npy_bytes(shape) for shape in self.shapes()]


@dataclass(frozen=True)
class Generation:
    """All parameters of a generated data set. Raises ``InvalidInput`` where they cannot work."""

    families: tuple[str, ...]
    samples_per_family: int
    samples_per_file: int
    seed: int
    survey: Survey

    def __post_init__(self) -> None:
        unknown = [family for family in self.families if family not in FAMILIES]
        if unknown or not self.families or len(set(self.families)) < len(self.families):
            raise InvalidInput(
                f"The families {', '.join(self.families) or '(none)'} cannot be generated: "
                f"name each of {', '.join(FAMILIES)} at most once."
            )
        for name in ("samples_per_family", "samples_per_file"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}: it must be at least 1.")
        if self.seed < 0:
            raise InvalidInput(f"The seed is {self.seed}: it must be 0 or more.")

    def jobs(self) -> list[PairJob]:
        """One for each pair of files, numbered from 1 within its family; the last may hold fewer samples."""
        starts = range(0, self.samples_per_family, self.samples_per_file)
        return [
            PairJob(family, number, min(self.samples_per_file, self.samples_per_family - start), self.seed, self.survey)
            for family in self.families
            for number, start in enumerate(starts, start=1)
        ]

    def parameters(self) -> str:
        """Canonical JSON of everything that decides the bytes."""
        return json.dumps({"generator": VERSION, **asdict(self)}, sort_keys=True, indent=1) + "\n"


def planned(
    families: Sequence[str], samples_per_family: int, survey: Survey, seed: int, samples_per_file: int | None
) -> Generation:
    """A generation with ``samples_per_file`` of 500 for OpenFWI's own survey, as official, and 100 for others."""
    per_file = samples_per_file if samples_per_file is not None else (500 if survey == OPENFWI else 100)
    return Generation(tuple(families), samples_per_family, per_file, seed, survey)


def cache_key(
    families: Sequence[str], samples_per_family: int, survey: Survey, seed: int, samples_per_file: int | None = None
) -> str:
    """16 hex digits that name the data set with these parameters, for its folder's name."""
    generation = planned(families, samples_per_family, survey, seed, samples_per_file)
    return hashlib.sha256(generation.parameters().encode()).hexdigest()[:16]


def has_manifest(folder: Path, generation: Generation) -> bool:
    """Whether ``folder`` was made with these parameters; False for a new folder.

    Raises ``InvalidInput`` when it was made with others.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return False
    if path.read_text() != generation.parameters():
        raise InvalidInput(
            f"{folder} holds data generated with other parameters ({_differences(path, generation)}): "
            "choose another folder, or delete this one."
        )
    return True


def write_manifest(folder: Path, generation: Generation) -> None:
    """Records the parameters in ``folder``, atomically."""
    temporary = folder / f"{MANIFEST}{TEMPORARY}"
    with temporary.open("w") as file:
        file.write(generation.parameters())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / MANIFEST)


def _differences(path: Path, generation: Generation) -> str:
    """For example ``seed 1, asked for 2``."""
    try:
        there: dict[str, Any] = json.loads(path.read_text())
        asked = json.loads(generation.parameters())
        return "; ".join(f"{k} {there.get(k)}, asked for {v}" for k, v in asked.items() if there.get(k) != v)
    except (ValueError, AttributeError):
        return f"{MANIFEST} is damaged"
