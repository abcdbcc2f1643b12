"""What is new since a trusted head is verified from a few files, and no other beginning passes for the trusted one."""

import pytest
from forged_ledger import TIME, Forge, chain
from ledger_story import LOG, OPERATOR, SigningKey, genesis, register_account, rotate_operator
from merkle_reference import inclusion

from ledger import NotALedger, Policy, Refused
from ledger.checkpoint import Checkpoint, add_signatures, sign_checkpoint
from ledger.keyring import KeyRing
from ledger.note import NoteSigner, Signature, parse_note
from ledger.receipt import Receipt
from ledger.source import FolderSource
from ledger.statements import Statement
from ledger.verify.new import verify_new
from ledger.vkey import ED25519, VerifierKey

VKEY = VerifierKey(LOG, ED25519, bytes.fromhex(OPERATOR.who.removeprefix("ed25519:")))
TRUST = Policy.of_log(VKEY)


def _register(number: int) -> Statement:
    return register_account(SigningKey.derive(b"r" * 32, str(number)), f"registered-{number}")


MAIN = Forge(chain([genesis(), *map(_register, range(1400))]))
SIZE = 1401


@pytest.fixture
def ledger(tmp_path):
    return MAIN.write(tmp_path / "ledger")


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 1024, 1145, 1280, 1400, SIZE])
def test_what_follows_a_trusted_head_is_good(ledger, size):
    report = verify_new(ledger, TRUST, MAIN.checkpoint(size))
    assert (report.problems, report.size, report.root) == ((), SIZE, MAIN.root(SIZE).hex())
    assert any(f"the first {size} " in gap for gap in report.not_ruled_out)


def test_a_receipt_is_a_trusted_head_too(ledger):
    receipt = Receipt(7, tuple(inclusion(7, MAIN.leaves[:1300])), MAIN.checkpoint(1300)).format()
    assert verify_new(ledger, TRUST, receipt).problems == ()


def test_few_files_are_read(ledger, monkeypatch):
    names: list[str] = []
    read = FolderSource.read

    def counting(self: FolderSource, name: str) -> bytes | None:
        names.append(name)
        return read(self, name)

    monkeypatch.setattr(FolderSource, "read", counting)
    for size in (SIZE - 256, 1280, 1024):
        names.clear()
        assert verify_new(ledger, TRUST, MAIN.checkpoint(size)).ok
        assert len(names) == len(set(names)) <= 10


@pytest.mark.parametrize("changed", [3, 1100, 1144, 1145, 1146, 1300, 1400])
def test_a_rewritten_ledger_does_not_follow_from_the_trusted_head(tmp_path, changed):
    statements = [genesis(), *map(_register, range(1400))]
    statements[changed] = _register(9999)
    path = Forge(chain(statements)).write(tmp_path / "forged")
    report = verify_new(path, TRUST, MAIN.checkpoint(1145))
    assert report.exit_code == (3 if changed < 1145 else 0)


def test_a_truncated_ledger_is_rolled_back(tmp_path):
    path = Forge(MAIN.entries[:1000]).write(tmp_path / "forged")
    assert verify_new(path, TRUST, MAIN.checkpoint(1145)).exit_code == 3


def test_a_new_entry_signed_by_somebody_else_is_found(tmp_path):
    statements = [genesis(), *map(_register, range(1400))]
    statements[1390] = Statement(statements[1390].body, statements[1389].signature)
    path = Forge(chain(statements)).write(tmp_path / "forged")
    assert verify_new(path, TRUST, MAIN.checkpoint(1145)).exit_code == 1
    assert verify_new(path, TRUST, MAIN.checkpoint(1145), fast=True).exit_code == 0


@pytest.mark.parametrize(
    "name", ["checkpoint", "tile/0/004", "tile/0/005.p/121", "tile/entries/004", "tile/entries/005.p/121"]
)
def test_a_damaged_file_that_is_needed_is_found(ledger, name):
    path = ledger / "log" / name
    data = path.read_bytes()
    path.write_bytes(data[:-8] + bytes([data[-8] ^ 1]) + data[-7:])
    assert verify_new(ledger, TRUST, MAIN.checkpoint(1145)).exit_code == 1
    path.unlink()
    if name != "checkpoint":
        assert verify_new(ledger, TRUST, MAIN.checkpoint(1145)).exit_code == 1
    else:
        with pytest.raises(NotALedger):
            verify_new(ledger, TRUST, MAIN.checkpoint(1145))


def test_another_operators_checkpoint_is_not_believed(tmp_path):
    thief = SigningKey.from_seed(b"t" * 32)
    path = Forge(MAIN.entries, signers={0: (thief,)}).write(tmp_path / "forged")
    assert verify_new(path, TRUST, MAIN.checkpoint(1145)).exit_code == 1


def test_a_head_of_another_log_is_refused(ledger):
    other = Forge(MAIN.entries[:5], origin="example.org/other").checkpoint(5)
    for since in (other, b"", b"x\n"):
        with pytest.raises(Refused):
            verify_new(ledger, TRUST, since)


def test_links_are_checked_across_bundles(tmp_path):
    before, field, after = MAIN.entries[1280].partition(b'"prev":"')
    forged = [*MAIN.entries[:1280], before + field + b"0" * 64 + after[64:], *MAIN.entries[1281:]]
    report = verify_new(Forge(forged).write(tmp_path / "forged"), TRUST, MAIN.checkpoint(1145))
    assert report.exit_code == 1
    assert "entry 1280" in str(report.problems[0])


