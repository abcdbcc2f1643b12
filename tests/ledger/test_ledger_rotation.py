"""Handing a log over to another key, and what a crash in the middle of that leaves."""

import shutil
from contextlib import suppress
from itertools import count

import pytest
from ledger_story import LOG, OPERATOR, USERS, register_account
from power_loss import KEPT, LOST, Recorder, build, files
from written_log import create, read_published, reopen, statement

from ledger import LedgerIOError, Receipt, Refused, SigningKey, log_vkey, sign
from ledger.keyring import KeyRing
from ledger.verify import verify_dir

NEW = SigningKey.derive(b"s" * 32, "operator/1")
NEWER = SigningKey.derive(b"s" * 32, "operator/2")


def entry(base, index):
    return read_published(base / "ledger")[2][index]


def assert_good(base):
    report = verify_dir(base / "ledger", keys=base / "keys")
    assert report.ok, report.problems
    return report


def test_after_a_hand_over_the_new_key_signs_and_old_receipts_hold(fast_disk):
    with create(fast_disk, 3) as log:
        (old,) = log.append_now(statement(3))
        old.path  # noqa: B018
        handed_over = log.rotate(NEW)
        checkpoint = (fast_disk / "ledger" / "history" / "5").read_bytes()
        with pytest.raises(Refused):
            log.append_now(sign(OPERATOR, "run.open", LOG, run="r", recipe="0" * 64, created_by="x", staleness=0))
        (after,) = log.append_now(register_account(USERS[0], "user"))
    both = [log_vkey(LOG, OPERATOR.who), log_vkey(LOG, NEW.who)]
    old.verify(both[:1], entry(fast_disk, 3))
    for key in both:
        handed_over.verify([key], entry(fast_disk, 4))
        Receipt(4, handed_over.path, checkpoint).verify([key], entry(fast_disk, 4))
    after.verify(both[1:], entry(fast_disk, 5))
    with pytest.raises(Refused):
        after.verify(both[:1], entry(fast_disk, 5))
    with pytest.raises(Refused):
        reopen(fast_disk, key=OPERATOR)
    with reopen(fast_disk) as log:
        append_account(log, 1)
    assert KeyRing(fast_disk / "keys").key(LOG).who == NEW.who
    assert not KeyRing(fast_disk / "keys").next_key_file(LOG).exists()
    assert_good(fast_disk)


def append_account(log, number):
    (receipt,) = log.append_now(register_account(USERS[number], f"user {number}"))
    return receipt


def test_a_log_can_be_handed_over_again_and_again(fast_disk):
    with create(fast_disk, 3) as log:
        for key in (NEW, NEWER, SigningKey.generate()):
            log.rotate(key)
            with pytest.raises(Refused):
                log.rotate(OPERATOR)  # a key that was given up does not come back
    with reopen(fast_disk) as log:
        append_account(log, 0)
    assert_good(fast_disk)


def test_a_hand_over_is_published_at_once(fast_disk):
    with create(fast_disk, 3) as log:
        log.rotate(NEW)
        size, _, _ = read_published(fast_disk / "ledger")
        assert size == 4
        assert (fast_disk / "ledger" / "log" / "checkpoint").read_bytes().count("— ".encode()) == 2


def check_handed_over_or_not(base):
    """Whatever a crash left of a hand-over to NEW: the log is the old key's or the new one's, and goes on."""
    with reopen(base) as log:
        operator = log.state.operator
        assert operator in (OPERATOR.who, NEW.who)
        append_account(log, 0)
        if operator == OPERATOR.who:
            log.rotate(NEWER)
            append_account(log, 1)
    with reopen(base) as log:
        append_account(log, 2)
    assert_good(base)
    return operator


@pytest.mark.parametrize("size", [3, pytest.param(255, marks=pytest.mark.slow)])
def test_a_crash_in_a_hand_over_leaves_it_done_or_not_begun(fast_disk, size):
    base = fast_disk / "log"
    create(base, size).close()
    states, seen = [], set()

    def watch(name):
        for fate in (LOST, KEPT):
            found = files(recorder.root, lambda change, fate=fate: fate)
            key = hash(frozenset(found.items()))
            if key not in seen:
                seen.add(key)
                states.append(found)

    with Recorder(base) as recorder, reopen(base) as log:
        recorder.watch = watch
        log.rotate(NEW)
        watch("done")
        recorder.watch = lambda name: None
        assert recorder.same_as_disk()
    operators = []
    for number, found in enumerate(states):
        build(found, fast_disk / str(number))
        operators.append(check_handed_over_or_not(fast_disk / str(number)))
        shutil.rmtree(fast_disk / str(number))
    assert operators[0] == OPERATOR.who and operators[-1] == NEW.who


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_disk_that_fails_in_a_hand_over_leaves_it_done_or_not_begun(fast_disk, when):
    create(fast_disk / "start", 3).close()
    for number in count():
        base = shutil.copytree(fast_disk / "start", fast_disk / f"log-{number}")
        with Recorder(base) as recorder:
            log = reopen(base)
            recorder.calls, recorder.fails = 0, {number: when}
            with suppress(LedgerIOError):
                log.rotate(NEW)
            if recorder.failed:
                with pytest.raises(LedgerIOError):
                    append_account(log, 0)
            with suppress(LedgerIOError):
                log.close()
        if number >= recorder.calls:
            break
        check_handed_over_or_not(base)
        shutil.rmtree(base)
    assert number > 15
