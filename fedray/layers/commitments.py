"""What the users of a node have committed to and not yet revealed: at hand, and behind it in a file.

The file serves the process that takes over when this one dies. A thread writes it, all that has piled up at once,
so that training does not wait for a flush.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock

import ledger
from ledger.witness.unrevealed import Commitment, Unrevealed


class Commitments:
    """The commitments of the participants that share the file ``memory``."""

    def __init__(self, memory: Path) -> None:
        self._file = Unrevealed(memory)
        self._known: dict[tuple[str, str, int], Commitment] = {}
        self._new: list[Commitment] = []
        self._old: list[Commitment] = []
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, "fedray-commitments")

    def add(self, new: Commitment) -> None:
        """Remember a commitment."""
        with self._lock:
            self._known[new.who, new.run, new.round] = new
            self._new.append(new)
        self._write_soon()

    def get(self, who: str, run: str, round: int) -> Commitment | None:
        """What ``who`` committed to, perhaps in a process that has died; None when it is not known."""
        known = self._known.get((who, run, round))
        return known or self._file.get(who, run, round)

    def forget(self, old: list[Commitment]) -> None:
        """Let go of what has been revealed."""
        with self._lock:
            for commitment in old:
                self._known.pop((commitment.who, commitment.run, commitment.round), None)
            self._old += old
        self._write_soon()

    def _write_soon(self) -> None:
        self._thread.submit(self._write)

    def _write(self) -> None:
        with self._lock:
            new, old = self._new, self._old
            self._new, self._old = [], []
        with suppress(ledger.LedgerError):  # what stays does no harm
            if old:
                self._file.delete(old)
        with suppress(ledger.LedgerError):  # without the file, the updates of a process that dies stay unrevealed
            if new:
                self._put(new)

    def _put(self, new: list[Commitment]) -> None:
        try:
            self._file.put(new)
        except ledger.Refused:  # one is of a round that a resumed run has trained again, to other weights
            kept = [self._file.get(commitment.who, commitment.run, commitment.round) for commitment in new]
            self._file.delete([commitment for commitment in kept if commitment])
            self._file.put(new)
