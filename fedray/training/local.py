"""Local training: one user's epochs from the global weights (the ClientUpdate of McMahan et al. 2017, Algorithm 1)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import isfinite

import torch

from fedray.data.examples import Examples, Indices
from fedray.errors import FedrayError
from fedray.randomness import numpy_generator, seed_torch, torch_generator
from fedray.task import Batch, Task
from fedray.training.flat_model import FlatModel
from fedray.training.settings import TrainingSettings


@dataclass(frozen=True)
class LocalTraining:
    """Whose training it is: everything its random numbers and its learning rate depend on."""

    seed: int
    round: int
    rounds: int
    user: int


class Diverged(FedrayError):
    """The loss is not a finite number."""


def train_locally(
    task: Task, model: FlatModel, examples: Examples, mine: Indices, settings: TrainingSettings, who: LocalTraining
) -> float:
    """Train ``model`` in place on the examples ``mine``; returns the mean loss over all steps.

    Raises Diverged when a step's loss is NaN or infinite.
    """
    seed_torch(who.seed, "dropout", who.round, who.user)
    augmentation = torch_generator(who.seed, "augment", who.round, who.user)
    optimizer = settings.optimizer.build(model.parameter)
    optimizer.zero_grad = model.zero_grad  # type: ignore[method-assign]
    model.module.train()
    steps = settings.local_epochs * len(_cuts(len(mine), settings.batch_size))
    total = 0.0
    for step, batch in enumerate(_batches(examples, mine, settings, who)):
        rate = settings.learning_rate * settings.schedule.factor((who.round - 1 + step / steps) / who.rounds)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with arithmetic(settings.precision):
            loss = float(task.train_step(model.module, task.augment(batch, augmentation), optimizer))
        if not isfinite(loss):
            raise Diverged(_diverged(who, step, steps, loss, batch))
        total += loss
    if not isfinite(float(model.weights.sum())):  # ten times as fast as asking every weight
        raise Diverged(
            f"The weights of user {who.user} became NaN or infinite in round {who.round}; lower training.learning_rate."
        )
    return total / max(steps, 1)


def arithmetic(precision: str) -> AbstractContextManager[object]:
    """The context in which forward passes and losses are computed."""
    return torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()


def _batches(examples: Examples, mine: Indices, settings: TrainingSettings, who: LocalTraining) -> Iterator[Batch]:
    rng = numpy_generator(who.seed, "shuffle", who.round, who.user)
    for _ in range(settings.local_epochs):
        shuffled = rng.permutation(mine)
        for start, end in _cuts(len(mine), settings.batch_size):
            yield examples.batch(shuffled[start:end])


def _cuts(examples: int, size: int) -> list[tuple[int, int]]:
    """Where batches begin and end. A last single example joins the batch before: BatchNorm cannot take it alone."""
    starts = list(range(0, examples, size))
    if len(starts) > 1 and examples - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], examples], strict=True))


def _diverged(who: LocalTraining, step: int, steps: int, loss: float, batch: Batch) -> str:
    bad = any(tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()) for tensor in batch)
    cause = "its examples hold NaN or infinite values: clean the data" if bad else "lower training.learning_rate"
    return f"The loss of user {who.user} in round {who.round} became {loss} at step {step + 1} of {steps}; {cause}."
