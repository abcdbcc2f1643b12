"""An honest ledger is never refused, whatever its size and history, and a report says what it could not see."""

import random
from pathlib import Path

import pytest
from forged_ledger import TIME, Forge, chain, honest, told
from ledger_story import (
    LOG,
    OPERATOR,
    USERS,
    beginning,
    genesis,
    register_account,
    rotate_operator,
    stake,
    transfer,
)
from merkle_reference import inclusion

from ledger import Log, NotALedger, Policy, Refused, SigningKey
from ledger.checkpoint import add_signatures
from ledger.cosignature import Cosigner
from ledger.receipt import Receipt
from ledger.source import open_source
from ledger.state import State
from ledger.statements import Statement, sign
from ledger.tiles import decode_bundle, encode_bundle
from ledger.verify import verify_dir
from ledger.verify.verification import Options, Verification
from ledger.vkey import ED25519, VerifierKey

VKEY = VerifierKey(LOG, ED25519, bytes.fromhex(OPERATOR.who.removeprefix("ed25519:")))


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A key folder that remembers nothing."""
    return tmp_path / "no-keys"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_whole_story_is_good_and_its_report_counts_it(tmp_path, nobody, jobs):
    report = verify_dir(honest().write(tmp_path / "ledger", 10, 150, 256, 299), keys=nobody, jobs=jobs)
    assert report.problems == ()
    assert (report.ok, report.exit_code) == (True, 0)
    assert (report.origin, report.size, report.root) == (LOG, 299, honest().root(299).hex())
    assert (report.participants, report.checkpoints, report.cosigned) == (5, 4, 0)
    assert sum(report.kinds.values()) == 299
    assert report.kinds["update.commit"] == 64


def test_what_the_writer_writes_is_good_at_every_step(tmp_path):
    with Log.create(tmp_path / "ledger", LOG, OPERATOR, keys=tmp_path / "keys") as log:
        for statement in told(3, quorum="none")[:12]:
            assert verify_dir(tmp_path / "ledger", keys=tmp_path / "keys").problems == ()
            log.append_now(statement)
    report = verify_dir(tmp_path / "ledger", keys=tmp_path / "keys")
    assert (report.problems, report.size, report.notes) == ((), 12, ())


@pytest.mark.parametrize("size", [0, 1, 2, 9, 255, 256, 257, 299])
def test_a_ledger_of_any_size_is_good(tmp_path, nobody, size):
    path = Forge(honest().entries[:size]).write(tmp_path / "ledger", 0, size)
    assert verify_dir(path, keys=nobody).problems == ()
    assert verify_dir(path, keys=nobody, fast=True).problems == ()


def test_a_full_tile_of_tiles_is_good(tmp_path, nobody):
    statements = [
        genesis(),
        *(
            sign(OPERATOR, "run.open", LOG, run=f"r{n}", recipe="0" * 64, created_by="x", staleness=0)
            for n in range(600)
        ),
    ]
    path = Forge(chain(statements)).write(tmp_path / "ledger", 256, 512, 601)
    assert verify_dir(path, keys=nobody).problems == ()


@pytest.mark.parametrize("seed", range(20))
def test_random_honest_ledgers_are_never_refused(tmp_path, nobody, seed):
    """A thousand in the slow suite; money and a rotation of the operator among them."""
    _random_ledger(tmp_path, nobody, seed)


@pytest.mark.slow
def test_a_thousand_random_honest_ledgers_are_never_refused(tmp_path, nobody):
    for seed in range(1000):
        _random_ledger(tmp_path / str(seed), nobody, seed)


def _random_ledger(tmp_path: Path, nobody: Path, seed: int) -> None:
    rng = random.Random(seed)
    statements = told(rng.randint(0, 4))
    times = [TIME + seq for seq in range(len(statements))]  # those under the heads that rounds were closed over
    statements += [register_account(USERS[2], "user-2")]
    nonces = {0: 0, 1: 0}
    for _ in range(rng.randint(0, 30)):
        user = rng.randint(0, 1)
        nonces[user] += 1
        if rng.random() < 0.5:
            statements.append(transfer(USERS[user], USERS[2], rng.randint(1, 10), nonces[user]))
        else:
            statements.append(stake(USERS[user], rng.randint(1, 10), nonces[user]))
    new = SigningKey.from_seed(bytes([seed % 256]) * 32)
    forge = Forge([])
    if rng.random() < 0.5 and new.who != OPERATOR.who:
        statements.append(rotate_operator(new))
        forge.signers |= {len(statements): (OPERATOR, new), len(statements) + 1: (new,)}
        statements += [
            sign(new, "run.open", LOG, run=f"r{n}", recipe="0" * 64, created_by="x", staleness=n) for n in range(3)
        ]
    times += sorted(times[-1] + rng.randint(0, 9) for _ in statements[len(times) :])
    forge.entries = chain(statements, at=times)
    sizes = sorted({rng.randint(0, len(statements)) for _ in range(5)} | {len(statements)})
    report = verify_dir(forge.write(tmp_path / "ledger", *sizes), keys=nobody, fast=rng.random() < 0.2)
    assert report.problems == ()
    assert report.checkpoints == len(sizes)


def test_without_anything_to_compare_with_the_report_says_so(tmp_path, nobody):
    report = verify_dir(honest(1).write(tmp_path / "ledger"), keys=nobody)
    said = " ".join(report.not_ruled_out)
    assert "truncation" in said and "split view" in said and "rewritten" in said
    assert "signatures" not in said


def test_an_older_head_or_a_receipt_rules_out_a_rewritten_past(tmp_path, nobody):
    forge = honest(1)
    path = forge.write(tmp_path / "ledger")
    receipt = Receipt(7, tuple(inclusion(7, forge.leaves[:12])), forge.checkpoint(12)).format()
    for since, size in ((forge.checkpoint(12), 12), (receipt, 12), (forge.checkpoint(0), 0)):
        report = verify_dir(path, since=since, keys=nobody)
        assert report.problems == ()
        assert any(f"the first {size} of 20" in gap for gap in report.not_ruled_out)
        assert not any("truncation" in gap for gap in report.not_ruled_out)


def test_the_newest_head_of_the_key_folder_rules_out_another_ending(tmp_path):
    with Log.create(tmp_path / "ledger", LOG, OPERATOR, keys=tmp_path / "keys") as log:
        log.append_now(*beginning())
    (gap,) = verify_dir(tmp_path / "ledger", keys=tmp_path / "keys").not_ruled_out
    assert gap.startswith("split view")


def test_a_quorum_of_witnesses_rules_out_all_but_newer_entries(tmp_path, nobody):
    path, policy = _witnessed(tmp_path / "ledger", cosigners=2)
    report = verify_dir(path, policy, keys=nobody)
    assert (report.problems, report.cosigned) == ((), 2)
    (gap,) = report.not_ruled_out
    assert gap == "newer entries that are withheld: the newest cosignature is of 2023-11-14 22:13:21+00:00"


def test_too_few_witnesses_are_a_problem_of_their_own(tmp_path, nobody):
    path, policy = _witnessed(tmp_path / "ledger", cosigners=1)
    report = verify_dir(path, policy, keys=nobody)
    assert (report.exit_code, report.cosigned) == (3, 1)
    assert "w1" in str(report.problems[0])


def _witnessed(path: Path, cosigners: int) -> tuple[Path, Policy]:
    """A small ledger whose newest checkpoint so many of two witnesses cosigned, and the policy that asks for both."""
    witnesses = [Cosigner(f"w{number}", SigningKey.from_seed(bytes([number + 1]) * 32)) for number in range(2)]
    lines = [
        f"log {VKEY}",
        *(f"witness {one.vkey.name} {one.vkey}" for one in witnesses),
        "group g all w0 w1",
        "quorum g",
    ]
    honest(1).write(path)
    text = (path / "log/checkpoint").read_text().partition("\n\n")[0] + "\n"
    signatures = [one.cosign(text, 1_700_000_000 + at) for at, one in enumerate(witnesses[:cosigners])]
    for name in ("log/checkpoint", "history/20"):
        (path / name).write_bytes(add_signatures((path / name).read_bytes(), signatures))
    return path, Policy.parse("".join(f"{line}\n" for line in lines))


def test_a_fast_check_says_what_it_left_out(tmp_path, nobody):
    statements = told(1)
    forged = sign(USERS[2], "account.register", LOG, name="user-2", role="end-user")
    entries = chain([*statements, Statement(forged.body, statements[0].signature)])
    path = Forge(entries).write(tmp_path / "ledger")
    report = verify_dir(path, keys=nobody, fast=True)
    assert report.problems == ()
    assert any("signatures" in gap for gap in report.not_ruled_out)
    assert verify_dir(path, keys=nobody).exit_code == 1


def test_superseded_partial_tiles_may_stay(tmp_path, nobody):
    path = honest().write(tmp_path / "ledger", 3, 100, 299)
    assert (path / "log/tile/0/000.p/3").exists()
    report = verify_dir(path, keys=nobody)
    assert (report.problems, report.notes) == ((), ())


def test_an_interrupted_publication_is_a_note(tmp_path, nobody):
    forge = honest()
    path = forge.write(tmp_path / "ledger", 290, 299)
    (path / "log/checkpoint").write_bytes(forge.checkpoint(290))
    (path / "log/.checkpoint.abcd_123").write_bytes(b"half")
    report = verify_dir(path, keys=nobody)
    assert (report.problems, report.size) == ((), 290)
    assert len(report.notes) == 3


def test_entries_that_only_the_journal_has_yet_are_a_note(tmp_path):
    with Log.create(tmp_path / "ledger", LOG, OPERATOR, keys=tmp_path / "keys") as log:
        log.append_now(*beginning())
        log.publish().result()
        before = {file: file.read_bytes() for file in (tmp_path / "ledger/log").rglob("*") if file.is_file()}
        log.append_now(register_account(USERS[2], "user-2"))
        log.publish().result()
        for file in (tmp_path / "ledger/log").rglob("*"):
            if file.is_file() and file not in before:
                file.unlink()
        for file, data in before.items():
            file.write_bytes(data)
        (tmp_path / "ledger/history/11").unlink()
        report = verify_dir(tmp_path / "ledger", keys=tmp_path / "keys")
    assert (report.problems, report.size) == ((), 10)
    assert "1 entries ahead" in report.notes[0]


UNFINISHED = {
    "cut at an entry": lambda whole, entries: encode_bundle(entries[:20]),
    "cut within one": lambda whole, entries: whole[:-3],
    "emptied": lambda whole, entries: b"",
    "zeros": lambda whole, entries: bytes(len(whole)),
    "zeros at the end": lambda whole, entries: whole[:-100] + bytes(100),
    "zeros within": lambda whole, entries: whole[:512] + bytes(1024) + whole[1536:],
}


@pytest.mark.parametrize("what", UNFINISHED)
def test_what_a_crash_tore_behind_the_checkpoint_is_in_the_journal(tmp_path, what):
    with Log.create(tmp_path / "ledger", LOG, OPERATOR, keys=tmp_path / "keys") as log:
        log.append_now(genesis(), *(register_account(_key(n), f"n-{n}") for n in range(29)))
        before = log.publish().result().size
        checkpoint = (tmp_path / "ledger/log/checkpoint").read_bytes()
        log.append_now(*(register_account(_key(n), f"n-{n}") for n in range(29, 49)))
        log.publish().result()
    (tmp_path / "ledger/log/checkpoint").write_bytes(checkpoint)
    bundle = tmp_path / "ledger/log/tile/entries/000.p/50"
    tile = tmp_path / "ledger/log/tile/0/000.p/50"
    bundle.write_bytes(UNFINISHED[what](bundle.read_bytes(), decode_bundle(bundle.read_bytes())))
    tile.write_bytes(bytes(1600) if "zeros" in what else tile.read_bytes()[:-32])
    report = verify_dir(tmp_path / "ledger", keys=tmp_path / "keys")
    assert (before, report.size, report.problems) == (30, 30, ())
    (tmp_path / "ledger/journal/0").unlink()
    assert verify_dir(tmp_path / "ledger", keys=tmp_path / "keys").exit_code == 3


def _key(number: int) -> SigningKey:
    return SigningKey.derive(b"k" * 32, str(number))


def test_whose_ledger_it_is_only_a_policy_or_an_older_head_can_tell(tmp_path, nobody):
    path = honest(1).write(tmp_path / "ledger")
    assert any("another operator" in gap for gap in verify_dir(path, keys=nobody).not_ruled_out)
    for given in ({"policy": Policy.of_log(VKEY)}, {"since": honest(1).checkpoint(12)}):
        assert not any("another operator" in gap for gap in verify_dir(path, keys=nobody, **given).not_ruled_out)


def test_a_published_copy_without_the_ledger_around_it_is_verified_too(tmp_path, nobody):
    path = honest(1).write(tmp_path / "ledger")
    report = verify_dir(path / "log", keys=nobody)
    assert (report.problems, report.size, report.checkpoints) == ((), 20, 1)


def test_what_is_no_ledger_is_said_to_be_none(tmp_path, nobody):
    with pytest.raises(NotALedger):
        verify_dir(tmp_path, keys=nobody)
    with pytest.raises(NotALedger):
        verify_dir(tmp_path / "nowhere", keys=nobody)


def test_a_head_of_another_log_is_refused(tmp_path, nobody):
    path = honest(1).write(tmp_path / "ledger")
    other = Forge(honest(1).entries, origin="example.org/other").checkpoint(5)
    for since in (other, b"", b"nonsense\n"):
        with pytest.raises(Refused):
            verify_dir(path, since=since, keys=nobody)


def test_a_receipt_whose_path_does_not_fit_its_entry_is_refused(tmp_path, nobody):
    forge = honest(1)
    wrong = Receipt(8, tuple(inclusion(7, forge.leaves[:12])), forge.checkpoint(12)).format()
    with pytest.raises(Refused):
        verify_dir(forge.write(tmp_path / "ledger"), since=wrong, keys=nobody)


def test_a_foreign_log_is_verified_but_for_what_its_entries_say(tmp_path, nobody):
    key = SigningKey.from_seed(b"f" * 32)
    forge = Forge([f"entry {n}".encode() for n in range(300)], "example.com/foreign", {0: (key,)})
    path = forge.write(tmp_path / "foreign") / "log"
    (path / "robots.txt").write_text("hello")
    policy = Policy.of_log(VerifierKey("example.com/foreign", ED25519, bytes.fromhex(key.who[8:])))
    report = verify_dir(path, policy, keys=nobody, foreign=True)
    assert (report.problems, report.size, report.kinds) == ((), 300, {})
    assert verify_dir(path, Policy.of_log(VKEY), keys=nobody, foreign=True).exit_code == 1
    assert verify_dir(path, policy, keys=nobody).exit_code == 1
    with pytest.raises(Refused):
        verify_dir(path, keys=nobody, foreign=True)


def test_the_state_it_comes_to_is_the_one_the_statements_make(tmp_path, nobody):
    verification = Verification(*open_source(honest(2).write(tmp_path / "ledger")), Options(keys=nobody))
    verification.run()
    expected = State()
    for statement in told(2):
        expected.apply(statement.body)
    assert verification.replay.state.root() == expected.root()


def test_a_log_that_was_handed_over_is_good_and_old_receipts_hold_under_both_keys(tmp_path):
    new = SigningKey.from_seed(b"n" * 32)
    with Log.create(tmp_path / "ledger", LOG, OPERATOR, keys=tmp_path / "keys") as log:
        log.append_now(*beginning())
        (receipt,) = log.append_now(register_account(USERS[2], "user-2"))
        log.rotate(new)
        log.append_now(sign(new, "run.open", LOG, run="next", recipe="0" * 64, created_by="x", staleness=0))
        log.publish().result()
    entries = decode_bundle((tmp_path / "ledger/log/tile/entries/000.p/13").read_bytes())
    policy = Policy((VKEY, VerifierKey(LOG, ED25519, bytes.fromhex(new.who.removeprefix("ed25519:")))))
    report = verify_dir(tmp_path / "ledger", policy, receipt.format(), keys=tmp_path / "keys")
    assert (report.problems, report.size) == ((), 13)
    assert receipt.verify(policy, entries[10]).size == 11
    with pytest.raises(Refused):
        receipt.verify(policy, entries[11])
    with pytest.raises(Refused):
        Log.open(tmp_path / "ledger", OPERATOR, keys=tmp_path / "keys")
