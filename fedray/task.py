"""The contract an app fulfils: what to learn. Everything a person may want to vary is in the recipe.

A task is code: data, model, loss, metrics, figures. It knows nothing of users, rounds, workers or Ray, and runs
unchanged under every architecture.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from fedray.settings import Settings

Batch = tuple[Tensor, ...]


class TaskOptions(Settings):
    """Base of a task's own options: the recipe's ``task:`` section. Unknown keys are refused."""


class Progress(Protocol):
    """How a task reports slow preparation: ``progress("generating", done, total)``."""

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """``done`` of ``total`` steps of ``what`` are behind us."""


class Task(ABC):
    """What to learn. Subclass it in an app folder and name it in ``app.yaml`` as ``module:Class``.

    Every process that needs the task builds its own from the same options, so the constructor must be cheap and
    must not touch data; ``prepare`` has run once, in one process, before any of the other methods is called.
    """

    Options: ClassVar[type[TaskOptions]] = TaskOptions
    headline: ClassVar[str] = "loss"
    """The metric shown first; any key that ``metrics`` or ``summarise`` returns."""

    options: Any
    """The validated options, of type ``Options``."""

    def __init__(self, options: TaskOptions | None = None) -> None:
        self.options = self.Options() if options is None else options

    def prepare(self, progress: Progress) -> None:  # noqa: B027 (most tasks need none)
        """Make, find or check the data, once, before training. Raises ``InvalidInput`` when it cannot be used."""

    @abstractmethod
    def train_data(self) -> Dataset[Batch]:
        """All training examples; fedray divides them over the users.

        Each item is a tuple of tensors. A data set with a method ``batch(indices) -> tuple of tensors`` is read
        in whole batches, any other one example at a time.
        """

    @abstractmethod
    def test_data(self) -> Dataset[Batch]:
        """Held-out examples, never seen in training, that the global model is evaluated on."""

    def labels(self) -> NDArray[np.int64] | None:
        """One integer for each training example, by which ``dirichlet`` and ``natural-id`` partitions divide."""
        return None

    @abstractmethod
    def model(self) -> nn.Module:
        """A freshly initialised model. Called under a seed; the same seed must give the same weights."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mean training loss of one batch, a scalar that can be differentiated."""

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Random changes to a training batch; all randomness must come from ``generator``."""
        return batch

    def train_step(self, model: nn.Module, batch: Batch, optimizer: torch.optim.Optimizer) -> Tensor:
        """One local step; returns the detached loss. Override it where one loss and one step do not fit (a GAN)."""
        optimizer.zero_grad()
        loss = self.loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach()

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Per-example values, each of shape (B,), of a test batch; fedray averages them over the test set."""
        return {"loss": self.loss(model, batch).expand(len(batch[0]))}

    def summarise(self, means: Mapping[str, float]) -> dict[str, float]:
        """Turn test-set means into the metrics to report (for example a root of a mean square)."""
        return dict(means)

    def baselines(self) -> dict[str, dict[str, float]]:
        """What trivial predictors reach on the test set, by name; the same keys as ``summarise``."""
        return {}

    def figures(self, model: nn.Module, folder: Path) -> Sequence[Path]:
        """Draw what the trained model does into ``folder``; returns the files written."""
        return []
