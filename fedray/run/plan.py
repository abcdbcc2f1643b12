"""What a run will do, worked out and checked before any of it starts: task, data, users, model."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch

from fedray.app import App
from fedray.architectures.cohorts import cut_cohorts, select_users
from fedray.architectures.work import EvaluateShard, TrainCohort
from fedray.data.examples import Examples, examples_of
from fedray.data.partition import Partition, divide
from fedray.errors import InvalidInput
from fedray.layers.node import initial_model
from fedray.run.recipe import Recipe
from fedray.run.task_failed import shown_once
from fedray.task import Progress, Task
from fedray.training.flat_model import FlatModel

FORWARD_SHARE = 3
"""Training an example costs about this many times its evaluation: a forward and a twice as dear backward pass."""
_METRIC_NAME = re.compile(r"[a-z0-9_]+")
_COLUMNS = {"round", "kind", "users", "examples", "train_loss", "seconds", "bytes_sent"}


@dataclass(frozen=True)
class Plan:
    """A run that is ready to start."""

    app: App
    recipe: Recipe
    task: Task
    partition: Partition
    model: FlatModel
    test_examples: int

    def cohorts(self, round: int) -> tuple[TrainCohort, ...]:
        """The cohorts that train in a round."""
        recipe, counts = self.recipe, self.partition.counts()
        users = select_users(recipe.seed, round, len(self.partition), recipe.users_per_round())
        costs = [int(count) * recipe.training.local_epochs for count in counts]
        return cut_cohorts(round, users, recipe.users.cohort_size, costs)

    def evaluation(self, round: int) -> tuple[EvaluateShard, ...]:
        """The parts of the test set to evaluate the model of a round on; none when it is not to be evaluated."""
        every, shards = self.recipe.evaluation.every, self.recipe.evaluation.shards
        due = round == self.recipe.rounds or (every and round % every == 0)
        cost = ceil(self.test_examples / shards / FORWARD_SHARE)
        return tuple(EvaluateShard(round, shard, shards, cost) for shard in range(shards)) if due else ()


def make_plan(app: App, recipe: Recipe, task: Task, progress: Progress) -> Plan:
    """Prepare the data, divide it, build the model and try one batch. Raises InvalidInput, or TaskFailed."""
    torch.set_num_threads(recipe.threads_per_worker)
    with shown_once(app.folder, "while preparing the data"):
        task.prepare(progress)
        train = examples_of(task.train_data())
        labels = task.labels()
    partition = divide(recipe.users.partition, len(train), labels, recipe.users.count, recipe.seed)
    with shown_once(app.folder, "while building the model"):
        model = initial_model(task, recipe.seed)
    with shown_once(app.folder, "on a trial batch, before round 1"):
        test = examples_of(task.test_data())
        means = _try_batch(task, model, train, test)
    plan = Plan(app, recipe, task, partition, model, len(test))
    summary(plan, means)
    return plan


def summary(plan: Plan, means: Mapping[str, float]) -> dict[str, float]:
    """The task's metrics as plain numbers. Raises TaskFailed, or InvalidInput for a name that cannot be kept."""
    with shown_once(plan.app.folder, "in summarise()"):
        metrics = {name: float(value) for name, value in plan.task.summarise(means).items()}
    for name in metrics:
        _check_name(name)
    if plan.task.headline not in metrics:
        raise InvalidInput(
            f"The task's headline is '{plan.task.headline}', which is none of its metrics ({', '.join(metrics)})."
        )
    return metrics


def _check_name(name: str) -> None:
    if not _METRIC_NAME.fullmatch(name):
        raise InvalidInput(f"The task's metric '{name}' has a name the ledger cannot hold; use a-z, 0-9 and _.")
    if name in _COLUMNS:
        raise InvalidInput(f"The task's metric '{name}' has the name of a column of the history; choose another.")


def _try_batch(task: Task, model: FlatModel, train: Examples, test: Examples) -> dict[str, float]:
    if not len(test):
        raise InvalidInput("The task's test_data() is empty; hold some examples back for testing.")
    model.module.eval()
    _check_loss(task, task.loss(model.module, train.batch(np.arange(min(2, len(train))))))
    with torch.no_grad():
        size = min(2, len(test))
        means: dict[str, float] = {}
        metrics = task.metrics(model.module, test.batch(np.arange(size)))
        if not (isinstance(metrics, Mapping) and all(isinstance(value, torch.Tensor) for value in metrics.values())):
            raise InvalidInput("The task's metrics() must return a dictionary from names to tensors of shape (B,).")
        for name, values in metrics.items():
            _check_name(name)
            if tuple(values.shape) != (size,):
                raise InvalidInput(
                    f"The task's metric '{name}' has shape {tuple(values.shape)} for a batch of {size}; "
                    f"return one value for each example, shape ({size},)."
                )
            means[name] = float(values.double().mean())
    return means


def _check_loss(task: Task, loss: object) -> None:
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        got = f"shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else repr(loss)
        raise InvalidInput(f"The task's loss() returned {got}; return a scalar tensor, such as a mean.")
    if type(task).train_step is Task.train_step and not loss.requires_grad:
        raise InvalidInput("The task's loss() does not depend on the model's parameters; do not detach it.")


def virtual_duration(plan: Plan) -> Callable[[object], float]:
    """Seconds of virtual time a piece of work takes: a cohort's devices train side by side; evaluation takes none."""
    recipe, counts = plan.recipe, plan.partition.counts()
    model_bytes = plan.model.weights.numel() * 4

    def seconds(works: object) -> float:
        if not isinstance(works, tuple):
            return 0.0
        users = [user for work in works for user in work.users]
        examples = {user: int(counts[user]) * recipe.training.local_epochs for user in users}
        return max(recipe.devices.seconds(recipe.seed, user, count, model_bytes) for user, count in examples.items())

    return seconds
