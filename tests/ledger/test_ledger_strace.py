"""A real process under strace, which makes each of its file system calls fail, or kills it there."""

import os
import shutil
import subprocess
import tempfile
import zlib
from itertools import count
from pathlib import Path

import pytest
from written_log import Acknowledged, check_published, check_recovers, create, read_published, reopen, statement

from ledger import LedgerIOError
from ledger.verify import verify_dir

pytestmark = pytest.mark.slow

START = 254  # so that the appends fill a bundle, and begin the next
CALLS = ["openat", "pwrite64", "fsync", "fdatasync", "rename", "link", "unlink", "rmdir", "ftruncate", "mkdir"]
CALLS += ["flock", "fchmod"]
ACCIDENTS = ["error=EIO", "error=ENOSPC", "signal=KILL", "error=EIO:twice", "error=ENOSPC:for ever"]
MORE = {"opening": 1, "opening at a bundle's end": 2}  # entries that are signed for, and not published
NEEDED = {
    "opening": {"openat", "pwrite64", "fsync", "rename", "flock", "ftruncate", "fdatasync"},
    "opening at a bundle's end": {"openat", "pwrite64", "fsync", "rename", "flock", "link", "unlink"},
    "appending": {"openat", "pwrite64", "fsync", "rename", "flock", "mkdir", "fdatasync", "link", "unlink", "rmdir"},
}


@pytest.fixture(scope="module")
def memory():
    """Holds a log of START entries, closed in peace."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: NO SYSTEM CALL WAS MADE TO FAIL; install it, and allow ptrace")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    create(folder / "appending", START).close()
    yield folder
    shutil.rmtree(folder)


def start(memory, stage):
    base = Path(tempfile.mkdtemp(dir=memory))
    shutil.copytree(memory / "appending", base, dirs_exist_ok=True)
    if stage in MORE:
        leave_unpublished(base, MORE[stage])
    return base


def leave_unpublished(base, more):
    """Append, and lose all that was published of that, as if the process had been killed in between."""
    shutil.copytree(base / "ledger", base / "before")
    with reopen(base) as log:
        log.append_now(*map(statement, range(START, START + more)))
    journal = (base / "before" / "journal" / "0").read_bytes()
    entries = b"".join(
        len(data).to_bytes(4, "big") + zlib.crc32(data).to_bytes(4, "big") + data
        for data in read_published(base / "ledger")[2]
    )
    assert entries.startswith(journal)
    shutil.rmtree(base / "ledger")
    (base / "before").rename(base / "ledger")
    (base / "ledger" / "journal" / "0").write_bytes(entries + b"\0\0\1\0 an entry that was never finished")


class Process:
    """A forked process that does `work` once strace watches it; what it acknowledged can be read from it."""

    def __init__(self, before, work):
        self.go, (self.news, told) = os.pipe(), os.pipe()
        ready, is_ready = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                thing = before()
                os.write(is_ready, b"r")
                os.read(self.go[0], 1)
                work(thing, told)
            except BaseException as error:
                os.write(told, f"error {type(error).__name__} {error}\n".encode())
            finally:
                os._exit(0)
        os.close(told)
        os.read(ready, 1)
        os.close(ready)
        os.close(is_ready)

    def under(self, inject, log):
        """Let it run to its end, or to the accident; its lines of news."""
        tracer = subprocess.Popen(
            ["strace", "-f", "-p", str(self.pid), "-o", log, *inject], stderr=subprocess.PIPE, text=True
        )
        assert tracer.stderr
        attached = tracer.stderr.readline()
        if "attached" not in attached:
            os.write(self.go[1], b"g")
            os.waitpid(self.pid, 0)
            pytest.skip(f"strace may not trace here: NO SYSTEM CALL WAS MADE TO FAIL ({attached.strip()})")
        os.write(self.go[1], b"g")
        news = b""
        while data := os.read(self.news, 65536):
            news += data
        os.waitpid(self.pid, 0)
        tracer.communicate(timeout=60)
        for handle in (self.news, *self.go):
            os.close(handle)
        return news.decode().splitlines()


def append_all(log, told):
    """Append four, one by one, telling of each; after an error, try on: nothing may come of it."""
    refused = False
    for number in range(log.size, log.size + 4):
        try:
            (receipt,) = log.append_now(statement(number))
            os.write(told, f"{'late' if refused else 'ack'} {number} {receipt.checkpoint.hex()}\n".encode())
        except LedgerIOError:
            refused = True
    log.close()


def do_opening(base):
    return lambda: None, lambda nothing, told: reopen(base).close()


def do_appending(base):
    return lambda: reopen(base), append_all


def options(call, accident, number):
    what, _, often = accident.partition(":")
    when = {"": str(number), "twice": f"{number}..{number + 1}", "for ever": f"{number}+"}[often]
    return ["-e", f"trace={call}", "-e", f"inject={call}:{what}:when={when}"]


@pytest.mark.parametrize("accident", ACCIDENTS)
@pytest.mark.parametrize("stage", NEEDED)
def test_nothing_is_lost_whichever_system_call_fails(memory, stage, accident, tmp_path):
    hits = dict.fromkeys(CALLS, 0)
    for call in CALLS:
        for number in count(1):
            base = start(memory, stage)
            log = tmp_path / "strace"
            before, work = do_opening(base) if stage in MORE else do_appending(base)
            news = Process(before, work).under(options(call, accident, number), str(log))
            if not ("INJECTED" in log.read_text() or "killed by SIGKILL" in log.read_text()):
                break
            hits[call] += 1
            check(base, news, stage)
            shutil.rmtree(base)
        shutil.rmtree(base)
    print(stage, accident, sum(hits.values()), hits)
    assert all(hits[call] for call in NEEDED[stage]), hits


def check(base, news, stage):
    promised = []
    for line in news:
        kind, *rest = line.split(" ", 2)
        assert kind in ("ack", "error"), line
        if kind == "ack":
            promised.append(Acknowledged(int(rest[0]), bytes.fromhex(rest[1])))
        else:
            assert rest[0] in ("LedgerIOError",), line
    check_published(base / "ledger")
    report = verify_dir(base / "ledger", keys=base / "keys", fast=True)
    assert report.ok, ("before recovery", report.problems)
    check_recovers(base, promised, fast=True, least=START + len(promised) + MORE.get(stage, 0))
