"""The power fails at any moment: nothing acknowledged is lost, and what is published is never ahead of the disk."""

import itertools
import random
import shutil

import pytest
from ledger_story import LOG, OPERATOR
from power_loss import KEPT, LOST, Recorder, build, files
from written_log import Acknowledged, append, check_published, check_recovers, create, reopen, statement

from ledger import LedgerIOError, Log
from ledger.verify import verify_dir


class Crashes:
    """Collects the states that crashes could leave, at every call that the recorder sees; each once."""

    def __init__(self, recorder, promised, samples, seed=0):
        self.recorder, self.promised, self.samples = recorder, promised, samples
        self.chance = random.Random(seed)
        self.states, self.seen, self.moments = [], set(), 0

    def __call__(self, name):
        self.moments += 1
        self.add(lambda change: LOST)
        self.add(lambda change: KEPT)
        for _ in range(self.samples):
            self.add(self.fate)
        if self.samples:
            self.add(self.zeroed, zeros=True)

    def fate(self, change):
        choice = self.chance.random()
        if choice < 0.4:
            return LOST
        if choice < 0.7 or not (len(change) == 2 and isinstance(change[1], bytes)):
            return KEPT
        return "torn", self.chance.randrange(len(change[1]) + 1)

    def zeroed(self, change):
        fate = self.fate(change)
        return fate if isinstance(fate, str) else ("zeros", fate[1])

    def add(self, fate, zeros=False):
        found = files(self.recorder.root, fate)
        key = hash((frozenset(found.items()), len(self.promised)))
        if key not in self.seen:
            self.seen.add(key)
            self.states.append((found, len(self.promised), zeros))

    def check(self, base, thorough=25, more=10):
        """Build every state, and see that it is good as it is and that the log goes on."""
        for number, (found, promised, zeros) in enumerate(self.states):
            place = base / f"crash-{number}"
            build(found, place)
            try:
                check_state(place, self.promised[:promised], fast=number % thorough > 0, zeros=zeros, more=more)
            except Exception as error:
                raise AssertionError(f"state {number}, {promised} acknowledged: {error!r}") from error
            shutil.rmtree(place)


def check_state(place, promised, fast, zeros, more):
    ledger = place / "ledger"
    if not promised and not ledger.exists():
        Log.create(ledger, LOG, OPERATOR, keys=place / "keys").close()  # making it again, with the same key, is no fork
    check_published(ledger)
    if not zeros:  # zeros in a file that nothing refers to yet look like tampering until recovery writes it again
        report = verify_dir(ledger, keys=place / "keys", fast=fast)
        assert report.ok, ("before recovery", report.problems)
    check_recovers(place, promised, more, fast, least=len(promised))


def submit(log, promised, numbers):
    """Append statements as one batch; promises are noted by the log's own thread, at the moment they are made."""

    def note(future):
        promised.extend(Acknowledged(receipt.index, receipt.checkpoint) for receipt in future.result())

    future = log.submit([statement(number) for number in numbers])
    future.add_done_callback(note)
    future.result(timeout=60)


def crash_everywhere(place, batches, samples, before=0, seed=0):
    """The states of a log with `before` entries, made in peace, that is given batches of these sizes."""
    base = place / "log"
    base.mkdir()
    if before:
        create(base, before).close()
    promised = []
    with Recorder(base) as recorder:
        crashes = recorder.watch = Crashes(recorder, promised, samples, seed)
        log = reopen(base) if before else create(base)
        size = before
        for batch in batches:
            submit(log, promised, range(size, size + batch))
            size += batch
        log.close()
        assert recorder.same_as_disk()
    return crashes


def test_a_crash_while_a_log_is_made_and_first_written_to(fast_disk):
    crashes = crash_everywhere(fast_disk, [1, 1, 3], samples=1)
    assert crashes.moments > 80
    crashes.check(fast_disk)


def test_a_crash_around_the_end_of_a_bundle(fast_disk):
    crashes = crash_everywhere(fast_disk, [2, 1, 1], samples=1, before=254)
    assert crashes.moments > 80
    crashes.check(fast_disk)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_crash_anywhere_in_six_hundred_appends_over_two_bundles(fast_disk, seed):
    chance = random.Random(seed)
    batches = [1] * 6
    while sum(batches) < 600:
        near = min(abs(sum(batches) - edge) for edge in (256, 512)) < 5
        room = min(
            600 - sum(batches), *(edge - 3 - sum(batches) for edge in (256, 512, 603) if edge - 3 > sum(batches))
        )
        batches.append(1 if near else min(chance.choice([1, 1, 2, 5, 40]), room))
    crashes = crash_everywhere(fast_disk, batches, samples=3, seed=seed)
    print(f"{crashes.moments} moments, {len(crashes.states)} states")
    crashes.check(fast_disk)


def killed_then_cut(place, dies_at):
    """The states of a log whose process is killed at a call, which is then reopened, until the power fails.

    None when the process came to its end before. What the killed process had not synced is seen by the next one, which
    must not build upon it as if it were durable.
    """
    base = place / f"log-{dies_at}"
    base.mkdir()
    create(base, 254).close()
    promised = []
    with Recorder(base) as recorder:
        recorder.dies_at = dies_at
        try:
            log = reopen(base)
            try:
                append(log, 4, promised)
            finally:
                log.close()
            return None
        except LedgerIOError:
            recorder.dies_at = None
        if files(recorder.root) == files(recorder.root, lambda change: LOST):
            return ()  # nothing was left to be lost
        crashes = recorder.watch = Crashes(recorder, promised, samples=0)
        with reopen(base) as log:
            for number in range(log.size, log.size + 2):
                submit(log, promised, [number])
        assert recorder.same_as_disk()
    return crashes


@pytest.mark.parametrize(
    "part", [pytest.param(7, id="sample"), *(pytest.param(n, marks=pytest.mark.slow) for n in range(28) if n != 7)]
)
def test_a_killed_process_and_then_the_power_fails_on_the_next_one(fast_disk, part):
    for dies_at in itertools.count(part, 28):
        crashes = killed_then_cut(fast_disk, dies_at)
        if crashes is None:
            break
        if crashes:
            crashes.check(fast_disk, thorough=100, more=2)
    assert dies_at > 80
