"""What predictors that learn nothing reach: the mean velocity map, and the map of the most similar training data.

A constant map already has an SSIM of more than a half, so no score of a network means anything without these.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedray.task import Batch

from .metrics import map_errors, report

MOST_TRAINING, MOST_TEST = 2000, 250
"""Larger sets are thinned evenly to so many examples: enough for a baseline, and a matter of seconds."""
CHUNK = 50


class Examples(Protocol):
    """Pairs (data_BSTR, label_B1ZX), normalised, read in batches."""

    def __len__(self) -> int: ...

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The examples at ``indices``."""
        ...


def baselines(train: Examples, test: Examples) -> dict[str, dict[str, float]]:
    """``mean model`` and ``nearest neighbour``, each with the keys of ``metrics.report``."""
    test_data_NF, test_labels_N1ZX = _whole(test)
    total_1ZX = torch.zeros_like(test_labels_N1ZX[0])
    closest_N = torch.full((len(test_data_NF),), torch.inf)
    neighbours_N1ZX = torch.empty_like(test_labels_N1ZX)
    for data_BSTR, labels_B1ZX in _chunks(train, MOST_TRAINING):
        total_1ZX += labels_B1ZX.sum(0)
        nearest_N, index_N = torch.cdist(test_data_NF, data_BSTR.flatten(1)).min(1)
        better_N = nearest_N < closest_N
        closest_N = torch.minimum(nearest_N, closest_N)
        neighbours_N1ZX[better_N] = labels_B1ZX[index_N[better_N]]
    mean_1ZX = total_1ZX / min(len(train), MOST_TRAINING)
    return {
        "mean model": _score(mean_1ZX.expand_as(test_labels_N1ZX), test_labels_N1ZX),
        "nearest neighbour": _score(neighbours_N1ZX, test_labels_N1ZX),
    }


def _whole(examples: Examples) -> tuple[Tensor, Tensor]:
    """(flattened data (N, S*T*R), labels (N, 1, nz, nx)) of at most MOST_TEST examples."""
    data, labels = zip(*_chunks(examples, MOST_TEST), strict=True)
    return torch.cat(data).flatten(1), torch.cat(labels)


def _chunks(examples: Examples, most: int) -> Iterator[Batch]:
    """At most ``most`` examples, evenly over all of them, CHUNK at a time."""
    count = min(len(examples), most)
    indices = np.arange(count, dtype=np.int64) * len(examples) // count
    for start in range(0, count, CHUNK):
        yield examples.batch(indices[start : start + CHUNK])


def _score(predicted_N1ZX: Tensor, true_N1ZX: Tensor) -> dict[str, float]:
    errors = map_errors(predicted_N1ZX, true_N1ZX)
    return report({name: float(value_N.double().mean()) for name, value_N in errors.items()})
