"""Signed heads beside the newest checkpoint: the history, and what somebody remembers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger import strict
from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.errors import Refused, RolledBack, Tampered
from ledger.fs import read, reported
from ledger.note import Note, VerifierKey, check_note, parse_note
from ledger.receipt import Receipt, parse_receipt
from ledger.vkey import log_vkey

_RECEIPT = b"c2sp.org/tlog-proof"
_MOST_BYTES = 1 << 20  # of a checkpoint with all its cosignatures


class Operators:
    """Who signs for the log from which size on, by its own entries."""

    def __init__(self, origin: str, since: Iterable[tuple[int, str]] = ()) -> None:
        self._origin = origin
        self.since: list[tuple[int, str]] = list(since)

    def check(self, note: Note, size: int) -> tuple[VerifierKey, ...]:
        """The keys that must sign a checkpoint of this size, and have; the one of a hand-over is signed by both.

        Refused otherwise, and when nobody is known to, for want of a genesis.
        """
        keys = self._keys(size)
        signed = check_note(note, keys)
        missing = [key for key in keys if key not in signed]
        if missing:
            raise Refused(f"the operator's key at size {size}, {missing[0]}, did not sign it")
        return signed

    def _keys(self, size: int) -> list[VerifierKey]:
        known = [(start, who) for start, who in self.since if start <= size]
        whos = [who for _, who in known[-1:]]
        whos += [who for _, who in known[-2:-1] if known[-1][0] == size]
        return [log_vkey(self._origin, who) for who in whos]


@dataclass(frozen=True)
class Remembered:
    """A signed checkpoint that someone kept: `name` says who; `receipt` is what it came in, if in one."""

    name: str
    checkpoint: Checkpoint
    note: Note
    receipt: Receipt | None = None

    @classmethod
    def read(cls, name: str, data: bytes) -> "Remembered":
        """What is in the bytes of a signed checkpoint or of a receipt; Refused for anything else."""
        receipt = parse_receipt(data) if data.startswith(_RECEIPT) else None
        note = parse_note(receipt.checkpoint if receipt else data)
        return cls(name, parse_checkpoint(note.text), note, receipt)

    def rewritten(self, signed: bool) -> RolledBack:
        """The error for entries that are not those it was signed over; `signed`: by this ledger's operator."""
        size = self.checkpoint.size
        who = "this ledger's operator signed both" if signed else "this ledger's operator did not sign it"
        return RolledBack(
            f"{self.name} covers {size} entries, and they are not the first {size} of this ledger, which was rewritten "
            f"or forked ({who}); keep both as evidence and compare them with: fedray ledger compare"
        )

    def behind(self, size: int) -> RolledBack:
        """The error for a ledger that has fewer entries than it covers."""
        lost = self.checkpoint.size - size
        return RolledBack(
            f"{self.name} covers {self.checkpoint.size} entries and the ledger has {size}: it was rolled back, "
            f"{lost} signed entries are missing; restore them from a good copy."
        )


class History:
    """The checkpoints in a ledger's history folder. Tampered for a file that is none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / "history"
        self.sizes = sorted(self._list())

    def __bool__(self) -> bool:
        return self._folder is not None

    def _list(self) -> Iterator[int]:
        if self._folder is None:
            return
        with reported(f"reading {self._folder}"):
            names = [path.name for path in self._folder.iterdir()] if self._folder.is_dir() else []
        for name in names:
            if not name.startswith("."):  # what a crash leaves of a file that was being written
                try:
                    yield strict.decimal(name, "name")
                except Refused as error:
                    raise Tampered(f"history/{name}", "no checkpoint has such a name") from error

    def bytes(self, size: int) -> bytes:
        """The file of this size; Tampered when it is missing."""
        data = None if self._folder is None else read(self._folder / str(size), _MOST_BYTES)
        if data is None:
            raise Tampered(f"history/{size}", "the file is missing")
        return data

    def read(self, size: int, origin: str) -> Remembered:
        """The checkpoint of this size; Tampered when it is missing or something else."""
        where = f"history/{size}"
        try:
            head = Remembered.read(f"the checkpoint {where}", self.bytes(size))
        except Refused as error:
            raise Tampered(where, reason(error)) from error
        if head.receipt or (head.checkpoint.origin, head.checkpoint.size) != (origin, size):
            raise Tampered(where, f"it is no checkpoint of {origin} at size {size}")
        return head


def reason(error: Refused) -> str:
    """What is wrong, without the advice for whoever wrote it."""
    return str(error).rpartition(";")[0] or str(error).rstrip(".")
