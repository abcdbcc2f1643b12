"""Holding a replayed log to every signed head there is: its newest checkpoint, its history, and what is remembered."""

from collections.abc import Sequence
from pathlib import Path

from ledger.errors import LedgerError, NoQuorum, Refused, Tampered
from ledger.policy import Policy
from ledger.proofs import check_inclusion
from ledger.source import Source
from ledger.verify.heads import History, Remembered, reason
from ledger.verify.replay import Replay
from ledger.verify.unfinished import makes_root


class Checkpoints:
    """Collects `problems` with remembered heads, which `agreed` does not have; Tampered is raised."""

    def __init__(self, replay: Replay, newest: Remembered, history: History, signatures: bool) -> None:
        self._replay, self._newest, self._history, self._signatures = replay, newest, history, signatures
        self.problems: list[LedgerError] = []
        self.notes: list[str] = []
        self.agreed: list[Remembered] = []
        self.count = 0
        self.has_quorum = False
        self._cosigned: list[int] = []  # which of the history have more signatures than the operator's
        self._size = newest.checkpoint.size
        self._due: list[tuple[int, Remembered | None]] = [(size, None) for size in history.sizes if size <= self._size]

    def remember(self, heads: Sequence[Remembered]) -> None:
        """Have these looked at in their turn."""
        self._due += [(head.checkpoint.size, head) for head in heads if head.checkpoint.size <= self._size]
        self._due.sort(key=lambda due: -due[0])

    def check_due(self) -> None:
        """Look at the heads of what has been replayed."""
        while self._due and self._due[-1][0] <= self._replay.tree.size:
            size, head = self._due.pop()
            if head is None:
                self._check_history(size)
            else:
                self._check_remembered(size, head)

    def check_newest(self, policy: Policy | None, *, own_key: bool) -> None:
        """Check the published checkpoint; `own_key`: that whoever the entries say operates the log has signed it."""
        newest = self._newest
        if own_key:
            self._check_signed(newest, newest.name)
        if newest.checkpoint.root != self._replay.tree.root_at(self._size):
            raise Tampered(newest.name, "its root is not that of the entries")
        if self._history:
            kept = self._history.read(self._size, newest.checkpoint.origin)
            # The history gets new cosignatures first, so after a crash it may have more of them, never fewer.
            if not {*newest.note.signatures} <= {*kept.note.signatures}:
                raise Tampered(newest.name, f"it has signature lines that history/{self._size} lacks")
        else:
            self.count += 1
        self._check_cosignatures()
        if policy:
            self._check_policy(policy)

    def check_ahead(self, heads: Sequence[Remembered], source: Source, folder: Path | None) -> None:
        """Signed heads of more entries than are published: these are under way, or they were there once."""
        ahead = [head for head in heads if head.checkpoint.size > self._size]
        for size in self._history.sizes:
            if size > self._size:
                ahead.append(self._history.read(size, self._newest.checkpoint.origin))
                self._check_signed(ahead[-1], f"history/{size}")
        for head in ahead:
            if makes_root(source, folder, self._replay.tree, head.checkpoint.size, head.checkpoint.root):
                self.agreed.append(head)
                more = head.checkpoint.size - self._size
                self.notes.append(
                    f"{head.name} is {more} entries ahead of what is published: a writer is at work or was interrupted"
                )
            else:
                self.problems.append(head.behind(self._size))

    def _check_history(self, size: int) -> None:
        head = self._history.read(size, self._newest.checkpoint.origin)
        if head.checkpoint.root != self._replay.tree.root_at(size):
            raise Tampered(f"history/{size}", f"its root is not that of the first {size} entries")
        if self._signatures:
            self._check_signed(head, f"history/{size}")
        if any(line.name != head.checkpoint.origin for line in head.note.signatures):
            self._cosigned.append(size)  # by somebody who may be yet to register
        self.count += 1

    def _check_cosignatures(self) -> None:
        """What bears the name and key id of an account must be by it, all accounts being known by now."""
        if not self._signatures:
            return
        unknown = 0
        heads = ((f"history/{size}", size) for size in self._cosigned)
        for where, note in (
            (self._newest.name, self._newest.note),
            *((where, self._history.read(size, self._newest.checkpoint.origin).note) for where, size in heads),
        ):
            try:
                unknown += self._replay.cosigners.check(note)
            except Refused as error:
                raise Tampered(where, reason(error)) from error
        if unknown:
            self.notes.append(f"{unknown} signature lines bear an account's name but no key of its: they say nothing")

    def _check_remembered(self, size: int, head: Remembered) -> None:
        if head.checkpoint.root != self._replay.tree.root_at(size):
            self.problems.append(head.rewritten(self._is_signed(head)))
            return
        self.agreed.append(head)
        if head.receipt is not None:
            leaf = self._replay.tree.leaf(head.receipt.index)
            check_inclusion(leaf, head.receipt.index, size, head.receipt.path, head.checkpoint.root)

    def _check_signed(self, head: Remembered, where: str) -> None:
        if not self._replay.operators.since:
            return  # an empty log has no genesis to say who must sign
        try:
            self._replay.operators.check(head.note, head.checkpoint.size)
        except Refused as error:
            raise Tampered(where, reason(error)) from error

    def _is_signed(self, head: Remembered) -> bool:
        try:
            self._check_signed(head, head.name)
        except Tampered:
            return False
        return True

    def _check_policy(self, policy: Policy) -> None:
        try:
            policy.check(self._newest.note)
            self.has_quorum = True
        except NoQuorum as problem:
            self.problems.append(problem)
        except Refused as error:
            raise Tampered(self._newest.name, reason(error)) from error
