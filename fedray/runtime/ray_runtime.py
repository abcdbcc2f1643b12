"""Workers as Ray actors: on a local Ray that is started here, or on the cluster this machine belongs to.

The only module that imports ray. Completed calls push their event onto one queue (an ObjectRef's future calls back),
so nothing waits in turns or polls. A dead actor is replaced at once and its unanswered call reported as WorkerLost;
events of a replaced actor that arrive late are dropped by its generation number.
"""

import logging
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

if "ray" not in sys.modules:  # ray reads these once, when it is first imported
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray listens on every interface: let nobody in without the token

import ray
from ray._private import worker as ray_worker
from ray.exceptions import RayActorError

from fedray.errors import FedrayError, InvalidInput
from fedray.runtime.failure import Failure
from fedray.runtime.interface import CallDone, CallFailed, RuntimeEvent, Woken, WorkerLost, WorkerReady

START_ATTEMPTS = 3
_BUILD = object()
_LOCAL: dict[str, Any] = {
    "_node_ip_address": "127.0.0.1",
    "_system_config": {
        "free_objects_period_milliseconds": 0,  # give a round's memory back at once, not once a second
        "max_direct_call_object_size": 1_000_000,  # partial sums up to here come with the answer, 1 ms sooner
        "worker_niceness": 0,  # not 15: beside any other program, training would get next to nothing
    },
}


class _Host:
    """The actor: holds one plain object. Exceptions come back as data, so that Ray prints nothing of its own."""

    def __init__(self) -> None:
        self._object: Any = None
        self._built = threading.Event()

    def build(self, build: Callable[[str], Any], name: str) -> Any:
        try:
            self._object = build(name)
            self._built.set()
            return os.getpid()
        except (Exception, SystemExit) as error:
            return Failure.of(error)

    def call(self, method: str, *arguments: Any) -> Any:
        try:
            return getattr(self._object, method)(*arguments)
        except (Exception, SystemExit) as error:
            return Failure.of(error)

    @ray.method(concurrency_group="aside")  # type: ignore[untyped-decorator]
    def call_aside(self, method: str, *arguments: Any) -> Any:
        self._built.wait()
        return self.call(method, *arguments)


