"""Baselines are what they say, whatever the sizes of the data sets."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from apps.seismic.baselines import MOST_TEST, MOST_TRAINING, baselines


class Pairs:
    def __init__(self, data_NSTR: Tensor, label_N1ZX: Tensor) -> None:
        self.tensors = data_NSTR, label_N1ZX

    def __len__(self) -> int:
        return len(self.tensors[0])

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, ...]:
        return tuple(tensor[torch.from_numpy(indices)] for tensor in self.tensors)


def random_pairs(count: int, seed: int) -> Pairs:
    generator = torch.Generator().manual_seed(seed)
    data = torch.randn(count, 2, 3, 4, generator=generator)
    return Pairs(data, torch.rand(count, 1, 12, 12, generator=generator) * 2 - 1)


@pytest.mark.parametrize(("train_size", "test_size"), [(1, 1), (49, 3), (120, 51)])
def test_both_baselines_agree_with_numpy(train_size: int, test_size: int) -> None:
    train, test = random_pairs(train_size, 0), random_pairs(test_size, 1)
    (train_data, train_label), (data, label) = ((t.numpy() for t in x.tensors) for x in (train, test))
    distance = ((data[:, None] - train_data[None]) ** 2).sum((2, 3, 4))
    mean, nearest = train_label.mean(0), train_label[distance.argmin(1)]
    found = baselines(train, test)
    assert found["mean model"]["mae"] == pytest.approx(np.abs(mean - label).mean(), rel=1e-5)
    assert found["mean model"]["rmse"] == pytest.approx(np.sqrt(((mean - label) ** 2).mean()), rel=1e-5)
    assert found["nearest neighbour"]["mae_mps"] == pytest.approx(1500 * np.abs(nearest - label).mean(), rel=1e-5)


def test_the_nearest_neighbour_of_a_training_example_is_itself() -> None:
    train = random_pairs(130, 0)
    assert baselines(train, train)["nearest neighbour"] == pytest.approx(
        {"mae": 0, "rmse": 0, "ssim": 1, "mae_mps": 0, "rmse_mps": 0}
    )


def test_large_sets_are_thinned_evenly() -> None:
    train, test = random_pairs(3 * MOST_TRAINING, 0), random_pairs(2 * MOST_TEST, 1)
    thinned = Pairs(*train.batch(np.arange(MOST_TRAINING) * 3)), Pairs(*test.batch(np.arange(MOST_TEST) * 2))
    assert baselines(train, test) == baselines(*thinned)
