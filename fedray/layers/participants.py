"""The ledger side of a node: its users' and its own statements, and their memory of the ledger they have seen.

Everyone who takes part is a witness: remembers the last checkpoint it saw, and cosigns only what continues it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import ledger
from fedray.data.examples import Examples, Indices
from fedray.errors import FedrayError
from fedray.layers.end_user import EndUser
from fedray.layers.messages import CohortOrder, Revealed, RevealOrder, UserReport
from ledger.witness.cosigner import Participants
from ledger.witness.memory import Memory
from ledger.witness.unrevealed import Commitment, Unrevealed


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
        self._memory, self._unrevealed = Memory(access.memory), Unrevealed(access.memory)
        self._introduced = False
        self._updates: dict[tuple[int, int], str] = {}  # (round, user) -> digest
        self._disk = ThreadPoolExecutor(1, "fedray-memory")  # training does not wait for a flush

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
        self._updates[order.round, user] = update
        return self._user(user).commit(order.round, order.parent, update, examples)

    def report(self, order: CohortOrder, reports: Sequence[UserReport], work: int, seconds: float) -> ledger.Statement:
        """The node's statement of its work on a cohort: ``work`` examples went through the network and back.

        From now on a death of this process no longer keeps the cohort's users from revealing.
        """
        self._disk.submit(self._write_down, order.round, order.users)
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
        """Have all check that the checkpoint holds their commitments and continues the last, cosign, and reveal."""
        try:
            missing = self._unproved(order)
            return Revealed(behind=missing) if missing else self._reveal(order)
        except (FedrayError, ledger.LedgerError) as error:
            return Revealed(objection=str(error))

    def _reveal(self, order: RevealOrder) -> Revealed:
        checkpoint = ledger.open_checkpoint(order.checkpoint, self._logs).checkpoint
        updates = {user: update for user in order.commits if (update := self._update(order.round, user))}
        for user, update in updates.items():
            self._user(user).check_commit(order.commits[user], checkpoint, order.round, update)
        participants = Participants(self._memory, self._logs)
        signatures = participants.cosign(order.checkpoint, self._cosigners(order), order.consistency.__getitem__)
        statements = tuple(self._user(user).reveal(order.round, update) for user, update in updates.items())
        self._disk.submit(self._forget, order.round, tuple(order.commits))
        return Revealed(statements, signatures)

    def _unproved(self, order: RevealOrder) -> tuple[int, ...]:
        """The sizes that somebody here saw last and the order has no proof from."""
        size = ledger.open_checkpoint(order.checkpoint, self._logs).checkpoint.size
        heads = self._memory.heads([who.vkey.name for who in self._cosigners(order)], self._access.log)
        return tuple({head.size for head in heads.values() if 0 < head.size < size} - order.consistency.keys())

    def _cosigners(self, order: RevealOrder) -> list[ledger.Cosigner]:
        return [*(self._user(user).cosigner() for user in order.commits), ledger.Cosigner(self._name, self._key)]

    def _user(self, user: int) -> EndUser:
        key = ledger.SigningKey.derive(self._access.secret, f"user-{user}")
        return EndUser(user, key, self._access.log, self._access.run)

    def _update(self, round: int, user: int) -> str | None:
        """What the user committed to; from the file when it did so in a process that has died."""
        known = self._updates.get((round, user))
        kept = None if known else self._unrevealed.get(self._user(user).who, self._access.run, round)
        return kept.digest if kept else known

    def _write_down(self, round: int, users: Sequence[int]) -> None:
        new = [self._commitment(round, user) for user in users]
        old = [self._unrevealed.get(who.who, who.run, round) for who in new]
        self._unrevealed.delete([kept for kept in old if kept])  # of a round that a resumed run trains again
        self._unrevealed.put(new)

    def _forget(self, round: int, users: Sequence[int]) -> None:
        known = [self._commitment(round, user) for user in users if (round, user) in self._updates]
        with suppress(ledger.LedgerError):  # nothing is lost when it stays
            self._unrevealed.delete(known)
        for user in users:
            self._updates.pop((round, user), None)

    def _commitment(self, round: int, user: int) -> Commitment:
        who, update = self._user(user), self._updates[round, user]
        return Commitment(who.who, self._access.run, round, who.salt(round), update)
