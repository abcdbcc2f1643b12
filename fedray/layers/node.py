"""The node: trains cohorts, reduces them to one partial sum, evaluates; signs a report of its work."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from fedray.app import App
from fedray.data.examples import Examples, examples_of
from fedray.data.partition import Partition
from fedray.errors import InvalidInput
from fedray.layers.messages import CohortOrder, CohortResult, Revealed, RevealOrder, ShardResult, UserReport
from fedray.layers.participants import LedgerAccess, LocalParticipants
from fedray.randomness import seed_torch
from fedray.strategies import Strategy
from fedray.task import Task
from fedray.training.allocator import keep_freed_memory
from fedray.training.flat_model import FlatModel, Weights
from fedray.training.local import LocalTraining, arithmetic, train_locally
from fedray.training.settings import TrainingSettings
from ledger import Statement


@dataclass(frozen=True)
class NodeSetup:
    """Everything a node needs to know; the same for all nodes of a run. ``ledger`` is None without one."""

    app_folder: Path
    task_options: dict[str, Any]
    training: TrainingSettings
    strategy: Strategy
    partition: Partition
    seed: int
    rounds: int
    threads: int
    evaluation_batch: int
    ledger: LedgerAccess | None


class Node:
    """One computing node of a run."""

    def __init__(self, setup: NodeSetup, name: str) -> None:
        torch.set_num_threads(setup.threads)
        keep_freed_memory()
        self._setup = setup
        self._name = name
        task = App.find(setup.app_folder).load_task()
        self._task: Task = task(task.Options.model_validate(setup.task_options))
        self._model = initial_model(self._task, setup.seed)
        self._start = torch.empty_like(self._model.weights)
        self._train = examples_of(self._task.train_data())
        self._test: Examples | None = None
        self._ledger = LocalParticipants(setup.ledger, name) if setup.ledger else None

    def train_cohorts(self, orders: tuple[CohortOrder, ...], weights: Weights) -> list[CohortResult]:
        """Train several short cohorts that travelled in one message, each to a partial sum of its own."""
        return [self.train_cohort(order, weights) for order in orders]

    def train_cohort(self, order: CohortOrder, weights: Weights) -> CohortResult:
        """Train every user of the cohort from ``weights`` (P,), one after the other, and add up their updates."""
        started = time.perf_counter()
        self._start.numpy()[:] = weights
        total = torch.zeros_like(self._start)
        reports: list[UserReport] = []
        statements: list[Statement] = []
        weight_sum = 0.0
        for user in order.users:
            report = self._train_user(user, order, weights)
            reports.append(report)
            weight = self._setup.strategy.client_weight(report.examples)
            statements += self._speak_for(user, order)
            total.add_(self._model.weights.sub_(self._start), alpha=weight)
            weight_sum += weight
        seconds = time.perf_counter() - started
        statements += self._report_work(order, reports, seconds)
        return CohortResult(order.cohort, total.numpy(), weight_sum, tuple(reports), seconds, tuple(statements))

    def reveal(self, order: RevealOrder) -> Revealed:
        """Have the users of a round look at the ledger, cosign it, and reveal what they committed to."""
        assert self._ledger is not None
        return self._ledger.reveal(order)

    def evaluate(self, shard: int, shards: int, weights: Weights) -> ShardResult:
        """Sum the task's metrics over one part of the test set, with ``weights`` (P,)."""
        if self._test is None:
            self._test = examples_of(self._task.test_data())
        self._model.load(weights)
        self._model.module.eval()
        mine = np.array_split(np.arange(len(self._test)), shards)[shard]
        sums: dict[str, float] = {}
        size = self._setup.evaluation_batch
        with torch.no_grad(), arithmetic(self._setup.training.precision):
            for start in range(0, len(mine), size):
                batch = self._test.batch(mine[start : start + size])
                for name, values in self._task.metrics(self._model.module, batch).items():
                    sums[name] = sums.get(name, 0.0) + float(values.double().sum())
        return ShardResult(shard, sums, len(mine))

    def _train_user(self, user: int, order: CohortOrder, weights: Weights) -> UserReport:
        self._model.load(weights)
        mine = self._setup.partition.of(user)
        who = LocalTraining(self._setup.seed, order.round, self._setup.rounds, user)
        try:
            loss = train_locally(self._task, self._model, self._train, mine, self._setup.training, who)
        except Exception as error:
            error.add_note(f"user {user} in round {order.round}")
            raise
        return UserReport(user, len(mine), loss)

    def _speak_for(self, user: int, order: CohortOrder) -> list[Statement]:
        """What a user states about the update it has just trained."""
        if self._ledger is None:
            return []
        mine = self._setup.partition.of(user)
        new = self._ledger.register(user, self._train, mine) if user in order.register else []
        return [*new, self._ledger.commit(order, user, sha256(save(self._model.state_dict())).hexdigest(), len(mine))]

    def _report_work(self, order: CohortOrder, reports: Sequence[UserReport], seconds: float) -> list[Statement]:
        if self._ledger is None:
            return []
        work = self._setup.training.local_epochs * sum(report.examples for report in reports)
        return [*self._ledger.introduce(), self._ledger.report(order, reports, work, seconds)]


def initial_model(task: Task, seed: int) -> FlatModel:
    """The model every run of this seed starts from."""
    seed_torch(seed, "initial weights")
    module = task.model()
    if not isinstance(module, nn.Module):
        raise InvalidInput(f"The task's model() returned {type(module).__name__}; return a torch.nn.Module.")
    return FlatModel(module)
