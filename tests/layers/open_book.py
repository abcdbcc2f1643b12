"""A run's ledger with its operator, who puts statements on record and shows participants what is there."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import TensorDataset

import ledger
from fedray.data.examples import Examples, examples_of
from fedray.layers.messages import CohortOrder, CommitProof, RevealOrder
from fedray.layers.participants import LedgerAccess, LocalParticipants
from ledger.folder import LedgerFolder

LOG, RUN = "example.org/log", "blobs-1"
OPERATOR = ledger.SigningKey.from_seed(bytes(32))
SECRET = bytes(range(32))
DATA: Examples = examples_of(TensorDataset(torch.arange(60.0).reshape(30, 2)))


def digest(text: str) -> str:
    """A digest to stand for something of that name."""
    return sha256(text.encode()).hexdigest()


def mine(user: int) -> np.ndarray:
    """The three examples of each user."""
    return np.arange(3) + 3 * user


def update(user: int, round: int) -> str:
    """What stands for the digest of the user's update."""
    return digest(f"update {user} {round}")


class Book:
    """A ledger in ``folder``. Of several books, all speak for one log: at most one of them is honest."""

    def __init__(self, folder: Path, models: int = 1) -> None:
        self.folder = folder
        self.log = ledger.Log.create(folder / "ledger", LOG, OPERATOR, keys=folder / "keys")
        self.access = LedgerAccess(LOG, RUN, OPERATOR.who, SECRET, folder / "memory")
        self.tell(ledger.sign(OPERATOR, "genesis", LOG, created_by="test", quorum="none", allocations=[]))
        for number in range(models):  # more of them make another book of the same log
            self.say(f"{RUN}{'-other' * number}", "run.open", recipe=digest("r"), created_by="test", staleness=0)
        self.say(RUN, "model.publish", round=0, parent="", model=digest("model 0"))

    def tell(self, *statements: ledger.Statement) -> list[int]:
        """Put statements on record; their places."""
        return [receipt.index for receipt in self.log.append_now(*statements, check=False)]

    def say(self, run: str, kind: str, **fields: ledger.Value) -> int:
        """Put a word of the operator's on record."""
        return self.tell(ledger.sign(OPERATOR, kind, LOG, run=run, **fields))[0]

    def participants(self, name: str = "node-0", memory: Path | None = None) -> LocalParticipants:
        """The participants of a process that has just begun."""
        return LocalParticipants(replace(self.access, memory=memory or self.access.memory), name)

    def open_round(self, round: int, users: int) -> None:
        """The server's word that a round begins."""
        self.say(RUN, "round.open", round=round, parent=digest(f"model {round - 1}"), users=users)

    def commit(self, people: LocalParticipants, round: int, users: Sequence[int]) -> dict[int, int]:
        """Have users commit to their updates; the places of their commitments. New ones open an account."""
        order = CohortOrder(round, 0, tuple(users), digest(f"model {round - 1}"))
        new = [user for user in users if self.log.state.named(f"user-{user}") is None]
        for user in new:
            self.tell(*people.register(user, DATA, mine(user)))
        said = [people.commit(order, user, update(user, round), 3) for user in users]
        return dict(zip(users, self.tell(*said), strict=True))

    def order(self, round: int, places: dict[int, int], since: Iterable[int] = ()) -> RevealOrder:
        """What the server asks of participants now; with consistency proofs from the sizes in ``since``."""
        self.log.publish().result()
        head, signed = self.log.published()
        folder = LedgerFolder(self.folder / "ledger")
        proofs = {
            user: CommitProof(one.entry, one.place, one.path)
            for user, one in zip(places, folder.prove(places.values(), head.size), strict=True)
        }
        return RevealOrder(round, signed, tuple(places), proofs, folder.consistency_paths(since, head.size))
