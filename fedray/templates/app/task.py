"""Which of three spirals does a point lie on? A small task to start from: replace data, model and loss with yours."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from fedray.task import Batch, Task, TaskOptions


class Options(TaskOptions):
    """The recipe's ``task:`` section. Every option is checked before a run starts."""

    points: int = Field(1200, ge=30, description="training points")
    noise: float = Field(0.1, ge=0, description="standard deviation of the points around their spiral")
    hidden: int = Field(64, ge=1, description="width of the hidden layers")


class Spirals(Task):
    """Classify points of the plane."""

    Options = Options
    headline = "accuracy"

    def train_data(self) -> TensorDataset:
        """All training examples; fedray divides them over the users."""
        return spirals(self.options.points, self.options.noise, seed=0)

    def test_data(self) -> TensorDataset:
        """Held-out examples."""
        return spirals(600, self.options.noise, seed=1)

    def labels(self) -> NDArray[np.int64]:
        """By which the Dirichlet partition makes users unlike each other."""
        return self.train_data().tensors[1].numpy()

    def model(self) -> nn.Module:
        """A small network."""
        width = self.options.hidden
        return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3))

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mean training loss of a batch."""
        points, classes = batch
        return nn.functional.cross_entropy(model(points), classes)

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """One value for each test example; fedray averages them."""
        points, classes = batch
        scores = model(points)
        return {
            "accuracy": (scores.argmax(1) == classes).float(),
            "loss": nn.functional.cross_entropy(scores, classes, reduction="none"),
        }

    def baselines(self) -> dict[str, dict[str, float]]:
        """What a trivial predictor reaches."""
        return {"one class for all": {"accuracy": 1 / 3}}


def spirals(points: int, noise: float, seed: int) -> TensorDataset:
    """``points`` points (N, 2) on three spiral arms, and their arms (N,)."""
    rng = np.random.default_rng(seed)
    arm = np.arange(points) % 3
    radius = np.sqrt(rng.uniform(0.05, 1, points))
    angle = 4 * radius + arm * 2 * np.pi / 3
    position = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1) + rng.normal(0, noise / 2, (points, 2))
    return TensorDataset(torch.from_numpy(position.astype(np.float32)), torch.from_numpy(arm))
