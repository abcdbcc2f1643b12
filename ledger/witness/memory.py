"""What witnesses remember: the last head each cosigner signed of each log, durable before anybody hears of it.

Thousands of cosigners share one file, and any number of threads and processes may use it at once. A head moves
only by compare-and-swap in one transaction: checking and persisting "must be performed atomically" (C2SP tlog-witness).
"""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ledger import strict
from ledger.errors import Refused
from ledger.merkle import EMPTY_ROOT, require_hash
from ledger.witness.database import Database


class Head(NamedTuple):
    """A tree: `size` entries under `root` (32 bytes)."""

    size: int
    root: bytes


EMPTY = Head(0, EMPTY_ROOT)


class Memory:
    """The heads in the file at `path`, which is made when it does not exist; its folder must.

    Raises LedgerIOError when it cannot be read or written, Refused when it is something else.
    """

    def __init__(self, path: str | Path) -> None:
        self._database = Database(path)
        self.path = self._database.path

    def head(self, cosigner: str, origin: str) -> Head:
        """The head that `cosigner` signed last of the log; the empty tree when it never signed one."""
        return self.heads([cosigner], origin)[cosigner]

    def heads(self, cosigners: Iterable[str], origin: str) -> dict[str, Head]:
        """`head` of many cosigners at one moment."""
        with self._database.reading() as db:
            return {name: _head(db, name, origin) for name in cosigners}

    def swap(self, origin: str, old: Mapping[str, Head], new: Head, shown: bytes | None = None) -> bool:
        """Move every cosigner in `old` from the head given there to `new`, in one transaction; durable on return.

        False, with nothing moved, when one of them has another head by now. `shown` is a checkpoint for `shown`.
        Refused when `new` is smaller than a head in `old`, of another root at its size, or no head at all.
        """
        _require_growth(old.values(), new)
        with self._database.writing() as db:
            if any(_head(db, name, origin) != head for name, head in old.items()):
                return False
            db.executemany(
                "INSERT INTO heads VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET size = excluded.size, root = excluded.root",
                [(origin, name, *new) for name in old],
            )
            if shown is not None:
                db.executemany("INSERT OR REPLACE INTO shown VALUES (?, ?, ?)", [(origin, name, shown) for name in old])
            return True

    def shown(self, cosigner: str, origin: str) -> bytes | None:
        """The signed checkpoint last kept with `swap`; None when there is none."""
        with self._database.reading() as db:
            query = "SELECT checkpoint FROM shown WHERE origin = ? AND cosigner = ?"
            row = db.execute(query, [origin, cosigner]).fetchone()
        return None if row is None else bytes(row[0])


def _head(db: sqlite3.Connection, cosigner: str, origin: str) -> Head:
    row = db.execute("SELECT size, root FROM heads WHERE origin = ? AND cosigner = ?", [origin, cosigner]).fetchone()
    return EMPTY if row is None else Head(*row)


def _require_growth(old: Iterable[Head], new: Head) -> None:
    require_hash(new.root, "the new root")
    if not 0 <= new.size <= strict.MAX_COUNT or (new.size == 0 and new.root != EMPTY_ROOT):
        raise Refused(f"a head of size {new.size} with root {new.root.hex()} cannot be; sizes go from 0 to 2^63 - 1.")
    for head in old:
        if new.size < head.size or (new.size == head.size and new != head):
            raise Refused(f"the new head {new} takes back the head {head}; a memory only ever moves forward.")
