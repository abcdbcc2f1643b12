"""Reading examples in batches by index, from any PyTorch data set."""

from collections.abc import Sized
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset, default_collate

from fedray.errors import InvalidInput
from fedray.task import Batch

Indices = NDArray[np.int64]


class Examples(Protocol):
    """Examples that can be counted and read in batches."""

    def __len__(self) -> int: ...

    def batch(self, indices: Indices) -> Batch:
        """The examples at ``indices`` (B,), each tensor stacked along a new first axis."""
        ...


def examples_of(dataset: Dataset[Batch]) -> Examples:
    """Read a data set by its own ``batch`` method, by slicing tensors, or one item at a time: the fastest it allows."""
    if not hasattr(dataset, "__len__"):
        raise InvalidInput(
            f"The task's data set is of type {type(dataset).__name__}; return a PyTorch data set that has a length."
        )
    if hasattr(dataset, "batch"):
        return cast(Examples, dataset)
    if isinstance(dataset, TensorDataset):
        return _Tensors(dataset.tensors)
    return _Items(dataset)


class _Tensors:
    def __init__(self, tensors: tuple[Tensor, ...]) -> None:
        self._tensors = tensors

    def __len__(self) -> int:
        return len(self._tensors[0])

    def batch(self, indices: Indices) -> Batch:
        picked = torch.from_numpy(indices)
        return tuple(tensor[picked] for tensor in self._tensors)


class _Items:
    def __init__(self, dataset: Dataset[Any]) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(cast(Sized, self._dataset))

    def batch(self, indices: Indices) -> Batch:
        return tuple(default_collate([self._dataset[int(index)] for index in indices]))
