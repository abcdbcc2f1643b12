"""A .npy file that appears whole or not at all, however its writing ends."""

import io
import math
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

TEMPORARY = ".tmp"
"""Suffix of files not yet whole."""


class AtomicNpy:
    """Writes a float32 array piece by piece under a temporary name; ``commit`` gives the file its own name.

    Left without a commit, as a context manager, it removes what it wrote. Plain writes and not a memory map, because a
    full disk kills a process that writes through a map and only raises ``OSError`` here.
    """

    def __init__(self, path: Path, shape: Sequence[int]) -> None:
        self._path = path
        self._temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
        self._file = self._temporary.open("wb")
        self._file.write(_header(shape))

    def __enter__(self) -> Self:
        return self

    def append(self, rows: NDArray[np.float32]) -> None:
        """Adds the next rows of the array."""
        self._file.write(np.ascontiguousarray(rows, dtype="<f4").data)

    def commit(self) -> None:
        """Makes the file durable and visible, in place of any file of that name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.replace(self._path)
        _sync_folder(self._path.parent)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._file.close()
        except OSError:  # a full disk refuses the last buffered bytes again; the file is going away
            pass
        finally:
            self._temporary.unlink(missing_ok=True)


def npy_bytes(shape: Sequence[int]) -> int:
    """The size of a float32 .npy file."""
    return len(_header(shape)) + 4 * math.prod(shape)


def _header(shape: Sequence[int]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": tuple(shape)})
    return buffer.getvalue()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
