"""Cross-device work: a small convolutional network on synthetic images (of CIFAR-10's shape)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from fedray.task import Batch, Task


class LeNet(Task):
    """Ten classes of noisy images around ten random prototypes."""

    def train_data(self) -> TensorDataset:
        return images(5000, seed=0)

    def test_data(self) -> TensorDataset:
        return images(500, seed=1)

    def labels(self) -> NDArray[np.int64]:
        labels: NDArray[np.int64] = self.train_data().tensors[1].numpy()
        return labels

    def model(self) -> nn.Module:
        features = (nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2))
        head = (nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
        return nn.Sequential(*features, nn.Flatten(), *head)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1])


def images(count: int, seed: int) -> TensorDataset:
    """Images (N, 3, 32, 32) and their classes (N,)."""
    generator = torch.Generator().manual_seed(seed)
    prototypes = torch.randn(10, 3, 32, 32, generator=torch.Generator().manual_seed(99))
    classes = torch.arange(count) % 10
    noise = torch.randn(count, 3, 32, 32, generator=generator)
    return TensorDataset(prototypes[classes] + noise, classes)
