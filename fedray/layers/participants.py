"""The ledger side of a node: its users' and its own statements, and their memory of the ledger they have seen.

Everyone who takes part is a witness: remembers the last checkpoint it saw, and cosigns only what continues it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import ledger
from fedray.data.examples import Examples, Indices
from fedray.errors import FedrayError, StorageError
from fedray.layers.commitments import Commitments
from fedray.layers.end_user import EndUser
from fedray.layers.messages import CohortOrder, Revealed, RevealOrder, UserReport
from ledger.witness.cosigner import Participants
from ledger.witness.memory import Memory
from ledger.witness.unrevealed import Commitment


@dataclass(frozen=True)
class LedgerAccess:
    """What participants need to know of the run's ledger.

    ``secret``: from which the keys of virtual users and of nodes derive. ``operator``: the server's public key.
    ``memory``: the file of what they have seen, shared by the nodes of a machine.
    """

    log: str
    run: str
    operator: str
    secret: bytes
    memory: Path


class LocalParticipants:
    """The node ``name`` and the virtual users that live with it."""

    def __init__(self, access: LedgerAccess, name: str) -> None:
        self._access, self._name = access, name
        self._key = ledger.SigningKey.derive(access.secret, name)
        access.memory.parent.mkdir(parents=True, exist_ok=True)
        self._logs = [ledger.log_vkey(access.log, access.operator)]
        self._memory, self._commitments = Memory(access.memory), Commitments(access.memory)
        self._revealed: list[Commitment] = []
        self._introduced = False
        self._user = lru_cache(4096)(self._make_user)  # deriving a key takes as long as two signatures

    def introduce(self) -> list[ledger.Statement]:
        """The node's account, once in this process."""
        if self._introduced:
            return []
        self._introduced = True
        return [ledger.sign(self._key, "account.register", self._access.log, name=self._name, role="node")]

    def register(self, user: int, examples: Examples, mine: Indices) -> list[ledger.Statement]:
        """A user's account and data."""
        return self._user(user).register(examples, mine)

    def commit(self, order: CohortOrder, user: int, update: str, examples: int) -> ledger.Statement:
        """A user's commitment to its update, which is remembered until it is revealed."""
        who = self._user(user)
        self._commitments.add(Commitment(who.who, self._access.run, order.round, who.salt(order.round), update))
        return who.commit(order.round, order.parent, update, examples)

    def report(self, order: CohortOrder, reports: Sequence[UserReport], work: int, seconds: float) -> ledger.Statement:
        """The node's statement of its work on a cohort: ``work`` examples went through the network and back."""
        return ledger.sign(
            self._key,
            "compute.report",
            self._access.log,
            run=self._access.run,
            round=order.round,
            cohort=order.cohort,
            work=work,
            examples=sum(report.examples for report in reports),
            seconds_us=round(seconds * 1e6),
            users=len(reports),
        )

    def reveal(self, order: RevealOrder) -> Revealed:
        """Have all check that the checkpoint holds their commitments and continues the last, cosign, and reveal.

        Raises StorageError when what they see cannot be remembered.
        """
        try:
            missing = self._unproved(order)
            return Revealed(behind=missing) if missing else self._reveal(order)
        except ledger.LedgerIOError as error:
            raise StorageError(f"The participants cannot remember what they see of the ledger: {error}") from None
        except (FedrayError, ledger.LedgerError) as error:
            return Revealed(objection=str(error))

    def _reveal(self, order: RevealOrder) -> Revealed:
        checkpoint = ledger.open_checkpoint(order.checkpoint, self._logs).checkpoint
        known = {user: kept for user in order.commits if (kept := self._commitment(order.round, user))}
        for user, kept in known.items():
            self._user(user).check_commit(order.commits[user], checkpoint, order.round, kept.digest)
        participants = Participants(self._memory, self._logs)
        signatures = participants.cosign(order.checkpoint, self._cosigners(order), order.consistency.__getitem__)
        statements = tuple(self._user(user).reveal(order.round, kept.digest) for user, kept in known.items())
        self._forget_before(order.round)
        self._revealed += known.values()
        return Revealed(statements, signatures)

    def _forget_before(self, round: int) -> None:
        """Of this round nothing yet: should the answer get lost with this process, the next one is asked again."""
        self._commitments.forget([old for old in self._revealed if old.round < round])
        self._revealed = [kept for kept in self._revealed if kept.round >= round]

    def _unproved(self, order: RevealOrder) -> tuple[int, ...]:
        """The sizes that somebody here saw last and the order has no proof from."""
        size = ledger.open_checkpoint(order.checkpoint, self._logs).checkpoint.size
        heads = self._memory.heads([who.vkey.name for who in self._cosigners(order)], self._access.log)
        return tuple({head.size for head in heads.values() if 0 < head.size < size} - order.consistency.keys())

    def _cosigners(self, order: RevealOrder) -> list[ledger.Cosigner]:
        return [*(self._user(user).cosigner() for user in order.users), ledger.Cosigner(self._name, self._key)]

    def _make_user(self, user: int) -> EndUser:
        key = ledger.SigningKey.derive(self._access.secret, f"user-{user}")
        return EndUser(user, key, self._access.log, self._access.run)

    def _commitment(self, round: int, user: int) -> Commitment | None:
        return self._commitments.get(self._user(user).who, self._access.run, round)
