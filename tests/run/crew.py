"""A run without training: a record, and workers whose users make up their updates but are real in all else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import TensorDataset

from fedray.app import App
from fedray.data.examples import examples_of
from fedray.layers.messages import CohortOrder, CohortResult, Revealed, RevealOrder, UserReport
from fedray.layers.participants import LocalParticipants
from fedray.run.record import Record
from ledger import Statement

DATA = examples_of(TensorDataset(torch.arange(2000.0)))
Cohorts = Sequence[tuple[int, Sequence[int]]]
"""For each cohort the worker that trains it, and its users."""


def digest(text: str) -> str:
    """A digest to stand for something of that name."""
    return sha256(text.encode()).hexdigest()


def model(number: int) -> str:
    """The model after round ``number``."""
    return digest(f"model {number}")


class Crew:
    """A run in the folder ``run`` that begins, or goes on from ``round``."""

    def __init__(self, run: Path, app: Path, quorum: str = "majority", round: int = 0) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self.run = run
        self.record = Record.open(run / "ledger", run / "keys", App.find(app), b"recipe", quorum, round, model(round))
        self.access = self.record.access(run / "memory")
        self.workers: dict[int, LocalParticipants] = {}

    @property
    def ledger(self) -> Path:
        """The ledger's folder."""
        return self.run / "ledger"

    def hire(self, worker: int) -> LocalParticipants:
        """Start a worker's process, perhaps in the place of one that died."""
        self.workers[worker] = LocalParticipants(self.access, f"node-{worker}")
        return self.workers[worker]

    def train(self, round: int, cohorts: Cohorts) -> None:
        """Have workers train; the record hears of each cohort."""
        for number, (worker, users) in enumerate(cohorts):
            people = self.workers.get(worker) or self.hire(worker)
            new = tuple(user for user in users if not self.record.is_registered(user))
            order = CohortOrder(round, number, tuple(users), model(round - 1), new)
            self.record.receive(worker, _trained(people, order))

    def close(self, round: int) -> None:
        """Merge the round into its model."""
        self.record.close_round(round, model(round - 1), model(round))

    def ask(self) -> dict[int, RevealOrder]:
        """Wait until there is something to ask of workers; what, by worker."""
        while True:
            orders = dict(self.record.orders())
            if orders or not self.record.unsettled:
                return orders
            self.record.wait()

    def answer(self, orders: Mapping[int, RevealOrder], change: Callable[[Revealed], Revealed] | None = None) -> None:
        """Have workers answer, or say what ``change`` makes of it."""
        for worker, order in orders.items():
            revealed = self.workers[worker].reveal(order)
            self.record.answered(worker, change(revealed) if change else revealed)

    def settle(self) -> None:
        """Go on asking and answering until every closed round is in the ledger."""
        while self.record.unsettled:
            self.answer(self.ask())
        self.record.flush()

    def whole_round(self, round: int, cohorts: Cohorts) -> None:
        """Train, merge and settle one round."""
        self.train(round, cohorts)
        self.close(round)
        self.settle()

    def end(self, rounds: int) -> None:
        """The run's last word, cosigned, and the ledger closed."""
        for worker, order in self.record.close(rounds, model(rounds)):
            self.record.answered(worker, self.workers[worker].reveal(order))
        self.record.flush()
        self.record.release()


def _trained(people: LocalParticipants, order: CohortOrder) -> CohortResult:
    said: list[Statement] = []
    for user in order.users:
        if user in order.register:
            said += people.register(user, DATA, np.arange(3) + 3 * user)
        said.append(people.commit(order, user, digest(f"update {user} {order.round}"), 3))
    reports = tuple(UserReport(user, 3, 0.5) for user in order.users)
    said += [*people.introduce(), people.report(order, reports, 3 * len(reports), 0.25)]
    return CohortResult(order.cohort, np.zeros(1, "f4"), 3.0 * len(reports), reports, 0.25, tuple(said))


def without_cosignatures(revealed: Revealed) -> Revealed:
    """What a worker says whose users did not cosign."""
    return replace(revealed, cosignatures={})
