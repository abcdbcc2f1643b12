"""What a writer believes when it opens a ledger, and what it refuses to sign for."""

import asyncio
import shutil
import time

import pytest
from ledger_story import LOG, OPERATOR, USERS, beginning, close, committing, cosign, digest, reveal
from written_log import append, create, reopen, statement, statements

from ledger import Log, Refused, SigningKey, Tampered, sign
from ledger.keyring import KeyRing
from ledger.verify import verify_dir

NEW = SigningKey.derive(b"s" * 32, "operator/1")


@pytest.mark.parametrize("count", [300, 512, 700])
def test_entries_that_nobody_signed_for_are_not_replayed(fast_disk, count):
    """Without the snapshot, the state comes from the bundles: who can edit those must not mint money."""
    create(fast_disk, count).close()
    bundle = fast_disk / "ledger/log/tile/entries/000"
    honest = bundle.read_bytes()
    (fast_disk / "ledger/state/snapshot").unlink()
    bundle.write_bytes(honest.replace(b'"amount":1099511627776', b'"amount":1099511627777'))
    with pytest.raises(Tampered, match="not those under the signed root"):
        reopen(fast_disk)
    bundle.write_bytes(honest)
    with reopen(fast_disk) as log:
        append(log, 3)
        assert log.state.balance(OPERATOR.who) == 2**40 - count - 2


def test_a_burst_is_published_soon_after_it_ends(fast_disk):
    async def burst(log):
        await asyncio.gather(*(log.append(statement(number)) for number in range(1, 65)))

    with create(fast_disk, 1) as log:
        asyncio.run(burst(log))
        deadline = time.monotonic() + 5
        while log.published()[0].size < 65 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert log.published()[0] == log.head() and log.size == 65


def test_the_writer_takes_no_round_that_verification_would_refuse(fast_disk):
    with Log.create(fast_disk / "ledger", LOG, OPERATOR, keys=fast_disk / "keys") as log:
        log.append_now(*beginning("majority"), *committing(1))
        head = log.head()
        root = head.root.hex()
        log.append_now(reveal(0, 1), reveal(1, 1))
        good = [cosign(key, head.size, root) for key in USERS[:2]]
        garbage = [good[0], {**good[1], "sig": good[0]["sig"]}]
        for wrong in (
            close(1, head.size, root, cosignatures=garbage),
            close(1, head.size, digest("another"), cosignatures=good),
            close(1, head.size - 1, root, cosignatures=good),
            close(1, 10**6, root, cosignatures=good),
        ):
            with pytest.raises(Refused):
                log.append_now(wrong)
        log.append_now(close(1, head.size, root, cosignatures=good))
    assert verify_dir(fast_disk / "ledger", keys=fast_disk / "keys").ok


def test_an_interrupted_hand_over_leaves_the_old_key_in_charge(fast_disk, monkeypatch):
    log = create(fast_disk, 3)
    with monkeypatch.context() as patched:
        patched.setattr(KeyRing, "swap_head", interrupted)
        with pytest.raises(KeyboardInterrupt):
            log.rotate(NEW)
    with pytest.raises(Exception, match="stopped after an error"):
        log.append_now(statement(3))
    log.close()
    with reopen(fast_disk) as log:
        append(log, 3)
    assert KeyRing(fast_disk / "keys").key(LOG).who == OPERATOR.who
    assert verify_dir(fast_disk / "ledger", keys=fast_disk / "keys").ok


def interrupted(*_):
    raise KeyboardInterrupt


def test_the_key_that_waits_for_a_hand_over_is_no_other_logs_key(tmp_path):
    keys = tmp_path / "keys"
    names = ("run", "run.next", "run.key")
    for number, name in enumerate(names):
        Log.create(tmp_path / name, name, USERS[0] if number else OPERATOR, keys=keys).close()
    with Log.open(tmp_path / "run", keys=keys) as log:
        log.append_now(sign(OPERATOR, "genesis", "run", created_by="test", quorum="none", allocations=[]))
        log.rotate(NEW)
    assert [KeyRing(keys).key(name).who for name in names] == [NEW.who, USERS[0].who, USERS[0].who]


def test_an_old_segment_of_the_journal_that_is_published_long_ago_may_be_damaged(fast_disk):
    create(fast_disk, 300).close()
    journal = fast_disk / "ledger/journal"
    for damage in (b"", b"\0" * 100, (journal / "256").read_bytes()[:-1]):
        (journal / "0").write_bytes(damage)
        with reopen(fast_disk) as log:
            append(log, 1)
        assert not (journal / "0").exists()


def test_publishing_again_keeps_the_cosignatures_a_checkpoint_had(fast_disk):
    from ledger import Cosigner

    with create(fast_disk, 5) as log:
        line = Cosigner("wilma", USERS[0]).cosign(log.publish().result().text(), 1)
        cosigned = log.cosign(5, [line]).result()
    (fast_disk / "ledger/log/checkpoint").write_bytes(cosigned[:40])
    reopen(fast_disk).close()
    assert (fast_disk / "ledger/history/5").read_bytes() == cosigned
    assert (fast_disk / "ledger/log/checkpoint").read_bytes() == cosigned


def test_many_bundles_may_wait_for_publication_when_the_process_dies(fast_disk):
    """The journal holds them: a copy of the files as they are in between opens, and loses nothing acknowledged."""
    with create(fast_disk, 1) as log:
        log.publish().result()
        log._writer._published_at = time.monotonic() + 3600  # as if it had just published
        future = log.submit(statements(1, 1800), check=False)
        future.result()
        assert log.published()[0].size < 1800 == log.size
        shutil.copytree(fast_disk / "ledger", fast_disk / "died/ledger")
        shutil.copytree(fast_disk / "keys", fast_disk / "died/keys")
        log._writer._published_at = 0.0
    with reopen(fast_disk / "died") as log:
        assert log.size == 1800 == log.published()[0].size
        append(log, 1)
    assert verify_dir(fast_disk / "died/ledger", keys=fast_disk / "died/keys").ok
