"""The folder of a run: what is in it, whether its run is still alive, and finding one by name.

``run.json`` state · ``recipe.yaml`` full recipe · ``environment.json`` · ``metrics.jsonl`` · ``events.jsonl`` ·
``checkpoints/`` · ``model.safetensors`` · ``figures/`` · ``ledger/`` · ``keys/`` · ``participants/`` ·
``lock`` held while it runs.
"""

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from fedray.errors import FedrayError, InvalidInput, StorageError
from fedray.run.history import History
from fedray.run.storage import to_json, write_whole, writing

Status = Literal["running", "finished", "failed", "stopped", "interrupted"]
RUNS_VARIABLE = "FEDRAY_RUNS"


def runs_folder(given: Path | None) -> Path:
    """Where runs are kept: the given folder, else $FEDRAY_RUNS, else ``runs`` in the current folder."""
    return given or Path(os.environ.get(RUNS_VARIABLE) or "runs")


class RunFolder:
    """One run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @staticmethod
    def create(runs: Path, app: str) -> "RunFolder":
        """A new folder, named by app, time and four random letters, with its lock held by this process."""
        name = f"{app}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        with writing(f"a new run in {runs}"):
            (runs / name / "checkpoints").mkdir(parents=True)
        folder = RunFolder(runs / name)
        folder.lock()
        return folder

    @staticmethod
    def find(runs: Path, name: str) -> "RunFolder":
        """A run by path, by name, by the unique beginning of its name, or ``latest``."""
        if name and (Path(name) / "run.json").is_file():
            return RunFolder(Path(name))
        names = [folder.path.name for folder in RunFolder.all(runs)]
        matches = names[-1:] if name == "latest" else [known for known in names if known == name]
        matches = matches or [known for known in names if name and known.startswith(name)]
        if len(matches) == 1:
            return RunFolder(runs / matches[0])
        problem = "begins several runs" if matches else "is no run"
        known = ", ".join((matches or names)[-5:]) or "none yet"
        raise InvalidInput(
            f"'{name}' {problem} in {runs}; give a run's name, its path or 'latest' (runs there: {known})."
        )

    @staticmethod
    def all(runs: Path) -> list["RunFolder"]:
        """All runs in a folder, oldest first."""
        found = [RunFolder(file.parent) for file in runs.glob("*/run.json")]
        return sorted(found, key=_age)

    @property
    def history(self) -> History:
        """The run's metrics."""
        return History(self.path / "metrics.jsonl")

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are."""
        return self.path / "checkpoints"

    @property
    def memory(self) -> Path:
        """What the run's simulated participants remember of its ledger, as each of them would on its own."""
        return self.path / "participants" / "memory"

    @property
    def ledger(self) -> Path:
        """Where the run's ledger is."""
        return self.path / "ledger"

    def info(self) -> dict[str, Any]:
        """What ``run.json`` says: app, status, times, result."""
        try:
            values = dict(json.loads((self.path / "run.json").read_text()))
            missing = {"app", "status"} - set(values)
        except (OSError, ValueError, TypeError) as error:
            raise StorageError(
                f"Cannot read {self.path / 'run.json'} ({error}); restore it or remove the run."
            ) from None
        if missing:
            raise StorageError(f"{self.path / 'run.json'} lacks {', '.join(missing)}; restore it or remove the run.")
        return values

    def update(self, **changes: Any) -> None:
        """Change entries of ``run.json``."""
        file = self.path / "run.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        write_whole(self.path / "run.json", to_json(known | changes, indent=1).encode())

    def status(self) -> Status:
        """How the run stands; ``interrupted`` when it says running but no process holds its lock."""
        status: Status = self.info()["status"]
        return "interrupted" if status == "running" and self.process() is None else status

    def lock(self) -> None:
        """Hold the run's lock until this process ends. Raises FedrayError when another process runs it."""
        with writing(str(self.path / "lock")):
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise FedrayError(
                f"Run {self.path.name} is running already; watch it, or end it with 'fedray stop'."
            ) from None
        with writing(str(self.path / "lock")):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()} {socket.gethostname()}\n".encode())
        self._lock = handle

    @contextmanager
    def held(self) -> Iterator[None]:
        """Give the lock up at the end."""
        try:
            yield
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def process(self) -> int | None:
        """The process id of the running engine on this machine, None when nobody holds the lock."""
        with suppress(FileNotFoundError), (self.path / "lock").open() as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: others who look must not find it taken
            except BlockingIOError:
                holder = stream.read().split()
                return int(holder[0]) if holder else 0
        return None

    def wait_until_released(self) -> None:
        """Block until the process that runs it has ended."""
        with (self.path / "lock").open("r+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)


def _age(folder: RunFolder) -> tuple[str, int]:
    begun = folder.path / "environment.json"
    moment = folder.path.name[-len("20260101-000000-abcd") : -len("-abcd")]
    return moment, begun.stat().st_mtime_ns if begun.exists() else 0


def timestamp() -> str:
    """Now, in UTC, as ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
