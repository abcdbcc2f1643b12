"""One round's way into the ledger: commitments recorded, looked at and cosigned, revealed, closed.

No files, no threads: the record asks it what to append and whom to ask, and tells it what came back.
"""

import base64
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import ledger
from fedray.errors import FedrayError
from fedray.layers.messages import CohortResult, CommitProof, Revealed, RevealOrder
from fedray.run.recipe import MOST_COSIGNATURES
from ledger.folder import Proved

MOST_SIGNATURE_LINES = 90
Body = dict[str, ledger.Value]


class Settlement:
    """Round `number` of a run, trained from the model `parent` into `model` by the cohorts' `results`."""

    def __init__(self, number: int, parent: str, model: str, results: Mapping[int, tuple[int, CohortResult]]) -> None:
        self.number, self._parent, self._model = number, parent, model
        self._results = [results[cohort] for cohort in sorted(results)]
        self._orders: dict[int, RevealOrder] = {}
        self._reveals: list[ledger.Statement] = []
        self._head: ledger.Checkpoint | None = None
        self._users = {f"user-{report.user}" for _, result in self._results for report in result.reports}
        self.evaluations: list[Body] = []
        self.cosignatures: dict[str, ledger.Signature] = {}

    @property
    def users(self) -> int:
        """How many were picked."""
        return len(self._users)

    def opening(self, known: Mapping[str, Collection[str]]) -> tuple[Body, list[ledger.Statement]]:
        """What the server says first, and then what was said in training.

        ``known``: whose account.register and data.register the ledger has, by kind; they are not repeated.
        """
        accounts, others = dict[str, ledger.Statement](), list[ledger.Statement]()
        for _, result in self._results:
            for statement in result.statements:
                kind, who = str(statement.body["kind"]), str(statement.body["who"])
                if who in known.get(kind, ()):
                    continue
                if kind == "account.register":
                    accounts[who] = statement  # first, for a node may have trained a later cohort before this one
                else:
                    others.append(statement)
        return {"round": self.number, "parent": self._parent, "users": self.users}, [*accounts.values(), *others]

    def ask(self, head: ledger.Checkpoint, signed: bytes, commits: Iterable[Proved]) -> None:
        """Prepare an order for each worker that trained users of the round: look at `head`, cosign and reveal."""
        self._head = head
        of_user = {ledger.decode_entry(proved.entry).statement.body["commitment"]: proved for proved in commits}
        for worker, result in self._results:
            order = self._orders.get(worker) or RevealOrder(self.number, signed, ())
            users = iter(report.user for report in result.reports)
            mine = dict(order.commits)
            for statement in result.statements:
                if statement.body["kind"] == "update.commit":
                    proved = of_user[statement.body["commitment"]]
                    mine[next(users)] = CommitProof(proved.entry, proved.place, proved.path)
            self._orders[worker] = replace(order, users=tuple(mine), commits=mine)

    def by_worker(self) -> dict[int, tuple[int, ...]]:
        """The users each worker trained."""
        users: dict[int, tuple[int, ...]] = {}
        for worker, result in self._results:
            users[worker] = (*users.get(worker, ()), *(report.user for report in result.reports))
        return users

    @property
    def orders(self) -> Mapping[int, RevealOrder]:
        """The orders without an answer, by worker."""
        return self._orders

    @property
    def asked(self) -> bool:
        """Whether the orders have been prepared."""
        return self._head is not None

    def prove(self, worker: int, proofs: Mapping[int, tuple[bytes, ...]]) -> RevealOrder:
        """The worker's order with consistency proofs added."""
        order = self._orders[worker]
        self._orders[worker] = replace(order, consistency={**order.consistency, **proofs})
        return self._orders[worker]

    def answer(self, worker: int, revealed: Revealed) -> None:
        """Take in what a worker's participants said. FedrayError when one of them objects to the ledger."""
        if revealed.objection:
            raise FedrayError(f"A participant objects to the ledger in round {self.number}: {revealed.objection}")
        del self._orders[worker]
        self._reveals += revealed.statements
        self.cosignatures.update(revealed.cosignatures)

    def witnessed(self) -> tuple[int, list[ledger.Signature]]:
        """The size of the checkpoint that was looked at, and the lines to add to it: a note has room for so many."""
        assert self._head is not None
        return self._head.size, list(self.cosignatures.values())[:MOST_SIGNATURE_LINES]

    def closing(self, accounts: Mapping[str, str]) -> tuple[list[ledger.Statement], Body]:
        """The reveals, and what the server says last; `accounts` gives the public key to a name."""
        head = self._head
        assert head is not None
        examples = sum(report.examples for _, result in self._results for report in result.reports)
        users_first = sorted(self.cosignatures, key=lambda name: name not in self._users)
        cosigned: list[ledger.Value] = [
            _said(accounts[name], self.cosignatures[name]) for name in users_first[:MOST_COSIGNATURES]
        ]
        return self._reveals, {
            "round": self.number,
            "parent": self._parent,
            "model": self._model,
            "updates": self.users,
            "examples": examples,
            "revealed": len(self._reveals),
            "head_size": head.size,
            "head_root": head.root.hex(),
            "cosignatures": cosigned,
        }


def _said(who: str, signature: ledger.Signature) -> Body:
    """A cosignature/v1 as a statement carries it: its field is u64 time || 64 bytes."""
    time, signed = int.from_bytes(signature.data[:8], "big"), signature.data[8:]
    return {"who": who, "time": time, "sig": base64.b64encode(signed).decode()}
