"""Writing: one writer, one order, receipts that hold, and a log that opens as it was closed or as a crash left it."""

import asyncio
import multiprocessing
import pickle
import shutil
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from ledger_story import LOG, OPERATOR, USERS, register_account, transfer
from merkle_reference import tree_hash
from pymerkle import InmemoryTree
from written_log import (
    KEY,
    append,
    check_published,
    check_recovers,
    create,
    read_published,
    reopen,
    statement,
    statements,
)

from ledger import (
    LedgerIOError,
    Log,
    NotALedger,
    Receipt,
    Refused,
    RolledBack,
    SigningKey,
    Statement,
    Tampered,
    decode_entry,
    leaf_hash,
    log_vkey,
    parse_receipt,
)
from ledger.verify import verify_dir

NEW = SigningKey.derive(b"s" * 32, "operator/1")


def entry(base, index):
    return read_published(base / "ledger")[2][index]


def key_file(base, kind="key"):
    return base / "keys" / f"example.org%2Frun-1.{kind}"


def assert_good(base):
    report = verify_dir(base / "ledger", keys=base / "keys")
    assert report.ok, report.problems
    return report


# Appending


def test_a_receipt_proves_its_entry_to_whoever_trusts_the_logs_key(fast_disk):
    with create(fast_disk) as log:
        receipts = [log.append_now(statement(number))[0] for number in range(5)]
    for number, receipt in enumerate(receipts):
        assert receipt.index == number
        again = parse_receipt(receipt.format())
        checkpoint = again.verify([KEY], entry(fast_disk, number))
        assert checkpoint.size == number + 1  # of the moment it was acknowledged, not of some later one
        with pytest.raises(Refused):
            again.verify([KEY], entry(fast_disk, number - 1))
        with pytest.raises(Refused):
            again.verify([log_vkey(LOG, NEW.who)], entry(fast_disk, number))


def test_a_receipt_can_be_sent_to_another_process(fast_disk):
    with create(fast_disk) as log:
        (receipt,) = log.append_now(statement(0))
        sent = pickle.loads(pickle.dumps(receipt))
    assert type(sent) is Receipt
    sent.verify([KEY], entry(fast_disk, 0))


def test_old_receipts_hold_while_the_log_grows_over_bundles(fast_disk):
    with create(fast_disk) as log:
        receipts = [receipt for at in range(0, 600, 50) for receipt in log.append_now(*statements(at, at + 50))]
        _, _, entries = read_published(fast_disk / "ledger") if log.publish().result(60) else None
        for number in (0, 1, 49, 50, 255, 256, 257, 511, 512, 599):
            receipts[number].verify([KEY], entries[number])
    assert_good(fast_disk)


def test_many_threads_and_coroutines_share_one_log(fast_disk):
    users = [SigningKey.derive(b"s" * 32, f"many/{number}") for number in range(240)]
    accounts = [register_account(key, f"user {number}") for number, key in enumerate(users)]
    with create(fast_disk, 1) as log, ThreadPoolExecutor(12) as threads:

        async def all_of(some):
            return await asyncio.gather(*map(log.append, some))

        from_coroutines = threads.submit(asyncio.run, all_of(accounts[120:]))
        receipts = [receipts[0] for receipts in threads.map(log.append_now, accounts[:120])]
        receipts += from_coroutines.result(60)
    entries = check_entries(fast_disk, 241)
    for said, receipt in zip(accounts, receipts, strict=True):
        assert decode_entry(entries[receipt.index]).statement == said
        receipt.verify([KEY], entries[receipt.index])
    assert sorted(receipt.index for receipt in receipts) == list(range(1, 241))
    assert assert_good(fast_disk).participants == 241


def check_entries(base, size):
    found, root, entries = read_published(base / "ledger")
    assert found == size == len(entries)
    assert root == tree_hash([leaf_hash(data) for data in entries])
    return entries


