"""OpenFWI's files, generated or downloaded, as one data set of normalised waveforms and velocity maps."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from fedray.errors import InvalidInput
from fedray.task import Progress

from ..physics.geometry import Survey
from .amplitudes import Amplitude, amplitude_for, normalise_data, normalise_velocity
from .file_pairs import FilePair
from .layers import V_MAX, V_MIN
from .npy_file import NpyFile

Indices = Sequence[int] | NDArray[np.int64] | Tensor


class OpenFWIFiles(Dataset[tuple[Tensor, ...]]):
    """The samples of some families' files, family after family and file after file, read from disk as they are used.

    ``files`` maps a family's name to its pairs (see ``family_files``). Data are normalised with ``amplitude``, or else
    with each family's own constants. Raises ``InvalidInput`` for files that are damaged or of another survey.
    """

    def __init__(
        self, files: Mapping[str, Sequence[FilePair]], survey: Survey, amplitude: Amplitude | None = None
    ) -> None:
        self.families = tuple(files)
        self._amplitudes = [amplitude or amplitude_for(survey, family) for family in files]
        self._pairs = [_open_pair(pair, survey) for pairs in files.values() for pair in pairs]
        self._family_of_pair = np.repeat(np.arange(len(files)), [len(pairs) for pairs in files.values()])
        lengths = np.array([len(data) for data, _ in self._pairs], dtype=np.int64)
        self._starts = np.cumsum(lengths) - lengths
        self._shapes = survey.gather_shape, (1, survey.nz, survey.nx)
        self.family_index: NDArray[np.int64] = np.repeat(self._family_of_pair, lengths)
        """(len(self),) each sample's index into ``families``."""

    def __len__(self) -> int:
        return len(self.family_index)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        """(data_STR, label_1ZX) of one sample."""
        data_BSTR, label_B1ZX = self.batch([range(len(self))[index]])
        return data_BSTR[0], label_B1ZX[0]

    def batch(self, indices: Indices) -> tuple[Tensor, ...]:
        """(data_BSTR, label_B1ZX), float32 in about [-1, 1], in the order of ``indices``.

        Raises ``InvalidInput`` naming file and sample where a value is NaN or infinite.
        """
        data_BSTR, label_B1ZX = (torch.empty(len(indices), *shape) for shape in self._shapes)
        for pair, places, rows in self._by_file(indices):
            data_file, model_file = self._pairs[pair]
            amplitude = self._amplitudes[self._family_of_pair[pair]]
            data_BSTR[places] = normalise_data(torch.from_numpy(data_file.rows(rows)), amplitude)
            label_B1ZX[places] = normalise_velocity(torch.from_numpy(model_file.rows(rows)))
        return data_BSTR, label_B1ZX

    def check_values(self, progress: Progress) -> None:
        """Reads everything once. Raises ``InvalidInput`` naming the file with a NaN, an infinity or a wrong unit."""
        for done, (data, model) in enumerate(self._pairs):
            progress("checking seismic data", done, len(self._pairs))
            for start in range(0, len(data), 100):
                rows = np.arange(start, min(start + 100, len(data)))
                data.rows(rows)
                _check_unit(model, model.rows(rows))
        progress("checking seismic data", len(self._pairs), len(self._pairs))

    def _by_file(self, indices: Indices) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
        """(pair, places in the batch, rows in its files) for every pair of files that ``indices`` touch."""
        samples = np.asarray(indices, dtype=np.int64)
        assert not len(samples) or (samples.min() >= 0 and samples.max() < len(self)), "sample index out of range"
        pairs = np.searchsorted(self._starts, samples, side="right") - 1
        for pair in np.unique(pairs):
            places = np.flatnonzero(pairs == pair)
            yield int(pair), places, samples[places] - self._starts[pair]


def _open_pair(pair: FilePair, survey: Survey) -> tuple[NpyFile, NpyFile]:
    data = NpyFile.open(pair.data, survey.gather_shape)
    model = NpyFile.open(pair.model, (1, survey.nz, survey.nx))
    if len(data) != len(model):
        raise InvalidInput(
            f"{pair.data} holds {len(data)} samples but {pair.model} holds {len(model)}: download both again."
        )
    return data, model


def _check_unit(model: NpyFile, velocity: NDArray[np.float32]) -> None:
    slowest, fastest = float(velocity.min()), float(velocity.max())
    if slowest < V_MIN or fastest > V_MAX:
        raise InvalidInput(
            f"{model.path} holds velocities from {slowest:g} to {fastest:g}: they must be m/s from {V_MIN:g} to "
            f"{V_MAX:g}."
        )
