"""A model of 160,000 parameters (0.64 MB) and a local step that does nothing."""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from fedray.task import Batch, Task


class Empty(Task):
    """One example a user, no learning."""

    def train_data(self) -> TensorDataset:
        return TensorDataset(torch.zeros(20, 400))

    def test_data(self) -> TensorDataset:
        return TensorDataset(torch.zeros(4, 400))

    def model(self) -> nn.Module:
        return nn.Linear(400, 400, bias=False)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return torch.zeros(())

    def train_step(self, model: nn.Module, batch: Batch, optimizer: torch.optim.Optimizer) -> Tensor:
        return torch.zeros(())
