"""The disk refuses, at every single thing it is asked for: what was acknowledged stays, and reopening mends the rest."""

import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from power_loss import Recorder, files, scan
from written_log import append, check_published, check_recovers, create, reopen, statement

from ledger import LedgerIOError
from ledger.fs import Disk
from ledger.verify import verify_dir

METHODS = "make_folder create replace write_immutable append cut open remove remove_folder rename sync_folder".split()
APPENDS = 4
START = 254  # so that the appends fill a bundle, and begin the next


class FailingDisk(Disk):
    """Fails the calls whose numbers are in `fails`: "before" they do anything, or "after" they have done it."""

    def __init__(self, fails):
        self.fails, self.calls, self.failed = fails, 0, []


def _failing(name):
    real = getattr(Disk, name)

    def call(self, *given, **named):
        number, self.calls = self.calls, self.calls + 1
        when = self.fails.get(number)
        if when == "before":
            self.failed.append(name)
            raise LedgerIOError(f"{name} was made to fail.")
        result = real(self, *given, **named)
        if when == "after":
            self.failed.append(name)
            raise LedgerIOError(f"{name} was made to fail, too late.")
        return result

    return call


for _name in METHODS:
    setattr(FailingDisk, _name, _failing(_name))


@pytest.fixture(scope="module")
def memory():
    """A folder in memory where there is one: thousands of times a log is opened here."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    create(folder / "start", START).close()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def fresh(memory):
    """Gives a new copy of a log of START entries each time."""
    made = []

    def copy():
        made.append(memory / f"copy-{len(made)}")
        if len(made) > 1:
            shutil.rmtree(made[-2])
        return Path(shutil.copytree(memory / "start", made[-1]))

    yield copy
    shutil.rmtree(made[-1])


def write(base, promised, broken, disk=None):
    """Open, append and close; whether all of it went well. Once something `broken()`, no append may go through."""
    try:
        log = reopen(base, disk=disk) if disk else reopen(base)
    except LedgerIOError:
        return False
    try:
        for _ in range(APPENDS):
            append(log, 1, promised)
        log.publish().result(timeout=60)
    except LedgerIOError:
        check_it_has_stopped(log, base)
    try:
        log.close()
    except LedgerIOError:
        return False
    return not broken()


def check_it_has_stopped(log, base):
    before = files(scan(base))
    for _ in range(2):
        with pytest.raises(LedgerIOError, match="stopped after an error"):
            log.append_now(statement(log.size))
    assert files(scan(base)) == before


def check_after_faults(base, promised):
    check_published(base / "ledger")
    report = verify_dir(base / "ledger", keys=base / "keys", fast=True)
    assert report.ok, ("before recovery", report.problems)
    check_recovers(base, promised, fast=True, least=START + len(promised))


@pytest.mark.parametrize("when", ["before", "after"])
def test_every_operation_of_the_disk_may_fail(fresh, when):
    seen = set()
    for number in itertools.count():
        base, promised, disk = fresh(), [], FailingDisk({number: when})
        if write(base, promised, lambda: disk.failed, disk):
            break
        assert disk.failed or number == 0
        seen |= set(disk.failed)
        check_after_faults(base, promised)
    assert seen >= {"append", "create", "replace", "write_immutable", "remove", "remove_folder", "open", "sync_folder"}


@pytest.mark.parametrize("first", ["before", "after"])
@pytest.mark.parametrize("second", ["before", "after"])
def test_reopening_may_fail_as_well(fresh, first, second):
    for number in itertools.count():
        base, promised, disk = fresh(), [], FailingDisk({number: first})
        if write(base, promised, lambda: disk.failed, disk):
            break
        broken = files(scan(base))
        for again in itertools.count():
            later, retry = list(promised), FailingDisk({again: second})
            if write(base, later, lambda: retry.failed, retry):
                break
            check_after_faults(base, later)
            shutil.rmtree(base)
            rebuild(broken, base)
    assert number > 40


def rebuild(found, base):
    from power_loss import build

    build(found, base)


@pytest.mark.parametrize("whens", [("before",), ("after",), ("before", "before"), ("after", "before"), ("after", "after")])
def test_every_system_call_may_fail_and_the_next_one_too(fresh, whens):
    seen = set()
    for number in itertools.count():
        base, promised = fresh(), []
        with Recorder(base) as recorder:
            recorder.fails = {number + later: when for later, when in enumerate(whens)}
            if write(base, promised, lambda: recorder.failed):
                break
            seen |= set(recorder.failed)
            assert recorder.same_as_disk()
        check_after_faults(base, promised)
    assert number > 80
    assert seen >= {"open", "pwrite", "fsync", "link", "unlink", "rename"}
