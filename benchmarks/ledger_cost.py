"""What the ledger costs a round of the main job, with all users and nodes signing, committing, cosigning and revealing.

    python -m benchmarks.ledger_cost [--rounds 8] [--repeats 2] [-c key=value ...]

Rounds of the main job's size (2 users of 400 maps, 3 epochs) with 4 users in all. First, whole runs with the ledger on
and off by turns: CPU time of all processes and wall time a round, from the second round to the last. On a shared
machine these differ by more than the ledger costs, so the second figure is the sounder: in one process, the CPU time
of what only the ledger makes happen, thread by thread, beside that of the whole.
"""

import argparse
import functools
import os
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.job import APPS, run
from fedray.layers.node import Node
from fedray.layers.participants import LocalParticipants
from fedray.run.events import RoundClosed
from fedray.run.record import Record

APP = APPS.parents[1] / "apps" / "seismic"
SHAPE = ("users.count=4", "task.train_samples=1600", "task.test_samples=100", "evaluation.every=0")
BY_SERVER = ("receive", "close_round", "evaluated", "orders", "answered", "settled", "saved", "close", "flush", "wait")
BY_NODES = ("_speak_for", "_report_work", "reveal")
THREADS = ("fedray-ledger", "fedray-commitments")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("-c", dest="overrides", action="append", default=[])
    given = parser.parse_args()
    job = (*SHAPE, f"rounds={given.rounds}", *given.overrides)
    _by_turns(job, given.repeats)
    _by_thread(job)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


def _by_turns(job: tuple[str, ...], repeats: int) -> None:
    costs: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for number in range(2 * repeats):
        enabled = number % 2 == 0
        watch = _Watch()
        run(APP, *job, f"ledger.enabled={str(enabled).lower()}", sink=watch)
        costs[enabled].append(watch.a_round())
    print("a round of the whole job, best (median) of", repeats)
    for at, name in enumerate(("CPU s, all processes", "wall s")):
        on, off = ([cost[at] for cost in costs[enabled]] for enabled in (True, False))
        figures = [f"{min(one):.3f} ({statistics.median(one):.3f})" for one in (on, off)]
        print(f"  {name:<22} on {figures[0]}, off {figures[1]}: {100 * (min(on) / min(off) - 1):+.1f} %")


class _Watch:
    """Notes, at the end of every round, the wall time and the CPU time of this process and all below it."""

    def __init__(self) -> None:
        self.moments: list[tuple[float, float]] = []

    def __call__(self, event: Any) -> None:
        if isinstance(event, RoundClosed):
            self.moments.append((_cpu_seconds(), time.perf_counter()))

    def a_round(self) -> tuple[float, float]:
        """CPU and wall seconds, without the first round, in which processes warm up."""
        rounds = len(self.moments) - 1
        return tuple((last - first) / rounds for first, last in zip(self.moments[0], self.moments[-1], strict=True))  # type: ignore[return-value]


def _cpu_seconds() -> float:
    parents, ticks = dict[int, int](), dict[int, int]()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(fields[1])
            ticks[int(folder.name)] = sum(map(int, fields[11:15]))  # its own, and those of children that have ended
    ours = {os.getpid()}
    for _ in range(8):
        ours |= {process for process, parent in parents.items() if parent in ours}
    return sum(ticks[process] for process in ours) / os.sysconf("SC_CLK_TCK")


def _by_thread(job: tuple[str, ...]) -> None:
    meter = _Meter()
    for name in BY_SERVER:
        meter.watch(Record, name, "server")
    for name in BY_NODES:
        meter.watch(Node, name, "users and nodes")
    meter.watch(LocalParticipants, "register", "once a user: the digests of its data")
    whole = _Process()
    run(APP, *job, "runtime=in-process", "ledger.enabled=true", sink=whole)
    meter.spent |= whole.threads
    once = meter.spent.pop("once a user: the digests of its data", 0.0)
    meter.spent["users and nodes"] -= once
    total = sum(meter.spent.values())
    print(f"in one process, a round: {whole.cpu / whole.rounds:.3f} CPU s, of which the ledger's")
    for name, seconds in (*meter.spent.items(), ("all of it", total)):
        print(f"  {name:<22}{seconds / whole.rounds * 1e3:8.2f} ms{100 * seconds / (whole.cpu - total):7.2f} %")
    print(f"  once in a run, of all users, {once * 1e3:.0f} ms: the digests of their data")


class _Meter:
    """CPU time of the calling thread in some methods, calls from one of them to another counted once."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inside: set[str] = set()

    def watch(self, kind: type, name: str, label: str) -> None:
        method: Callable[..., Any] = getattr(kind, name)

        @functools.wraps(method)
        def metered(*args: Any, **kwargs: Any) -> Any:
            if label in self._inside:
                return method(*args, **kwargs)
            self._inside.add(label)
            started = time.thread_time()
            try:
                return method(*args, **kwargs)
            finally:
                self.spent[label] += time.thread_time() - started
                self._inside.discard(label)

        setattr(kind, name, metered)


class _Process:
    """CPU time of this process between the first round's start and the last one's end, and of the ledger's threads."""

    def __init__(self) -> None:
        self.cpu = self.started = 0.0
        self.rounds = 0
        self.threads: dict[str, float] = {}

    def __call__(self, event: Any) -> None:
        self.started = self.started or time.process_time()
        if isinstance(event, RoundClosed):
            self.rounds += 1
            self.cpu = time.process_time() - self.started
        for thread in threading.enumerate():
            for name in THREADS:
                if thread.name.startswith(name) and thread.ident is not None:
                    clock = time.pthread_getcpuclockid(thread.ident)
                    self.threads[f"the thread {name}"] = time.clock_gettime(clock)


if __name__ == "__main__":
    main()
