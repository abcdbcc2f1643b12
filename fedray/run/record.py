"""What a run tells its ledger: the code, every user's data and updates, every merge, evaluation and resumption.

The layers sign their own statements; this one collects a round's, orders them by cohort and appends them in one batch.
"""

from hashlib import sha256
from pathlib import Path

import ledger
from fedray import __version__
from fedray.app import App
from fedray.errors import FedrayError, StorageError
from fedray.layers.messages import CohortResult
from ledger.canonical import Value


class Record:
    """A run's ledger, open for writing by the server."""

    def __init__(self, book: ledger.Ledger, server: ledger.SigningKey, users_secret: bytes) -> None:
        self._book = book
        self._server = server
        self.users_secret = users_secret
        """From which the keys of simulated users and of nodes derive."""
        self.registered = set(book.users)
        """Users whose data the ledger knows."""
        self._round: dict[int, CohortResult] = {}

    @staticmethod
    def open(folder: Path, keys: Path, app: App, recipe: bytes, round: int, model: str) -> "Record":
        """Begin the ledger of a run in ``folder``, or go on with it from ``round``, whose model is ``model``."""
        digest = sha256(recipe).hexdigest()
        with _plainly():
            server, users = _keys(keys)
            try:
                book = ledger.Ledger.open(folder)
            except ledger.NotALedger:
                run, by = folder.parent.name, f"fedray {__version__}"
                book = ledger.Ledger.create(folder, run, server, run=run, recipe=digest, created_by=by)
        record = Record(book, server, users.seed)
        if book.published:
            record._state("run.resume", round=round, model=model)
        record._state("algorithm.publish", app=app.file.name, code=app.code_digest(), recipe=digest, model=model)
        return record

    @property
    def head(self) -> str:
        """Hash (hex) of the newest entry, which stands for all before it."""
        return self._book.head().hash

    def receive(self, result: CohortResult) -> None:
        """Keep a cohort's statements until its round closes."""
        self._round[result.cohort] = result

    def close_round(self, round: int, parent: str, model: str) -> None:
        """Append the round's statements, and the server's that it merged them into ``model``."""
        results = [self._round[cohort] for cohort in sorted(self._round)]
        reports = [report for result in results for report in result.reports]
        examples = sum(report.examples for report in reports)
        fields: dict[str, Value] = {"round": round, "updates": len(reports), "examples": examples}
        origin = self._book.origin
        close = ledger.sign(self._server, "round.close", origin, **fields, parent=parent, model=model)
        with _plainly():
            self._book.append([*(said for result in results for said in result.statements), close], check=False)
        self.registered |= {report.user for report in reports}
        self._round.clear()

    def evaluated(self, round: int, model: str, metrics: dict[str, float]) -> None:
        """State what the model of ``round`` reached."""
        self._state(
            "evaluation", round=round, model=model, metrics={key: repr(value) for key, value in metrics.items()}
        )

    def close(self, rounds: int, model: str) -> None:
        """State that the run has ended, and give the ledger up."""
        self._state("run.close", rounds=rounds, model=model)
        self.release()

    def release(self) -> None:
        """Give up the ledger's write lock."""
        self._book.close()

    def _state(self, kind: str, **fields: Value) -> None:
        with _plainly():
            self._book.append([ledger.sign(self._server, kind, self._book.origin, **fields)], check=False)


def _keys(folder: Path) -> tuple[ledger.SigningKey, ledger.SigningKey]:
    """The server's key, and the secret from which the simulated users' keys derive; made at the first call."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("users.key", "server.key"):
        if not (folder / name).exists():
            ledger.SigningKey.generate().save(folder / name)
    return ledger.SigningKey.load(folder / "server.key"), ledger.SigningKey.load(folder / "users.key")


class _plainly:
    """Turns the ledger's own errors into fedray's, so that they end the command with the right exit code."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ledger.LedgerIOError):
            raise StorageError(f"The run's ledger could not be written: {error}") from error
        if isinstance(error, ledger.LedgerError):
            raise FedrayError(f"The run's ledger cannot go on: {error}") from error