class RayRuntime:
    """Connects to a reachable cluster (``RAY_ADDRESS`` or one started here with ``ray start``), or starts Ray.

    ``log``: the file that takes what Ray itself has to say (worker deaths, memory warnings).
    """

    queue_depth = 2
    queue_seconds = 0.01

    def __init__(self, log: Path) -> None:
        self._log = log
        self._events: queue.SimpleQueue[tuple[int, RuntimeEvent]] = queue.SimpleQueue()
        self._hosts: list[Any] = []
        self._generation: list[int] = []
        self._failed_starts: list[int] = []
        self._started = time.monotonic()

    def start(self, workers: int | None, at_most: int, build: Callable[[str], Any]) -> int:
        """Connect, then create all actors at once; each reports WorkerReady when its object is built."""
        workers = self._connect(workers, at_most)
        self._build = ray.put(build)
        self._actor = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=1, concurrency_groups={"aside": 1})(_Host)
        self._hosts = [None] * workers
        self._generation = [0] * workers
        self._failed_starts = [0] * workers
        for worker in range(workers):
            self._create(worker)
        return workers

    def share(self, value: Any) -> Any:
        """Put the value into the object store once; workers of a machine map it without copying."""
        return ray.put(value)

    def call(self, worker: int, tag: Any, method: str, *arguments: Any) -> None:
        """Send the call to the worker's actor."""
        self._watch(self._hosts[worker].call.remote(method, *arguments), worker, tag)

    def call_aside(self, worker: int, tag: Any, method: str, *arguments: Any) -> None:
        """Send the call to a thread of its own in the worker's actor."""
        self._watch(self._hosts[worker].call_aside.remote(method, *arguments), worker, tag)

    def next_event(self) -> RuntimeEvent:
        """Block until a call is answered or a worker is lost."""
        while True:
            generation, event = self._events.get()
            if isinstance(event, Woken):
                return event
            if generation != self._generation[event.worker]:
                continue
            if isinstance(event, WorkerReady):
                self._failed_starts[event.worker] = 0
            if isinstance(event, WorkerLost):
                self._replace(event.worker)
                if self._failed_starts[event.worker] >= START_ATTEMPTS:
                    raise FedrayError(f"Worker {event.worker} died {START_ATTEMPTS} times at its start: {event.reason}")
            return event

    def wake(self) -> None:
        """Put an event on the queue."""
        self._events.put((0, Woken()))

    def now(self) -> float:
        """Seconds since the runtime was made."""
        return time.monotonic() - self._started

    def stop(self) -> None:
        """Kill the actors and leave Ray; a Ray started here ends with it."""
        for host in self._hosts:
            ray.kill(host)
        self._hosts.clear()
        ray.shutdown()

    def _connect(self, workers: int | None, at_most: int) -> int:
        ray_worker.print_to_stdstream = self._route  # Ray prints worker deaths to stdout whatever log_to_driver says
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        address = reachable_cluster()
        if address:
            ray.init(address=address, **quiet)
        else:
            cpus = max(workers or 1, available_cpus())
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, **_LOCAL, **quiet)
        there = int(ray.cluster_resources().get("CPU", 0))
        if there < (workers or 1):
            ray.shutdown()
            raise InvalidInput(
                f"workers = {workers}, but the Ray cluster has {there} CPUs; set workers to that or fewer."
            )
        return workers or min(there, at_most)

    def _route(self, data: dict[str, Any], *_: Any, **__: Any) -> None:
        with self._log.open("a") as log:
            log.writelines(f"{line}\n" for line in data.get("lines", []))

    def _create(self, worker: int) -> None:
        self._hosts[worker] = self._actor.remote()
        self._watch(self._hosts[worker].build.remote(self._build, f"node-{worker}"), worker, _BUILD)

    def _replace(self, worker: int) -> None:
        ray.kill(self._hosts[worker])
        self._generation[worker] += 1
        self._failed_starts[worker] += 1
        self._create(worker)

    def _watch(self, answer: Any, worker: int, tag: Any) -> None:
        generation = self._generation[worker]

        def completed(future: Future[Any]) -> None:
            self._events.put((generation, _event(worker, tag, future)))

        answer.future().add_done_callback(completed)


def reachable_cluster() -> str | None:
    """Address of the cluster to join: $RAY_ADDRESS, or one that 'ray start' began on this machine; None when none is.

    Not Ray's "auto", which would also join the private Ray of another run and die with it. Raises InvalidInput when
    $RAY_ADDRESS is given and nothing answers there.
    """
    given = os.environ.get("RAY_ADDRESS")
    if given and given != "auto":
        if not _answers(given):
            raise InvalidInput(f"RAY_ADDRESS = '{given}', but no Ray answers there; start it or unset RAY_ADDRESS.")
        return given
    note = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
    noted = note.read_text().strip() if note.is_file() else ""
    return noted if noted and _answers(noted) else None


def _answers(address: str) -> bool:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError):
        return False
    return True


def available_cpus() -> int:
    """CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _event(worker: int, tag: Any, future: Future[Any]) -> RuntimeEvent:
    error = future.exception()
    if isinstance(error, RayActorError):
        return WorkerLost(worker, _first_line(error))
    if error is not None:
        return CallFailed(worker, None if tag is _BUILD else tag, Failure.of(error))
    value = future.result()
    if isinstance(value, Failure):
        return CallFailed(worker, None if tag is _BUILD else tag, value)
    return WorkerReady(worker, value) if tag is _BUILD else CallDone(worker, tag, value)


def _first_line(error: RayActorError) -> str:
    return (str(error).strip().splitlines() or ["its process died"])[0]
