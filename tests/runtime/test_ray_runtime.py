"""Workers as Ray actors, on a small Ray of this test's own: calls one by one, others beside them, and deaths."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fedray.runtime.interface import CallDone, CallFailed, Woken, WorkerLost, WorkerReady
from fedray.runtime.ray_runtime import RayRuntime


def builder() -> Any:
    """A class made here travels to the actors by value, so that they need not find this file."""

    class Worker:
        def __init__(self, name: str) -> None:
            self.name, self.going = name, threading.Event()
            self.running = self.most = 0

        def wait(self) -> str:
            return "let go" if self.going.wait(60) else "never let go"

        def let_go(self) -> str:
            self.going.set()
            return self.name

        def count(self) -> int:
            self.running += 1
            self.most = max(self.most, self.running)
            threading.Event().wait(0.02)
            self.running -= 1
            return self.most

        def process(self) -> int:
            return os.getpid()

        def fail(self) -> None:
            raise KeyError("gone")

    def build(name: str) -> Worker:
        threading.Event().wait(0.3)  # so that calls arrive before there is an object
        return Worker(name)

    return build


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayRuntime]:
    os.environ.pop("RAY_ADDRESS", None)
    runtime = RayRuntime(tmp_path_factory.mktemp("ray") / "ray.log")
    runtime.start(2, 2, builder())
    runtime.call_aside(0, "early", "process")
    yield runtime
    runtime.stop()


@pytest.fixture(scope="module")
def early(starting: RayRuntime) -> list[Any]:
    """The first events: both workers ready, and the answer to a call made before they were."""
    return [starting.next_event() for _ in range(3)]


@pytest.fixture
def runtime(starting: RayRuntime, early: list[Any]) -> RayRuntime:
    assert early
    return starting


def test_a_call_aside_waits_until_there_is_an_object_to_call(early: list[Any]) -> None:
    ready = {event.worker: event.process for event in early if isinstance(event, WorkerReady)}
    assert set(ready) == {0, 1} and ready[0] != ready[1]
    [answer] = [event for event in early if isinstance(event, CallDone)]
    assert (answer.worker, answer.tag, answer.value) == (0, "early", ready[0])


def test_a_call_aside_is_answered_beside_a_long_call(runtime: RayRuntime) -> None:
    """The long call ends only after the one aside has run: one after the other, neither would."""
    runtime.call(1, "long", "wait")
    runtime.call_aside(1, "short", "let_go")
    answers = {event.tag: event.value for event in (runtime.next_event(), runtime.next_event())}
    assert answers == {"short": "node-1", "long": "let go"}


def test_calls_that_are_not_aside_run_one_at_a_time(runtime: RayRuntime) -> None:
    for number in range(4):
        runtime.call(0, number, "count")
    events = [runtime.next_event() for _ in range(4)]
    assert [(event.tag, event.value) for event in events] == [(number, 1) for number in range(4)]


def test_a_call_aside_that_raises_is_answered_with_the_failure_as_data(runtime: RayRuntime) -> None:
    runtime.call_aside(0, "tag", "fail")
    event = runtime.next_event()
    assert isinstance(event, CallFailed)
    assert (event.worker, event.tag, event.failure.kind) == (0, "tag", "KeyError")


def test_a_worker_that_dies_with_calls_of_both_kinds_is_lost_once_and_replaced(runtime: RayRuntime) -> None:
    runtime.call(0, "process", "process")
    process = runtime.next_event().value
    runtime.call(0, "long", "wait")
    os.kill(process, signal.SIGKILL)
    runtime.call_aside(0, "short", "process")
    lost = runtime.next_event()
    assert isinstance(lost, WorkerLost) and lost.worker == 0
    runtime.call_aside(0, "again", "process")
    events = [runtime.next_event(), runtime.next_event()]
    [ready] = [event for event in events if isinstance(event, WorkerReady)]
    [answer] = [event for event in events if isinstance(event, CallDone)]
    assert (answer.tag, answer.value) == ("again", ready.process) and ready.process != process


def test_whoever_waits_for_an_event_can_be_woken(runtime: RayRuntime) -> None:
    threading.Timer(0.05, runtime.wake).start()
    assert runtime.next_event() == Woken()
