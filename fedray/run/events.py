"""What happens in a run, as plain data for whoever watches: the screen, JSON lines, the run folder, trackers."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunStarted:
    """The run begins, or goes on after ``resumed_from`` rounds."""

    run: str
    folder: str
    app: str
    rounds: int
    users: int
    users_per_round: int
    parameters: int
    headline: str
    resumed_from: int = 0


@dataclass(frozen=True)
class RuntimeStarted:
    """Workers are coming up."""

    runtime: str
    workers: int


@dataclass(frozen=True)
class Preparing:
    """Slow preparation goes on: ``done`` of ``total``."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Notice:
    """Something a person should know that does not stop the run."""

    text: str


@dataclass(frozen=True)
class RoundStarted:
    """A round's cohorts are being handed out."""

    round: int
    users: int
    cohorts: int


@dataclass(frozen=True)
class CohortDone:
    """One partial sum has arrived."""

    round: int
    users: int


@dataclass(frozen=True)
class RoundClosed:
    """A round was merged. ``seconds``: it took, by the run's clock; ``bytes_sent``: both ways, in this round.

    ``evaluated``: whether an Evaluated of its model will follow.
    """

    round: int
    evaluated: bool
    users: int
    examples: int
    train_loss: float
    seconds: float
    bytes_sent: int
    model: str


@dataclass(frozen=True)
class Evaluated:
    """The model of a round was judged on the test data."""

    round: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class WorkerStarted:
    """A worker, new or replaced, is ready. ``process``: its process id on its machine."""

    worker: int
    process: int


@dataclass(frozen=True)
class WorkerDied:
    """A worker was lost; its work is handed out again."""

    worker: int
    reason: str


@dataclass(frozen=True)
class RunEnded:
    """The run finished. ``model``: SHA-256 of model.safetensors; ``ledger_head``: hash of the newest entry."""

    run: str
    folder: str
    rounds: int
    seconds: float
    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    headline: str
    model: str
    ledger_head: str | None
    figures: list[str] = field(default_factory=list)


Sink = Callable[[Any], None]


def as_record(event: Any) -> dict[str, Any]:
    """An event as a flat dictionary; ``event`` names its kind, e.g. "round_closed"."""
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(event).__name__)
    return {"event": name[1:], **asdict(event)}


def tell(sinks: Iterable[Sink], event: Any) -> None:
    """Give an event to every watcher."""
    for sink in sinks:
        sink(event)
