"""How fast the ledger takes statements in and verifies them, in CPU time beside bare Ed25519 verification of the same.

    python -m benchmarks.ledger_speed [--users 2000] [--folder PATH]

Whole rounds of a federated run are recorded by 64 concurrent callers, as statements arrive from other processes;
signing is left out of the times. CPU time is that of all threads of this process and what the system does for them,
which for flushes to a busy disk is much: with a folder in memory (/dev/shm) the code's own share shows, on a disk the
callers' waiting. Every figure is the best of three within this run, with the median behind it.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from benchmarks.ledger_crowd import Crowd
from ledger.keys import pae, public_key
from ledger.log import Log
from ledger.statements import PAYLOAD_TYPE, Statement
from ledger.verify import verify_dir

CALLERS, REPEATS, ALONE = 64, 3, 200


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        crowd = Crowd(given.users)
        with crowd.begin(Path(folder)) as log:
            _appending(log, crowd)
            size = log.size
        _verifying(Path(folder), size)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


def _appending(log: Log, crowd: Crowd) -> None:
    bare, checked, unchecked, alone, together, unchecked_wall = (list[float]() for _ in range(6))
    for number in range(1, 2 * REPEATS + 1):
        check = number % 2 == 1
        round_ = _Round(log, crowd, number, check)
        (checked if check else unchecked).append(round_.cpu)
        (together if check else unchecked_wall).append(round_.wall)
        if check:
            bare.append(round_.bare)
            alone.append(round_.alone)
    ratios = [cost / floor for cost, floor in zip(checked, bare, strict=True)]
    speedups = [one / many for one, many in zip(alone, together, strict=True)]
    print(f"{round_.count} statements a repeat, {round_.bytes:.0f} bytes each; {CALLERS} callers; best (median)")
    _line("bare Ed25519 verification", bare, "us", 1e6)
    _line("append, signatures checked", checked, "us CPU", 1e6)
    _line("  as a ratio to bare verification", ratios, "x      (at most 1.6)")
    _line("append, unchecked", unchecked, "us CPU (at most 25)", 1e6)
    _line("append, checked, one caller", alone, "us wall", 1e6)
    _line(f"append, checked, {CALLERS} callers", together, "us wall", 1e6)
    _line(f"append, unchecked, {CALLERS} callers", unchecked_wall, "us wall", 1e6)
    _line(f"  {CALLERS} callers to one", speedups, "x      (at least 20)", best=max)


class _Round:
    """A round recorded: seconds a statement, of CPU and wall time, and, when ``check`` is on, what there is beside."""

    def __init__(self, log: Log, crowd: Crowd, number: int, check: bool) -> None:
        self.cpu = self.wall = self.bare = self.alone = 0.0
        self.count = 0
        log.append_now(crowd.open_round(number), check=False)
        commits = list(crowd.commits(number))
        self.bytes = statistics.mean(len(statement.spelled) for statement in commits[:100]) + 260  # with the entry's
        self._record(log, map(_arrived, commits), check)
        head = log.head()
        reveals, reports = list(crowd.reveals(number)), list(crowd.reports(number))
        if check:
            self.alone = (
                _timed(lambda: asyncio.run(_callers(log, reports[:ALONE], 1, check)), time.perf_counter) / ALONE
            )
            del reports[:ALONE]
        self._record(log, [*reveals, *reports], check)
        if check:
            self.bare = _bare([*commits, *reveals, *reports])
        self.cpu, self.wall = self.cpu / self.count, self.wall / self.count
        log.append_now(crowd.close_round(number, head.size, head.root), check=False)

    def _record(self, log: Log, statements: Iterable[Statement], check: bool) -> None:
        given = list(statements)
        wall = time.perf_counter()
        self.cpu += _timed(lambda: asyncio.run(_callers(log, given, CALLERS, check)), time.process_time)
        self.wall += time.perf_counter() - wall
        self.count += len(given)


async def _callers(log: Log, statements: list[Statement], count: int, check: bool) -> None:
    waiting = iter(statements)

    async def caller() -> None:
        for statement in waiting:
            await log.append(statement, check=check)

    await asyncio.gather(*(caller() for _ in range(count)))


def _arrived(statement: Statement) -> Statement:
    return Statement(statement.body, statement.signature)


def _bare(statements: list[Statement]) -> float:
    """Seconds of CPU a statement for verifying signatures, keys and messages at hand."""
    work = [_signed(statement) for statement in statements]

    def verify() -> None:
        for key, signature, message in work:
            key.verify(signature, message)

    return min(_timed(verify, time.process_time) for _ in range(REPEATS)) / len(work)


def _signed(statement: Statement) -> tuple[Ed25519PublicKey, bytes, bytes]:
    return public_key(str(statement.body["who"])), statement.signature, pae(PAYLOAD_TYPE, statement.spelled)


def _verifying(folder: Path, size: int) -> None:
    def verify(**options: object) -> Callable[[], None]:
        def run() -> None:
            report = verify_dir(folder / "ledger", keys=folder / "keys", **options)  # type: ignore[arg-type]
            assert report.ok and report.size == size, report.problems

        return run

    print(f"verifying {size} entries")
    fast = [_timed(verify(fast=True), time.process_time) for _ in range(REPEATS)]
    _line("fast, entries a CPU-second", [size / cost for cost in fast], "       (at least 100000)", best=max)
    whole, one, two = list[float](), list[float](), list[float]()
    for _ in range(REPEATS):
        wall = time.perf_counter()
        whole.append(_timed(verify(), time.process_time))
        one.append(time.perf_counter() - wall)
        two.append(_timed(verify(jobs=2), time.perf_counter))
    _line("whole, entries a CPU-second", [size / cost for cost in whole], "       (at least 10000)", best=max)
    _line("whole, one process", one, "s wall")
    _line("whole, two processes", two, "s wall")
    gains = [a / b for a, b in zip(one, two, strict=True)]
    _line("  one to two", gains, "x      (at least 1.6)", best=max)


def _timed(work: Callable[[], None], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return clock() - started


def _line(
    name: str, values: list[float], unit: str, scale: float = 1.0, best: Callable[[list[float]], float] = min
) -> None:
    digits = 0 if values[0] * scale > 1000 else 2
    print(
        f"{name:<36}{best(values) * scale:10.{digits}f} ({statistics.median(values) * scale:.{digits}f}) {unit}",
        flush=True,
    )


if __name__ == "__main__":
    main()