def test_a_refused_statement_stops_its_own_submission_and_no_other(fast_disk):
    with create(fast_disk, 1) as log:
        good = [register_account(key, f"user {number}") for number, key in enumerate(USERS)]
        broken = log.submit([good[0], transfer(USERS[0], USERS[1], 5), good[1]])
        forged = log.submit([Statement(good[1].body, good[2].signature)])
        fine = log.submit([good[2]])
        with pytest.raises(Refused):
            broken.result(60)
        with pytest.raises(Refused, match="not that of"):
            forged.result(60)
        assert fine.result(60)[0].index == 2  # good[0] was recorded before the refusal, good[1] was not
        assert log.append_now(good[1])[0].index == 3
    assert assert_good(fast_disk).kinds == {"genesis": 1, "account.register": 3}


def test_statements_of_one_submission_keep_their_order(fast_disk):
    with create(fast_disk, 1) as log:
        futures = [log.submit(statements(at, at + 100)) for at in range(1, 700, 100)]
        indexes = [receipt.index for future in futures for receipt in future.result(60)]
    assert indexes == list(range(1, 701))
    assert len(check_published(fast_disk / "ledger")) == 701


def nested(depth):
    inner = []
    for _ in range(depth):
        inner = [inner]
    return inner


NONSENSE = [None, [], "text", {}, {"kind": 5}, {5: "kind"}, {"kind": "stake", "amount": 1.5}, {"kind": nested(20_000)}]
NONSENSE += [{"kind": "stake", "amount": {1, 2}}, {"kind": "\ud800"}, statement(1).body | {"log": b"bytes"}]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_what_is_no_statement_is_refused_and_the_log_goes_on(fast_disk, nonsense):
    with create(fast_disk, 1) as log:
        for said in (Statement(nonsense, bytes(64)), Statement(nonsense, bytes(5)), Statement(statement(1).body, None)):
            for check in (True, False):
                with pytest.raises(Refused):
                    log.submit([said], check=check).result(60)
        assert log.append_now(statement(1))[0].index == 1
    check_recovers(fast_disk)


def test_a_caller_who_goes_away_disturbs_nobody(fast_disk):
    with create(fast_disk, 1) as log:

        async def give_up():
            waiting = asyncio.ensure_future(log.append(statement(1)))
            await asyncio.sleep(0)
            waiting.cancel()

        asyncio.run(give_up())
        for number in range(2, 40):
            log.submit([statement(number)]).cancel()
        log.submit([]).result(60)
        assert log.append_now(statement(40))[0].index == 40
    assert len(check_published(fast_disk / "ledger")) == 41


def test_the_clock_may_go_backwards_and_the_entries_times_do_not(fast_disk, monkeypatch):
    with create(fast_disk, 2) as log:
        monkeypatch.setattr("ledger.log.writer.time.time_ns", lambda: 1_000_000_000)
        append(log, 2)
    with reopen(fast_disk) as log:
        append(log, 1)
        monkeypatch.undo()
        append(log, 1)
    times = [decode_entry(data).ts for data in read_published(fast_disk / "ledger")[2]]
    assert times == sorted(times) and times[1] == times[4] > 1_000_000_000_000
    assert_good(fast_disk)


def test_an_append_to_a_closed_log_says_so(fast_disk):
    log = create(fast_disk, 1)
    log.close()
    log.close()
    for attempt in (lambda: log.append_now(statement(1)), lambda: log.rotate(NEW), log.publish):
        with pytest.raises(LedgerIOError, match="closed"):
            attempt()
    check_recovers(fast_disk)


# Opening


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 513])
def test_a_log_of_any_size_is_opened_and_goes_on(fast_disk, size):
    create(fast_disk, size).close()
    reference = InmemoryTree(algorithm="sha256")
    with reopen(fast_disk) as log:
        assert log.size == size == log.published()[0].size
        append(log, 3)
        head = log.head()
    for data in check_entries(fast_disk, size + 3):
        reference.append_entry(data)
    assert head.root == reference.get_root()
    assert_good(fast_disk)


