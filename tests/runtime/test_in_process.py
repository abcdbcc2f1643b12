"""All workers in this process: the order of events under the wall clock and under a virtual one."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedray.errors import InvalidInput
from fedray.runtime.in_process import InProcessRuntime
from fedray.runtime.interface import CallDone, CallFailed, WorkerReady


class Counter:
    """What the workers hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[int] = []

    def add(self, number: int) -> int:
        self.calls.append(number)
        return sum(self.calls)

    def fail(self, error: Exception) -> None:
        raise error


def started(duration=None, workers: int = 1) -> InProcessRuntime:
    runtime = InProcessRuntime(duration)
    runtime.start(workers, 9, Counter)
    for _ in range(workers):
        assert isinstance(runtime.next_event(), WorkerReady)
    return runtime


def test_workers_report_ready_in_order_with_this_process():
    runtime = InProcessRuntime()
    assert runtime.start(3, 9, Counter) == 3
    assert [runtime.next_event() for _ in range(3)] == [WorkerReady(worker, os.getpid()) for worker in range(3)]


def test_by_default_there_is_one_worker_and_under_a_virtual_clock_one_a_device():
    assert InProcessRuntime().start(None, 9, Counter) == 1
    assert InProcessRuntime(lambda work: 1.0).start(None, 9, Counter) == 9


def test_under_the_wall_clock_events_come_in_the_order_of_the_calls():
    runtime = started(workers=3)
    for number in (2, 0, 1):
        runtime.call(number, f"tag {number}", "add", number)
    expected = [CallDone(2, "tag 2", 2), CallDone(0, "tag 0", 2), CallDone(1, "tag 1", 3)]
    assert [runtime.next_event() for _ in range(3)] == expected


def test_under_a_virtual_clock_events_come_when_their_calls_end():
    runtime = started(duration=float, workers=3)
    for worker, seconds in enumerate((30, 10, 20)):
        runtime.call(worker, seconds, "add", seconds)
    ends = []
    for _ in range(3):
        event = runtime.next_event()
        ends.append((event.worker, event.tag, runtime.now()))
    assert ends == [(1, 10, 10.0), (2, 20, 20.0), (0, 30, 30.0)]


def test_a_call_made_later_starts_from_the_time_reached():
    runtime = started(duration=float, workers=2)
    runtime.call(0, 10, "add", 0)
    runtime.call(1, 25, "add", 0)
    runtime.next_event()
    runtime.call(0, 10, "add", 0)
    assert (runtime.next_event().worker, runtime.now()) == (0, 20.0)
    assert (runtime.next_event().worker, runtime.now()) == (1, 25.0)


def test_a_call_aside_takes_no_virtual_time_and_is_answered_before_the_work_under_way():
    runtime = started(duration=float, workers=2)
    runtime.call(0, 10, "add", 1)
    runtime.call(1, 20, "add", 1)
    runtime.next_event()
    runtime.call_aside(1, 99, "add", 5)
    runtime.call_aside(0, 98, "add", 5)
    answers = []
    for _ in range(3):
        event = runtime.next_event()
        answers.append((event.worker, event.tag, event.value, runtime.now()))
    assert answers == [(1, 99, 6, 10.0), (0, 98, 11, 10.0), (1, 20, 12, 20.0)]


def test_a_call_aside_under_the_wall_clock_waits_its_turn_and_may_fail_as_any_other():
    runtime = started()
    runtime.call(0, "work", "add", 1)
    runtime.call_aside(0, "aside", "fail", KeyError("gone"))
    assert runtime.next_event() == CallDone(0, "work", 1)
    event = runtime.next_event()
    assert isinstance(event, CallFailed) and (event.tag, event.failure.kind) == ("aside", "KeyError")


def test_calls_that_end_together_are_answered_in_the_order_they_were_made():
    runtime = started(duration=lambda tag: 5.0, workers=4)
    for worker in (3, 1, 2, 0):
        runtime.call(worker, None, "add", 1)
    assert [runtime.next_event().worker for _ in range(4)] == [3, 1, 2, 0]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=20))
def test_virtual_time_never_runs_backwards_and_ties_keep_their_order(durations):
    runtime = started(duration=lambda tag: tag[0], workers=len(durations))
    for worker, seconds in enumerate(durations):
        runtime.call(worker, (seconds, worker), "add", 1)
    tags, times = [], []
    for _ in durations:
        tags.append(runtime.next_event().tag)
        times.append(runtime.now())
    assert tags == sorted(tags)
    assert times == sorted(durations)


def test_the_wall_clock_moves_by_itself_and_the_virtual_one_does_not():
    wall, virtual = started(), started(duration=float)
    before = wall.now()
    while wall.now() == before:
        pass
    assert virtual.now() == 0.0


def test_a_call_that_raises_is_answered_with_the_failure_as_data():
    runtime = started()
    runtime.call(0, "tag", "fail", KeyError("gone"))
    event = runtime.next_event()
    assert isinstance(event, CallFailed)
    assert (event.worker, event.tag, event.failure.kind, event.failure.message) == (0, "tag", "KeyError", "'gone'")
    runtime.call(0, "tag", "add", 1)
    assert runtime.next_event() == CallDone(0, "tag", 1)


def test_an_object_that_cannot_be_built_is_reported_and_no_worker_is_ready():
    def build(name: str) -> None:
        raise InvalidInput(f"no {name}")

    runtime = InProcessRuntime()
    runtime.start(2, 9, build)
    event = runtime.next_event()
    assert isinstance(event, CallFailed) and event.tag is None
    assert event.failure.expected and event.failure.message == "no node-0"


def test_shared_values_reach_the_call_as_they_are():
    runtime, value = started(), [1, 2, 3]
    assert runtime.share(value) is value


def test_stopping_forgets_what_was_not_yet_done():
    made: list[Counter] = []

    def build(name: str) -> Counter:
        made.append(Counter(name))
        return made[-1]

    runtime = InProcessRuntime()
    runtime.start(1, 1, build)
    runtime.next_event()
    runtime.call(0, None, "add", 1)
    runtime.stop()
    assert made[0].calls == []


def raising(error: type[BaseException]) -> InProcessRuntime:
    """A runtime with one call under way that raises."""

    class Raising(Counter):
        def add(self, number: int) -> int:
            raise error

    runtime = InProcessRuntime()
    runtime.start(1, 1, Raising)
    runtime.next_event()
    runtime.call(0, None, "add", 1)
    return runtime


def test_an_interrupt_is_no_failure_of_the_task():
    with pytest.raises(KeyboardInterrupt):
        raising(KeyboardInterrupt).next_event()


def test_a_task_that_exits_is_a_failure_and_no_silent_success():
    event = raising(SystemExit).next_event()
    assert isinstance(event, CallFailed) and event.failure.kind == "SystemExit"
