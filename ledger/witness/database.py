"""One SQLite file that several threads and processes change at once, and that keeps what it has said it keeps.

A connection lives as long as its transaction: nothing is shared between threads, and a fork or a pickle is harmless.
The rollback journal is truncated and synced at every commit (journal_mode TRUNCATE, synchronous FULL), so a commit that
has returned survives a power cut; the write-ahead log would be faster, but needs three files and a recent SQLite.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from ledger.errors import LedgerIOError, Refused
from ledger.fs import DISK

PATIENCE_S = 60.0  # how long a transaction waits for those of others
_APPLICATION = 0x66726C77  # "frlw", so that no other program's database is taken for ours
_VERSION = 1
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS heads (origin TEXT, cosigner TEXT, size INTEGER NOT NULL, root BLOB NOT NULL, "
    "PRIMARY KEY (origin, cosigner)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS shown (origin TEXT, cosigner TEXT, checkpoint BLOB NOT NULL, "
    "PRIMARY KEY (origin, cosigner))",
    "CREATE TABLE IF NOT EXISTS unrevealed (who TEXT, run TEXT, round INTEGER, salt TEXT NOT NULL, "
    "digest TEXT NOT NULL, PRIMARY KEY (who, run, round)) WITHOUT ROWID",
    "CREATE TRIGGER IF NOT EXISTS heads_only_grow BEFORE UPDATE ON heads "
    "WHEN new.size < old.size OR (new.size = old.size AND new.root <> old.root) "
    "BEGIN SELECT RAISE(ABORT, 'a head may only grow'); END",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
)


class Database:
    """The file at `path`, made (mode 0600: it holds secret salts) when there is none; its folder must exist.

    Raises LedgerIOError when it cannot be opened, Refused when it is something else.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        if not self.path.exists():
            self._make()
        with self.reading() as db:
            found = tuple(db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
            new = found == (0, 0) and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if new:
            with self.writing() as db:
                for statement in _SCHEMA:
                    db.execute(statement)
        elif found != (_APPLICATION, _VERSION):
            raise Refused(
                f"{self.path} is no witness memory of version {_VERSION} (SQLite application and version {found}); "
                "name another file, or one that does not exist yet."
            )

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the file, whatever others write meanwhile; LedgerIOError when the disk refuses."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The only writer; durable when the block has been left, undone when it raised.

        LedgerIOError when the disk refuses or others write for longer than `PATIENCE_S`.
        """
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._reported(), closing(self._connect()) as db:  # closing without COMMIT rolls back
            db.execute(begin)
            yield db
            db.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        address = f"file:{quote(str(self.path))}?mode=rw"  # a file that went away must not come back empty
        db = sqlite3.connect(address, uri=True, timeout=PATIENCE_S, isolation_level=None)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA journal_mode = TRUNCATE")
        return db

    def _make(self) -> None:
        try:
            DISK.create(self.path, b"", mode=0o600)
        except LedgerIOError:
            if not self.path.exists():  # otherwise another process was faster
                raise

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LedgerIOError(
                f"the witness memory {self.path} cannot be used: {error}; check the path, its permissions and the disk."
            ) from error
