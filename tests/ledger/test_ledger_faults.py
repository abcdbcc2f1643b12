"""The disk refuses, whatever it is asked for: what was acknowledged stays, and reopening mends the rest."""

import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from power_loss import Recorder, build, files, scan
from written_log import append, check_published, check_recovers, create, reopen, statement

from ledger import LedgerIOError
from ledger.fs import DISK, Disk
from ledger.verify import verify_dir

METHODS = ["make_folder", "create", "replace", "write_immutable", "append", "cut", "open", "settle", "sync_folder"]
METHODS += ["remove", "remove_folder", "rename"]
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


def write(base, promised, broken, disk=DISK):
    """Open, append and close; whether nothing was `broken`, a list that fills as the disk fails."""
    try:
        log = reopen(base, disk=disk)
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
    return not broken


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


def slow(turn, number):
    return pytest.param(slice(turn, None, number), marks=pytest.mark.slow)


def parts(number):
    """One test of so many takes every so-many-th failure; the first is quick enough for every day."""
    return pytest.mark.parametrize("turn", [slice(0, None, number), *(slow(turn, number) for turn in range(1, number))])


def numbers(turn):
    return itertools.count(turn.start, turn.step)


@parts(4)
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_operation_of_the_disk_may_fail(fresh, when, turn):
    for number in numbers(turn):
        base, promised, disk = fresh(), [], FailingDisk({number: when})
        if write(base, promised, disk.failed, disk):
            break
        assert disk.failed
        check_after_faults(base, promised)
    assert number > 50


@parts(12)
@pytest.mark.parametrize(("first", "second"), [("before", "after"), ("after", "before")])
def test_reopening_may_fail_as_well(fresh, first, second, turn):
    """Every day, only some of the second failures."""
    for number in numbers(turn):
        base, promised, disk = fresh(), [], FailingDisk({number: first})
        if write(base, promised, disk.failed, disk):
            break
        broken = files(scan(base))
        for again in itertools.count(number % 12, 12) if turn.start == 0 else itertools.count():
            later, retry = list(promised), FailingDisk({again: second})
            if write(base, later, retry.failed, retry):
                break
            check_after_faults(base, later)
            shutil.rmtree(base)
            build(broken, base)
    assert number > 50


WHENS = [("before",), ("after",), ("before", "before"), ("after", "before"), ("after", "after")]


@parts(12)
@pytest.mark.parametrize("whens", WHENS, ids=" and ".join)
def test_every_system_call_may_fail_and_the_next_one_too(fresh, whens, turn):
    for number in numbers(turn):
        base, promised = fresh(), []
        with Recorder(base) as recorder:
            recorder.fails = {number + later: when for later, when in enumerate(whens)}
            unbroken = write(base, promised, recorder.failed)
            if number >= recorder.calls:
                break
            assert not unbroken or "after" in whens  # a call that truly fails cannot do so late
            assert recorder.same_as_disk()
        check_after_faults(base, promised)
    assert number > 100


def test_the_calls_that_may_fail_are_all_there(fresh):
    base, called = fresh(), set()
    with Recorder(base) as recorder:
        recorder.watch = called.add
        assert write(base, [], recorder.failed)
    assert called == {"open", "pwrite", "fsync", "link", "unlink", "rename", "mkdir"}
