"""One .npy file of float32 samples, checked when it is opened and read a few samples at a time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedray.errors import InvalidInput, StorageError

FIX = "download it again, or delete it and run again if fedray generated it"


@dataclass(frozen=True)
class NpyFile:
    """Samples of shape ``shape[1:]``. It keeps no map open, so thousands of files need no file handles."""

    path: Path
    shape: tuple[int, ...]
    offset: int
    """Bytes before the first sample."""

    @classmethod
    def open(cls, path: Path, sample_shape: tuple[int, ...]) -> "NpyFile":
        """Reads the header only. Raises ``InvalidInput`` unless the file is whole and holds such float32 samples."""
        shape, fortran_order, dtype, offset = _read_header(path)
        if dtype != np.dtype("<f4") or fortran_order:
            raise InvalidInput(f"{path} holds {dtype} values: save it as little-endian float32 in C order.")
        if shape[1:] != sample_shape or not shape[0]:
            raise InvalidInput(
                f"{path} has shape {shape}, but the survey needs (samples, {str(sample_shape)[1:]}; "
                f"choose the survey that fits: OpenFWI's own files need --recipe full."
            )
        expected, actual = offset + 4 * int(np.prod(shape)), path.stat().st_size
        if actual != expected:
            raise InvalidInput(f"{path} is {actual} bytes long but should be {expected}, it is damaged: {FIX}.")
        return cls(path, shape, offset)

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(len(rows), ...) copied from a memory map. Raises ``InvalidInput`` where a sample holds NaN or infinity."""
        try:
            samples = np.memmap(self.path, "<f4", "r", self.offset, self.shape)[rows]
        except (OSError, ValueError) as error:
            raise StorageError(
                f"Could not read {self.path} ({error}): was it moved or changed while in use?"
            ) from error
        finite = np.isfinite(samples.reshape(len(rows), -1)).all(axis=1)
        if not finite.all():
            raise InvalidInput(f"{self.path} holds NaN or infinity in sample {rows[~finite][0]} (from 0): {FIX}.")
        return np.asarray(samples)


def _read_header(path: Path) -> tuple[tuple[int, ...], bool, np.dtype[np.generic], int]:
    """(shape, fortran order, dtype, offset of the values)."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran_order, dtype = read(file)
            return shape, fortran_order, dtype, file.tell()
    except OSError as error:
        raise StorageError(f"Could not read {path} ({error.strerror or error}): check that it exists.") from error
    except (ValueError, EOFError) as error:
        raise InvalidInput(f"{path} is not a whole .npy file ({error}): {FIX}.") from error