@pytest.mark.slow
def test_a_log_of_two_levels_of_full_tiles_is_opened_and_goes_on(fast_disk):
    create(fast_disk, 65_535).close()
    for _ in range(2):
        with reopen(fast_disk) as log:
            append(log, 1)
    check_recovers(fast_disk)
    check_entries(fast_disk, 65_547)


SECOND_WRITER = """
import sys, time
from ledger import Log
start = time.monotonic()
try:
    Log.open(sys.argv[1], keys=sys.argv[2])
except Exception as error:
    print(type(error).__name__, error.exit_code, time.monotonic() - start < 1, error)
"""


def test_a_second_writer_is_refused_at_once(fast_disk):
    with create(fast_disk, 1) as log:
        said = subprocess.run(
            [sys.executable, "-c", SECOND_WRITER, fast_disk / "ledger", fast_disk / "keys"],
            capture_output=True,
            text=True,
        ).stdout
        assert said.startswith("LedgerIOError 4 True") and "another writer" in said
        with pytest.raises(LedgerIOError, match="another writer"):
            reopen(fast_disk)
        append(log, 1)
    reopen(fast_disk).close()


def race(base, copy, start, answers):
    try:
        with Log.open(base / copy, keys=base / "keys") as log:
            start.wait(30)
            answers.put((copy, log.append_now(statement(log.size))[0].checkpoint))
    except RolledBack:
        answers.put((copy, None))


def test_two_copies_with_one_key_never_sign_two_logs(fast_disk):
    """Each copy has a write lock of its own; the head in the key folder is what they share."""
    context = multiprocessing.get_context("spawn")  # not fork: earlier tests have left threads
    for attempt in range(3):
        base = fast_disk / str(attempt)
        create(base, 3).close()
        copies = ["ledger", *(f"copy-{number}" for number in range(3))]
        for copy in copies[1:]:
            shutil.copytree(base / "ledger", base / copy)
        start, answers = context.Barrier(len(copies)), context.Queue()
        racing = [context.Process(target=race, args=(base, copy, start, answers)) for copy in copies]
        for process in racing:
            process.start()
        signed = [answers.get(timeout=60) for _ in racing]
        for process in racing:
            process.join(60)
        assert sum(checkpoint is not None for _, checkpoint in signed) == 1


def test_a_restored_older_copy_of_the_ledger_is_rolled_back(fast_disk):
    create(fast_disk, 3).close()
    for more in (1, 300):
        old = shutil.copytree(fast_disk / "ledger", fast_disk / f"old-{more}")
        with reopen(fast_disk) as log:
            log.append_now(*statements(log.size, log.size + more))
        with pytest.raises(RolledBack, match="missing") as caught:
            Log.open(old, keys=fast_disk / "keys")
        assert caught.value.exit_code == 3
    assert_good(fast_disk)


def test_a_restored_older_copy_of_the_key_folder_is_rolled_back(fast_disk):
    create(fast_disk, 3).close()
    shutil.copytree(fast_disk / "keys", fast_disk / "old")
    with reopen(fast_disk) as log:
        append(log, 1)
    with pytest.raises(RolledBack, match="restored from an old copy"):
        Log.open(fast_disk / "ledger", keys=fast_disk / "old")


def test_a_published_checkpoint_that_differs_from_the_head_is_a_fork(fast_disk):
    for name in ("ledger", "other"):
        create(fast_disk, 3).close()
        if name == "ledger":
            (fast_disk / "ledger").rename(fast_disk / "first")
            (fast_disk / "keys").rename(fast_disk / "first-keys")
        time.sleep(0.002)  # entries of another millisecond
    shutil.copy(fast_disk / "ledger" / "log" / "checkpoint", fast_disk / "first" / "log" / "checkpoint")
    with pytest.raises(RolledBack, match="fork"):
        Log.open(fast_disk / "first", keys=fast_disk / "first-keys")
    with pytest.raises(RolledBack, match="fork"):
        Log.open(fast_disk / "first", keys=fast_disk / "keys")


def test_without_its_head_a_log_is_not_opened(fast_disk):
    create(fast_disk, 3).close()
    key_file(fast_disk, "head").unlink()
    with pytest.raises(RolledBack, match="no head"):
        reopen(fast_disk)


