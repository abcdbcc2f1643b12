"""A ledger of a million entries: how long it takes to write, what opening, proving and verifying it read and hold.

    python -m benchmarks.ledger_million [--entries 1000000] [--users 10000] [--folder PATH]

Every step runs in a process of its own, so that its memory is its own. CPU times are net of the interpreter's start
and imports. Files are those below the ledger and key folders that were opened, folders not counted, and how often.
A ledger that is in the folder (--folder) already is measured again, not written again.
"""

import argparse
import gc
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from benchmarks.ledger_crowd import LOG, OPERATOR, Crowd
from ledger.checkpoint import open_checkpoint
from ledger.compare import compare
from ledger.cosignature import Cosigner
from ledger.folder import LedgerFolder
from ledger.keys import SigningKey
from ledger.log import Log
from ledger.note import parse_note
from ledger.published import PublishedTree
from ledger.receipt import Receipt
from ledger.source import FolderSource
from ledger.statements import Statement
from ledger.verify import verify_dir
from ledger.vkey import log_vkey

BATCH, PROOFS, BACK = 2048, 50, 256
VKEY = log_vkey(LOG, OPERATOR.who)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        STEPS[given.step](given)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.folder or Path(temporary)).absolute()
        folder.mkdir(exist_ok=True)
        sizes = ["--entries", str(given.entries), "--users", str(given.users), "--folder", str(folder)]
        for step in STEPS:
            if step != "build" or not (folder / "ledger").exists():
                subprocess.run([sys.executable, "-m", "benchmarks.ledger_million", *sizes, "--step", step], check=True)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


def _build(given: argparse.Namespace) -> None:
    crowd, signing = Crowd(given.users), 0.0
    wall, cpu = time.perf_counter(), time.process_time()
    with crowd.begin(given.folder) as log:
        for statements in _rounds(log, crowd):
            started = time.process_time()
            batch = list(islice(statements, min(BATCH, given.entries - log.size)))
            while batch:
                signing += time.process_time() - started
                log.append_now(*batch, check=False)
                started = time.process_time()
                batch = list(islice(statements, min(BATCH, given.entries - log.size)))
            if log.size == given.entries:
                break
        size = log.size
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"write {size} entries of {given.users} users, unchecked, {BATCH} a request: {wall:.0f} s, {cpu:.0f} CPU-s")
    print(f"  without signing them: {(cpu - signing) / size * 1e6:.1f} us CPU a statement; {_memory()}", flush=True)


def _rounds(log: Log, crowd: Crowd) -> Iterator[Iterator[Statement]]:
    """Round after round without end; what a round closes over is known only once its commits are recorded."""
    number = 0
    while number := number + 1:
        yield iter([crowd.open_round(number)])
        yield crowd.commits(number)
        head = log.head()
        yield crowd.reveals(number)
        yield iter([crowd.close_round(number, head.size, head.root)])


def _open(given: argparse.Namespace) -> None:
    with _measured(given) as step:
        log = Log.open(given.folder / "ledger", keys=given.folder / "keys")
    size = log.size
    log.close()
    print(f"open {size} entries for appending: {step.said()} (at most 10, 0.5 s); {_memory()}", flush=True)


def _prove(given: argparse.Namespace) -> None:
    files, costs = [], []
    rng = random.Random(0)
    for _ in range(PROOFS):
        with _measured(given) as step:
            folder = LedgerFolder(given.folder / "ledger")
            head = open_checkpoint(folder.read("checkpoint"), [VKEY]).checkpoint
            folder.prove([rng.randrange(head.size)], head.size)
        files.append(len({*step.files}))
        costs.append(step.cpu)
    middle, most = sorted(costs)[PROOFS // 2] * 1e3, max(costs) * 1e3
    print(f"prove an entry: {max(files)} files at most (8), {middle:.1f} ms CPU, {most:.1f} ms at most (5)", flush=True)


def _receipt(given: argparse.Namespace) -> None:
    with Log.open(given.folder / "ledger", keys=given.folder / "keys") as log:
        head, signed = log.published()
        keys = [SigningKey.derive(bytes(32), f"witness/{number}") for number in range(3)]
        witnesses = [Cosigner(f"witness-{number}.example.org", key) for number, key in enumerate(keys)]
        lines = [witness.cosign(parse_note(signed).text, int(time.time())) for witness in witnesses]
        checkpoint = log.cosign(head.size, lines).result()
    indexes = random.Random(0).sample(range(head.size), PROOFS)
    proved = LedgerFolder(given.folder / "ledger").prove(indexes, head.size)
    sizes = [len(Receipt(place, path, checkpoint).format()) for place, _, path in proved]
    print(f"receipt with 3 witnesses: {max(sizes)} bytes at most (at most 2048)", flush=True)


def _since(given: argparse.Namespace) -> None:
    history = given.folder / "ledger" / "history"
    size = max(int(file.name) for file in history.iterdir() if file.name.isdigit())
    older = max(int(file.name) for file in history.iterdir() if file.name.isdigit() and int(file.name) <= size - BACK)
    head = (history / str(older)).read_bytes()
    with _measured(given) as step:
        tree = PublishedTree(FolderSource(given.folder / "ledger" / "log"))
        verdict = compare(head, tree.signed, [VKEY], [tree])
    assert verdict.relation == "extends"
    print(f"compare with a checkpoint {size - older} entries back: {step.said()} (at most 30)", flush=True)


def _verify(given: argparse.Namespace, **options: object) -> None:
    with _measured(given) as step:
        report = verify_dir(given.folder / "ledger", keys=given.folder / "keys", **options)  # type: ignore[arg-type]
    assert report.ok, report.problems
    print(
        f"verify {options or 'whole'}: {report.size / step.cpu:.0f} entries a CPU-second, {step.said()}; {_memory()}",
        flush=True,
    )


STEPS: dict[str, Callable[[argparse.Namespace], None]] = {
    "build": _build,
    "open": _open,
    "prove": _prove,
    "receipt": _receipt,
    "since": _since,
    "verify-fast": lambda given: _verify(given, fast=True),
    "verify": _verify,
}


class _Step:
    cpu = 0.0

    def __init__(self) -> None:
        self.files: list[str] = []

    def said(self) -> str:
        return f"{len({*self.files})} files (opened {len(self.files)} times), {self.cpu:.2f} CPU-s"


@contextmanager
def _measured(given: argparse.Namespace) -> Iterator[_Step]:
    """CPU time of this process, and the files that it opens below the folder."""
    step, watching = _Step(), True

    def watch(event: str, details: tuple[object, ...]) -> None:
        name = str(details[0])
        if watching and event == "open" and name.startswith(str(given.folder)) and not Path(name).is_dir():
            step.files.append(name)

    sys.addaudithook(watch)
    gc.collect()
    started = time.process_time()
    try:
        yield step
    finally:
        step.cpu = time.process_time() - started
        watching = False


def _memory() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB resident (at most 300)"


if __name__ == "__main__":
    main()
