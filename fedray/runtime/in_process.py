"""All workers in this process, one call after the other: no Ray, and a breakpoint in a task works.

Under the wall clock a call's event follows it at once. Under a virtual clock the call is computed just the same, but
its event is delivered at the time a device of the given speed would have ended it, so that asynchronous runs can be
simulated deterministically. Events of one moment are delivered in the order of their calls.
"""

import heapq
import os
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from fedray.runtime.failure import Failure
from fedray.runtime.interface import CallDone, CallFailed, RuntimeEvent, WorkerReady

Duration = Callable[[Any], float]
"""Seconds of virtual time that the call with this tag takes."""


class InProcessRuntime:
    """Workers that share one plain object, as their calls never overlap. ``duration`` switches to virtual time."""

    queue_depth = 1
    queue_seconds = 0.0

    def __init__(self, duration: Duration | None = None) -> None:
        self._duration = duration
        self._object: Any = None
        self._due: list[tuple[float, int, Callable[[], RuntimeEvent]]] = []
        self._order = count()
        self._started = time.monotonic()
        self._virtual_now = 0.0

    def start(self, workers: int | None, at_most: int, build: Callable[[str], Any]) -> int:
        """Build the object (CallFailed tells of an exception). By default one worker, or one a virtual device."""
        workers = workers or (at_most if self._duration else 1)
        try:
            self._object = build("node-0")
        except (Exception, SystemExit) as error:
            failure = Failure.of(error)
            self._deliver(0.0, lambda: CallFailed(0, None, failure))
            return workers
        for worker in range(workers):
            self._deliver(0.0, lambda worker=worker: WorkerReady(worker, os.getpid()))  # type: ignore[misc]
        return workers

    def share(self, value: Any) -> Any:
        """The value itself."""
        return value

    def call(self, worker: int, tag: Any, method: str, *arguments: Any) -> None:
        """Queue the call; it is computed when its event is due."""
        self._queue(self._duration(tag) if self._duration else 0.0, worker, tag, method, *arguments)

    def _queue(self, seconds: float, worker: int, tag: Any, method: str, *arguments: Any) -> None:
        def run() -> RuntimeEvent:
            try:
                return CallDone(worker, tag, getattr(self._object, method)(*arguments))
            except (Exception, SystemExit) as error:
                return CallFailed(worker, tag, Failure.of(error))

        self._deliver(seconds, run)

    def call_aside(self, worker: int, tag: Any, method: str, *arguments: Any) -> None:
        """The same as `call`, taking no virtual time: nothing runs beside anything here."""
        self._queue(0.0, worker, tag, method, *arguments)

    def next_event(self) -> RuntimeEvent:
        """Compute the call that ends next and return its event."""
        due, _, event = heapq.heappop(self._due)
        self._virtual_now = max(self._virtual_now, due)
        return event()

    def wake(self) -> None:
        """Nothing to do: `next_event` computes and never waits."""

    def now(self) -> float:
        """Virtual seconds under a virtual clock, real ones otherwise."""
        return self._virtual_now if self._duration else time.monotonic() - self._started

    def stop(self) -> None:
        """Forget the object and whatever was not yet done."""
        self._object = None
        self._due.clear()

    def _deliver(self, seconds: float, event: Callable[[], RuntimeEvent]) -> None:
        heapq.heappush(self._due, (self._virtual_now + seconds, next(self._order), event))