def test_another_key_does_not_open_a_log(fast_disk):
    create(fast_disk, 3).close()
    with pytest.raises(Refused):
        reopen(fast_disk, key=NEW)
    with reopen(fast_disk, key=OPERATOR) as log:
        append(log, 1)


def test_a_key_that_others_may_read_is_refused(fast_disk):
    create(fast_disk, 3).close()
    key_file(fast_disk).chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        reopen(fast_disk)
    key_file(fast_disk).chmod(0o600)
    check_recovers(fast_disk)


def test_a_folder_that_holds_no_ledger_is_not_opened(fast_disk):
    with pytest.raises(NotALedger):
        reopen(fast_disk)


def test_a_log_is_never_made_over_another(fast_disk):
    create(fast_disk, 3).close()
    with pytest.raises(LedgerIOError, match="never overwritten"):
        create(fast_disk)
    with pytest.raises(Refused, match="fork"):
        Log.create(fast_disk / "again", LOG, OPERATOR, keys=fast_disk / "keys")
    with pytest.raises(Refused, match="another key"):
        Log.create(fast_disk / "again", LOG, NEW, keys=fast_disk / "keys")
    check_recovers(fast_disk)


@pytest.mark.parametrize("size", [3, 256, 300])
@pytest.mark.parametrize("garbage", [b"\0", b"\0" * 100, b"\0\0\0\5\0\0\0\0hello", b"\xff" * 70_000], ids=len)
def test_garbage_at_the_end_of_the_journal_is_cut(fast_disk, size, garbage):
    create(fast_disk, size).close()
    with (fast_disk / "ledger" / "journal" / str(size // 256 * 256)).open("ab") as file:
        file.write(garbage)
    assert check_recovers(fast_disk, more=3) == size


def test_a_signed_entry_that_is_damaged_in_the_journal_is_missed(fast_disk):
    create(fast_disk, 3).close()
    path = fast_disk / "ledger" / "journal" / "0"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RolledBack, match="missing"):
        reopen(fast_disk)


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b"\xff", b'{"sig":"!","snapshot":{}}', None, "flip"])
def test_without_a_good_snapshot_the_state_is_the_same(fast_disk, damage):
    with create(fast_disk, 300) as log:
        root = log.state.root()
    path = fast_disk / "ledger" / "state" / "snapshot"
    if damage is None:
        shutil.rmtree(path.parent)
    elif damage == "flip":
        path.write_bytes(path.read_bytes().replace(b'"size":300', b'"size":299'))
    else:
        path.write_bytes(damage)
    with reopen(fast_disk) as log:
        assert log.state.root() == root
        append(log, 1)
    assert_good(fast_disk)


@pytest.mark.parametrize("size", [5, 256])
def test_tiles_that_are_lost_are_made_again_from_the_journal(fast_disk, size):
    create(fast_disk, size).close()
    if size == 256:  # as if the next segment had not been begun when the power failed
        frames = [
            len(data).to_bytes(4, "big") + zlib.crc32(data).to_bytes(4, "big") + data
            for data in read_published(fast_disk / "ledger")[2]
        ]
        (fast_disk / "ledger" / "journal" / "0").write_bytes(b"".join(frames))
    shutil.rmtree(fast_disk / "ledger" / "log" / "tile")
    check_recovers(fast_disk, least=size)


@pytest.mark.parametrize("lost", ["tile/0/000", "tile/entries/000", "tile/1/000.p/1"])
def test_full_tiles_that_are_lost_are_missed_and_nothing_else_is(fast_disk, lost):
    create(fast_disk, 300).close()
    (fast_disk / "ledger" / "log" / lost).unlink()
    report = verify_dir(fast_disk / "ledger", keys=fast_disk / "keys")
    assert report.exit_code == 1 and lost in str(report.problems[0])
    if lost == "tile/1/000.p/1":  # the tree cannot grow without it
        with pytest.raises(Tampered, match="tile/1/000"):
            reopen(fast_disk)
