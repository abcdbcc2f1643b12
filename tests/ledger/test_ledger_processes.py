"""Real processes: a second writer, writers killed at any moment, and a disk that fills up."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ledger_story import beginning, create, one_round

from ledger import Ledger, LedgerIOError, verify

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

# Goes on from the last round on record, and says on stdout how many entries it was promised.
WRITER = """
import sys
from ledger_story import one_round, resume
from ledger import Ledger, rows
with Ledger.open(sys.argv[1]) as ledger:
    last = max((row["round"] for row in rows(sys.argv[1], kind="round.close")), default=0)
    head = ledger.append([resume(last)])
    while True:
        print(head.seq + 1, head.hash, flush=True)
        last += 1
        head = ledger.append(one_round(last), check=False)
"""

# Appends until the file may not grow any more, then says so.
FILLER = """
import resource, signal, sys
from ledger_story import one_round
from ledger import Ledger, LedgerIOError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
ledger = Ledger.open(sys.argv[1])
number = 0
while True:
    number += 1
    try:
        print(ledger.append(one_round(number)).seq, flush=True)
    except LedgerIOError as error:
        print(error, flush=True)
        break
"""

HOLDER = """
import sys
from ledger import Ledger
with Ledger.open(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


def start(program: str, path: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"}
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture
def path(tmp_path):
    with create(tmp_path / "ledger") as ledger:
        ledger.append(beginning())
    return tmp_path / "ledger"


def test_a_second_writer_is_refused_at_once_and_let_in_afterwards(path):
    with start(HOLDER, path) as holder:
        assert holder.stdout.readline() == "open\n"
        before = time.monotonic()
        with pytest.raises(LedgerIOError, match="another writer"):
            Ledger.open(path)
        assert time.monotonic() - before < 1
        assert verify(path).ok  # readers need no lock
        holder.stdin.close()
    with Ledger.open(path) as ledger:
        ledger.append(one_round(1))


def test_a_killed_writer_loses_nothing_it_was_promised(path):
    chance = random.Random(7)
    for _ in range(10):
        with start(WRITER, path) as writer:
            promised = writer.stdout.readline()
            time.sleep(chance.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
            whole = [
                line for line in (promised + writer.stdout.read()).splitlines(keepends=True) if line.endswith("\n")
            ]
            promised = whole[-1]  # the kill may also tear the line that tells of a promise
        entries, head = promised.split()
        Ledger.open(path).close()
        report = verify(path, head=head)
        assert report.ok
        assert report.entries >= int(entries)


def test_a_full_disk_fails_one_append_and_leaves_a_ledger(path):
    with start(FILLER, path) as filler:
        *acknowledged, message = filler.stdout.read().splitlines()
    assert "File too large" in message
    report = verify(path)
    assert report.ok
    assert report.entries == int(acknowledged[-1]) + 1
    assert (path / "entries.jsonl").stat().st_size < 20_000
    with Ledger.open(path) as ledger:  # and once there is space, it goes on
        assert ledger.cut_bytes == 0
        ledger.append(one_round(len(acknowledged) + 1))
    assert verify(path).ok
