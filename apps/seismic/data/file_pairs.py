"""Finds a family's pairs of data and model files, in every layout that OpenFWI is handed out in.

* ``data1.npy`` with ``model1.npy``: the Vel and Style families, and what ``generate`` writes;
* ``seis2_1_0.npy`` with ``vel2_1_0.npy``: the Fault families (layers, fault, number);
* either of them next to each other, or in subfolders ``data/`` and ``model/``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fedray.errors import InvalidInput

_NAME = re.compile(r"(data|model|seis|vel)(\d+(?:_\d+)*)\.npy")
_FIRST_TEST_NUMBER = {"vel": 49, "fault": 32, "style": 121}


@dataclass(frozen=True)
class FilePair:
    """The waveforms and the velocity maps of the same samples."""

    data: Path
    model: Path
    numbers: tuple[int, ...]
    """From the name: (1,) of ``data1.npy``, (2, 1, 0) of ``seis2_1_0.npy``."""


def family_files(root: Path, family: str) -> list[FilePair]:
    """The pairs in the subfolder of ``root`` named after ``family``, spelt ``flatvel-a`` or ``FlatVel_A``.

    Raises ``InvalidInput`` where the folder or a partner file is missing.
    """
    folders = [path for path in sorted(root.glob("*/")) if path.name.lower().replace("_", "-") == family]
    if not folders:
        raise InvalidInput(f"There is no folder for the family {family} in {root}: put its files into {root / family}.")
    return file_pairs(folders[0])


def file_pairs(folder: Path) -> list[FilePair]:
    """All pairs of a family's ``folder`` in order of their numbers. Raises ``InvalidInput`` if there is none."""
    data, model = _numbered(folder, "data", ("data", "seis")), _numbered(folder, "model", ("model", "vel"))
    unpaired = data.keys() ^ model.keys()
    if unpaired:
        numbers = min(unpaired)
        alone, missing = (data[numbers], "model or vel") if numbers in data else (model[numbers], "data or seis")
        raise InvalidInput(f"{alone} has no {missing} file with the same number: download it, or remove this one.")
    if not data:
        raise InvalidInput(
            f"{folder} holds no seismic data: it needs data1.npy and model1.npy, or seis2_1_0.npy and vel2_1_0.npy, "
            "and so on, there or in its subfolders data and model."
        )
    return [FilePair(data[numbers], model[numbers], numbers) for numbers in sorted(data)]


def official_split(family: str, pairs: Sequence[FilePair]) -> tuple[list[FilePair], list[FilePair]]:
    """(train, test) by file number, as OpenFWI's ``split_files`` have it.

    Test: Vel 49-60 of 60, Style 121-134 of 134, Fault 32-35 of the 0-35 of each number of layers (2, 3 and 4).
    Raises ``InvalidInput`` for a family of no such kind, or where the files at hand leave one half empty.
    """
    first = next((first for kind, first in _FIRST_TEST_NUMBER.items() if kind in family), None)
    if first is None:
        raise InvalidInput(f"OpenFWI has no split for {family!r}: it has ten families, flatvel-a to style-b.")
    return _split(pairs, [pair.numbers[-1] >= first for pair in pairs], f"the test files of {family} begin at {first}")


def split_last(pairs: Sequence[FilePair], test_files: int) -> tuple[list[FilePair], list[FilePair]]:
    """(train, test) with the last ``test_files`` pairs as the test, for generated data.

    Raises ``InvalidInput`` where that leaves one half empty.
    """
    is_test = [index >= len(pairs) - test_files for index in range(len(pairs))]
    return _split(pairs, is_test, f"the last {test_files} are for testing")


def _split(pairs: Sequence[FilePair], is_test: Sequence[bool], rule: str) -> tuple[list[FilePair], list[FilePair]]:
    if all(is_test) or not any(is_test):
        raise InvalidInput(
            f"{len(pairs)} files cannot be divided for training and testing: {rule}; "
            f"add files, or set -c task.test_files=N."
        )
    marked = list(zip(pairs, is_test, strict=True))
    return [pair for pair, test in marked if not test], [pair for pair, test in marked if test]


def _numbered(folder: Path, subfolder: str, stems: tuple[str, str]) -> dict[tuple[int, ...], Path]:
    """Files called stem + numbers, by their numbers."""
    found: dict[tuple[int, ...], Path] = {}
    for path in sorted([*folder.glob("*.npy"), *(folder / subfolder).glob("*.npy")]):
        match = _NAME.fullmatch(path.name)
        if match and match[1] in stems:
            numbers = tuple(int(number) for number in match[2].split("_"))
            if numbers in found:
                raise InvalidInput(f"{found[numbers]} and {path} have the same number: remove one of them.")
            found[numbers] = path
    return found
