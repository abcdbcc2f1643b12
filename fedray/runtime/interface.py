"""What runs the layers: workers, each holding one plain object whose methods are called by name.

A runtime knows nothing of learning. Calls are answered by events, in whatever order they end; ``next_event`` blocks
until there is one. Nobody polls.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from fedray.runtime.failure import Failure


@dataclass(frozen=True)
class WorkerReady:
    """A worker, new or replaced, waits for work."""

    worker: int
    process: int


@dataclass(frozen=True)
class CallDone:
    """A call returned. ``tag`` is what ``call`` was given."""

    worker: int
    tag: Any
    value: Any


@dataclass(frozen=True)
class CallFailed:
    """A call raised, or a worker could not be built (``tag`` is None)."""

    worker: int
    tag: Any
    failure: Failure


@dataclass(frozen=True)
class WorkerLost:
    """A worker's process died; a replacement is on its way and will be reported ready."""

    worker: int
    reason: str


@dataclass(frozen=True)
class Woken:
    """Somebody called ``wake``."""


RuntimeEvent = WorkerReady | CallDone | CallFailed | WorkerLost | Woken


class Runtime(Protocol):
    """Where workers live."""

    queue_depth: int
    """Pieces of work worth having under way on one worker: 2 hides the way there and back behind the one before."""
    queue_seconds: float
    """Work shorter than this altogether is not worth messages of its own."""

    def start(self, workers: int | None, at_most: int, build: Callable[[str], Any]) -> int:
        """Bring up workers (0, 1, ...), each with the object ``build(name)``; they report ready.

        ``workers``: how many; None leaves it to the runtime, ``at_most`` being all that can be used. Returns how many.
        """
        ...

    def share(self, value: Any) -> Any:
        """Make a value readable by every worker at once; pass the result as an argument of ``call``."""
        ...

    def call(self, worker: int, tag: Any, method: str, *arguments: Any) -> None:
        """Run a method of a worker's object; CallDone, CallFailed or WorkerLost will follow."""
        ...

    def call_aside(self, worker: int, tag: Any, method: str, *arguments: Any) -> None:
        """The same for a short call that should not wait for the work under way.

        The method runs beside others, in a thread of its own.
        """
        ...

    def next_event(self) -> RuntimeEvent:
        """Wait for the next event."""
        ...

    def wake(self) -> None:
        """Have ``next_event`` return ``Woken`` if it waits; for any thread."""
        ...

    def now(self) -> float:
        """Seconds since the start, by this runtime's clock."""
        ...

    def stop(self) -> None:
        """End every worker."""
        ...
