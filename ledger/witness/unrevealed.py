"""Commitments not yet revealed: the salt and digest behind each `update.commit`, kept until its `update.reveal`.

They must outlive a crash: who cannot reveal what it committed to has worked for nothing. In the same file as `Memory`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ledger.errors import Refused
from ledger.witness.database import Database


class Commitment(NamedTuple):
    """What `who` committed to in a round of a run: `salt` and `digest` (of the update) are 64 hex digits each."""

    who: str
    run: str
    round: int
    salt: str
    digest: str


class Unrevealed:
    """The commitments in the file at `path`, which is made when it does not exist; its folder must.

    Every method raises LedgerIOError when the file cannot be read or written.
    """

    def __init__(self, path: str | Path) -> None:
        self._database = Database(path)

    def put(self, commitments: Iterable[Commitment]) -> None:
        """Keep them all, or none, in one transaction; durable on return. The same again changes nothing.

        Refused when another commitment of the same user, run and round is kept: it may be in a ledger by now.
        """
        with self._database.writing() as db:
            for new in commitments:
                db.execute("INSERT OR IGNORE INTO unrevealed VALUES (?, ?, ?, ?, ?)", new)
                row = db.execute("SELECT * FROM unrevealed WHERE who = ? AND run = ? AND round = ?", new[:3]).fetchone()
                if Commitment(*row) != new:
                    raise Refused(
                        f"{new.who} has another unrevealed commitment for round {new.round} of {new.run}; reveal it, "
                        "or delete it if no ledger holds it."
                    )

    def get(self, who: str, run: str, round: int) -> Commitment | None:
        """What `who` keeps for that round, None for nothing."""
        with self._database.reading() as db:
            query = "SELECT * FROM unrevealed WHERE who = ? AND run = ? AND round = ?"
            row = db.execute(query, [who, run, round]).fetchone()
        return None if row is None else Commitment(*row)

    def of_run(self, run: str) -> list[Commitment]:
        """All that are kept for a run, by round and user."""
        with self._database.reading() as db:
            rows = db.execute("SELECT * FROM unrevealed WHERE run = ? ORDER BY round, who", [run]).fetchall()
        return [Commitment(*row) for row in rows]

    def delete(self, commitments: Iterable[Commitment]) -> None:
        """Forget them, in one transaction; those that are not kept are no error."""
        with self._database.writing() as db:
            query = "DELETE FROM unrevealed WHERE who = ? AND run = ? AND round = ? AND salt = ? AND digest = ?"
            db.executemany(query, commitments)