def test_without_a_policy_the_key_that_the_genesis_names_is_the_logs(ledger, monkeypatch, tmp_path):
    names: list[str] = []
    read = FolderSource.read
    monkeypatch.setattr(FolderSource, "read", lambda self, name: names.append(name) or read(self, name))
    report = verify_new(ledger, None, MAIN.checkpoint(SIZE - 256), keys=tmp_path / "none")
    assert report.problems == () and len(names) <= 12


def test_a_checkpoint_by_another_key_than_the_genesis_names_is_no_checkpoint_of_the_ledger(tmp_path):
    path = MAIN.write(tmp_path / "ledger")
    thief = NoteSigner(LOG, SigningKey.from_seed(b"t" * 32))
    (path / "log/checkpoint").write_bytes(sign_checkpoint(Checkpoint(LOG, SIZE, MAIN.root(SIZE)), [thief]))
    assert verify_new(path, None, MAIN.checkpoint(1145), keys=tmp_path / "none").exit_code == 1


def test_a_head_in_the_key_folder_that_the_ledger_does_not_reach_is_a_rollback(tmp_path):
    path = Forge(MAIN.entries[:1300]).write(tmp_path / "ledger")
    KeyRing(tmp_path / "keys").save_key(LOG, OPERATOR)
    KeyRing(tmp_path / "keys").swap_head(LOG, None, MAIN.checkpoint(SIZE))
    assert verify_new(path, None, MAIN.checkpoint(1145), keys=tmp_path / "keys").exit_code == 3
    assert verify_new(path, TRUST, MAIN.checkpoint(1145), keys=tmp_path / "keys").exit_code == 3
    assert verify_new(path, TRUST, MAIN.checkpoint(1145), keys=tmp_path / "none").exit_code == 0


NEW = SigningKey.from_seed(b"n" * 32)
BEFORE = [genesis(), *map(_register, range(9)), rotate_operator(NEW)]
HANDED = Forge(
    chain([*BEFORE, *map(_register, range(10, 14))]), signers={0: (OPERATOR,), 11: (OPERATOR, NEW), 12: (NEW,)}
)
NEW_VKEY = VerifierKey(LOG, ED25519, bytes.fromhex(NEW.who.removeprefix("ed25519:")))


@pytest.mark.parametrize("policy", [None, TRUST, Policy((VKEY, NEW_VKEY))])
@pytest.mark.parametrize("size", [5, 10, 11])
def test_whoever_stole_the_key_of_before_a_hand_over_cannot_go_on_behind_it(tmp_path, policy, size):
    stolen = Forge(chain([*BEFORE, *map(_register, range(100, 105))]))
    path = stolen.write(tmp_path / "stolen")
    assert verify_new(path, policy, HANDED.checkpoint(size), keys=tmp_path / "none").exit_code == 1
    spoilt = parse_note(stolen.checkpoint(16)).signatures[0].data  # and a line of the new key that it did not sign
    line = Signature(LOG, NEW_VKEY.key_id, spoilt)
    (path / "log/checkpoint").write_bytes(add_signatures(stolen.checkpoint(16), [line]))
    assert verify_new(path, policy, HANDED.checkpoint(size), keys=tmp_path / "none").exit_code == 1


@pytest.mark.parametrize("size", [5, 11, 12, 15])
def test_a_log_that_was_handed_over_follows_from_a_head_by_either_key(tmp_path, size):
    path = HANDED.write(tmp_path / "ledger")
    for policy in (None, Policy((VKEY, NEW_VKEY))):
        assert verify_new(path, policy, HANDED.checkpoint(size), keys=tmp_path / "none").problems == ()


def test_a_receipt_that_proves_nothing_is_refused(ledger):
    receipt = Receipt(7, (bytes(32),) * 11, MAIN.checkpoint(1300)).format()
    with pytest.raises(Refused):
        verify_new(ledger, TRUST, receipt)


@pytest.mark.parametrize("size", [255, 256])
@pytest.mark.parametrize("wrong", ["link", "time"])
def test_the_first_new_entry_has_to_fit_the_last_trusted_one(tmp_path, size, wrong):
    at = [TIME + seq if seq < 256 or wrong == "link" else TIME for seq in range(300)]
    entries = chain([genesis(), *map(_register, range(299))], at=at)
    if wrong == "link":
        before, field, after = entries[256].partition(b'"prev":"')
        entries[256] = before + field + b"0" * 64 + after[64:]
        entries = entries[:257]
    forge = Forge(entries)
    report = verify_new(forge.write(tmp_path / "forged"), TRUST, forge.checkpoint(size), keys=tmp_path / "none")
    assert report.exit_code == 1
    assert "entry 256" in str(report.problems[0])


@pytest.mark.parametrize("name", ["tile/0/004", "tile/1/000.p/5", "tile/entries/005.p/121"])
def test_a_damaged_file_is_named_and_nobody_accused(ledger, name):
    path = ledger / "log" / name
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    report = verify_new(ledger, TRUST, MAIN.checkpoint(1145), keys=ledger / "none")
    assert report.exit_code == 1
    assert f"log/{name}" in str(report.problems[0])


def test_files_that_were_not_looked_at_are_not_vouched_for(ledger):
    (ledger / "log/readme").write_bytes(b"no log has this")
    report = verify_new(ledger, TRUST, MAIN.checkpoint(1281), keys=ledger / "none")
    assert report.ok and any("leftover or contradictory files" in gap for gap in report.not_ruled_out)
