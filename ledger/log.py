"""The ledger a server writes: a folder with `entries.jsonl`, made whole batch by whole batch.

An acknowledged batch is on the disk. Of a batch whose process died, the first entries may be there or none: nobody was
promised any. After an error the ledger is closed, since only a fresh reading tells what the disk holds.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from ledger import fs
from ledger.errors import LedgerIOError, NotALedger
from ledger.history import Head, History
from ledger.keys import SigningKey
from ledger.reader import entries_file, existing_file, read_lines
from ledger.statements import Statement, check_signature, sign


class Ledger:
    """The one writer of a ledger, for one thread; use as a context manager or `close` it."""

    def __init__(self, path: str | Path) -> None:
        """Use Ledger.create or Ledger.open."""
        self.path = Path(path)
        self.cut_bytes = 0  # length of a torn last line that opening removed
        self._history = History()
        self._handle = fs.open_locked(existing_file(path))
        try:
            self._load()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(
        cls, path: str | Path, origin: str, key: SigningKey, *, run: str, recipe: str, created_by: str
    ) -> "Ledger":
        """Make the folder `path` a ledger named `origin` whose server is `key`, and open it.

        The genesis states the run's id, the recipe's SHA-256 (hex) and the version of what made it.
        Raises Refused for an ill-formed field, LedgerIOError when there is a ledger already or it cannot be written.
        """
        genesis = sign(key, "genesis", origin, run=run, recipe=recipe, created_by=created_by)
        data = History().extend(genesis, _now())
        fs.make_folder(Path(path))
        fs.create(entries_file(path), data + b"\n", mode=0o644)
        return cls(path)

    @classmethod
    def open(cls, path: str | Path) -> "Ledger":
        """Open the ledger in the folder `path` to append to it.

        A torn last line is cut, and `cut_bytes` says how long it was. Links and rules are checked; signatures are not,
        that is for `verify`. Raises NotALedger, Tampered at the first bad entry, LedgerIOError when another writer has
        it or the disk refuses.
        """
        return cls(path)

    @property
    def origin(self) -> str:
        """The log's name, which every statement carries."""
        return self._history.rules.log

    @property
    def users(self) -> frozenset[int]:
        """The users whose data is registered."""
        return frozenset(self._history.rules.users)

    @property
    def published(self) -> bool:
        """Whether an algorithm, and with it the initial model, has been published."""
        return bool(self._history.rules.models)

    def head(self) -> Head:
        """The newest entry; keep its hash somewhere else, and `verify` can tell whether the ledger was rolled back."""
        return self._history.head()

    def append(self, statements: Iterable[Statement], *, check: bool = True) -> Head:
        """Record all `statements` in order, durably and with one write, or none of them; the new head.

        `check=False` skips their signatures, for a caller that has made or checked them.
        Raises Refused when one may not stand here, and the ledger goes on; LedgerIOError when the disk refuses, and it
        is closed.
        """
        history, now = self._history.copy(), _now()
        lines = []
        for statement in statements:
            if check:
                check_signature(statement)
            lines.append(history.extend(statement, now) + b"\n")
        if lines:
            self._write(b"".join(lines))
        self._history = history
        return self.head()

    def close(self) -> None:
        """Give up the write lock; closing twice is harmless."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load(self) -> None:
        for line in read_lines(self.path):
            if line.torn:
                self.cut_bytes = len(line.data)
            else:
                self._history.accept(line.data, signatures=False)
        if self._history.entries == 0:
            raise NotALedger(f"{self.path} holds not one whole entry; restore it, or remove it and make a new ledger.")
        if self.cut_bytes:
            fs.cut(self._handle, self._history.size)

    def _write(self, data: bytes) -> None:
        if self._handle < 0:
            raise LedgerIOError(
                f"the ledger {self.path} is closed; open it again, which also checks what the disk holds."
            )
        try:
            fs.append(self._handle, data, at=self._history.size)
        except BaseException:
            self.close()
            raise


def _now() -> int:
    return time.time_ns() // 1_000_000
