"""Examples are read in batches by index, whatever kind of data set they are in."""

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

from fedray.data.examples import examples_of

X = torch.arange(24.0).reshape(8, 3)
Y = torch.arange(8) % 3


class OneByOne(Dataset):
    """A plain map-style data set."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        assert type(index) is int, "an item's index must be an int, not a numpy one"
        return X[index], Y[index]


class InBatches(OneByOne):
    """Reads whole batches by itself."""

    def __init__(self) -> None:
        self.read: list[list[int]] = []

    def batch(self, indices: np.ndarray) -> tuple[torch.Tensor, ...]:
        self.read.append(indices.tolist())
        return X[indices], Y[indices]


@pytest.mark.parametrize("dataset", [TensorDataset(X, Y), OneByOne(), InBatches(), Subset(OneByOne(), range(8))])
def test_a_batch_holds_the_examples_asked_for_in_that_order(dataset):
    examples = examples_of(dataset)
    assert len(examples) == 8
    for indices in ([5, 0, 5], [7], list(range(8))):
        batch = examples.batch(np.array(indices))
        assert isinstance(batch, tuple) and len(batch) == 2
        assert torch.equal(batch[0], X[indices]) and torch.equal(batch[1], Y[indices])
        assert batch[0].dtype == torch.float32 and batch[1].dtype == torch.int64


def test_a_data_set_that_reads_batches_itself_is_asked_for_whole_batches():
    dataset = InBatches()
    examples_of(dataset).batch(np.array([3, 1]))
    assert dataset.read == [[3, 1]]


def test_a_batch_of_tensors_is_a_copy_that_may_be_changed():
    dataset = TensorDataset(X.clone(), Y)
    examples_of(dataset).batch(np.array([0, 1]))[0].fill_(99.0)
    assert torch.equal(dataset.tensors[0], X)
