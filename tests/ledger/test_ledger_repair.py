"""A damaged ledger comes back when nothing that was signed is lost, and is left alone when something is."""

import shutil

import pytest
from ledger_story import LOG, OPERATOR, SigningKey, genesis, register_account

from ledger import LedgerIOError, Log, NotALedger, Refused, RolledBack, Tampered
from ledger.export import export
from ledger.repair import repair
from ledger.verify import verify_dir

HEAD = "example.org%2Frun-1.head"


def _register(number):
    return register_account(SigningKey.derive(b"r" * 32, str(number)), f"registered-{number}")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A ledger of 600 entries, published at several sizes."""
    folder = tmp_path_factory.mktemp("original")
    with Log.create(folder / "ledger", LOG, OPERATOR, keys=folder / "keys") as log:
        log.append_now(genesis())
        for start in range(0, 599, 100):
            log.append_now(*map(_register, range(start, min(start + 100, 599))))
            log.publish().result()
    return folder


@pytest.fixture
def ledger(original, tmp_path):
    shutil.copytree(original, tmp_path / "copy")
    return tmp_path / "copy/ledger"


@pytest.fixture
def keys(ledger):
    return ledger.parent / "keys"


def content(folder):
    """Every file but the derived snapshot."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and "state" not in file.parts
    }


def test_where_nothing_is_wrong_nothing_is_done(ledger, keys):
    before = content(ledger)
    assert repair(ledger, keys) == []
    assert repair(ledger, keys, adopt_head=True) == []
    assert content(ledger) == before


@pytest.mark.parametrize("damage", ["removed", "changed", "cut", "emptied"])
@pytest.mark.parametrize(
    "name",
    [
        "log/checkpoint",
        "log/tile/0/000",
        "log/tile/0/001",
        "log/tile/0/002.p/88",
        "log/tile/1/000.p/2",
        "log/tile/entries/002.p/88",
        "journal/512",
    ],
)
def test_what_the_rest_can_make_again_is_made_again(ledger, keys, name, damage):
    before, file = content(ledger), ledger / name
    data = file.read_bytes()
    if damage == "removed":
        file.unlink()
    else:
        file.write_bytes(
            {"changed": bytes([data[0] ^ 1]) + data[1:], "cut": data[: len(data) // 2], "emptied": b""}[damage]
        )
    done = repair(ledger, keys)
    assert any(name in sentence for sentence in done)
    after = {name: data for name, data in content(ledger).items() if not name.endswith(".damaged")}
    assert after == before
    assert verify_dir(ledger, keys=keys).problems == ()
    with Log.open(ledger, keys=keys) as log:
        log.append_now(_register(10_000))


def test_all_tiles_of_hashes_are_made_again_from_the_entries(ledger, keys):
    before = content(ledger)
    for level in ("0", "1"):
        shutil.rmtree(ledger / "log/tile" / level)
    assert len(repair(ledger, keys)) >= 4
    after = content(ledger)
    assert verify_dir(ledger, keys=keys).problems == ()
    assert {name for name in before.keys() - after.keys() if ".p/" not in name} == set()


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/entries/001"])
def test_entries_that_are_lost_or_changed_are_never_made_up(ledger, keys, name):
    file = ledger / "log" / name
    data = file.read_bytes()
    for damaged in (None, b"", data[:-1], data.replace(b"registered", b"mistreated", 1)):
        if damaged is None:
            file.unlink()
        else:
            file.write_bytes(damaged)
        before = content(ledger)
        with pytest.raises(Tampered):
            repair(ledger, keys, adopt_head=True)
        assert content(ledger) == before
        file.write_bytes(data)


def test_leftovers_and_wrong_superseded_tiles_are_removed(ledger, keys):
    before = content(ledger)
    (ledger / "log/.checkpoint.abcd_123").write_bytes(b"half")
    (ledger / "log/tile/0/002.p/5").parent.mkdir(exist_ok=True)
    (ledger / "log/tile/0/002.p/5").write_bytes(bytes(5 * 32))
    (ledger / "log/tile/entries/002.p/5").write_bytes(b"nonsense")
    assert len(repair(ledger, keys)) == 3
    assert content(ledger) == before


def test_a_lost_head_is_replaced_only_when_asked_for(ledger, keys):
    head = (keys / HEAD).read_bytes()
    (keys / HEAD).unlink()
    with pytest.raises(RolledBack):
        repair(ledger, keys)
    (sentence,) = repair(ledger, keys, adopt_head=True)
    assert "600 entries" in sentence
    assert (keys / HEAD).read_bytes() == head
    assert verify_dir(ledger, keys=keys).problems == ()


def test_a_head_from_an_old_backup_moves_forward_only_when_asked_for(ledger, keys):
    (keys / HEAD).write_bytes((ledger / "history/101").read_bytes())
    with pytest.raises(RolledBack):
        repair(ledger, keys)
    repair(ledger, keys, adopt_head=True)
    assert verify_dir(ledger, keys=keys).problems == ()


def test_acknowledged_entries_behind_the_published_ones_are_kept(ledger, keys):
    """As after a crash between the head and the publication, and the head then lost."""
    published = content(ledger)
    with Log.open(ledger, keys=keys) as log:
        log.append_now(_register(10_000))
    for name in content(ledger).keys() - published.keys():
        (ledger / name).unlink()
    (ledger / "log/checkpoint").write_bytes(published["log/checkpoint"])
    (keys / HEAD).unlink()
    assert any("601 entries" in sentence for sentence in repair(ledger, keys, adopt_head=True))
    report = verify_dir(ledger, keys=keys)
    assert (report.problems, report.size) == ((), 601)


def test_a_ledger_behind_or_beside_its_head_is_not_repaired(keys, tmp_path):
    with Log.create(tmp_path / "other", LOG, OPERATOR, keys=tmp_path / "other-keys") as log:
        log.append_now(genesis(), _register(5))
    for adopt in (False, True):
        with pytest.raises(RolledBack):
            repair(tmp_path / "other", keys, adopt_head=adopt)
    assert verify_dir(tmp_path / "other", keys=tmp_path / "other-keys").ok


def test_a_longer_fork_does_not_replace_the_head(tmp_path):
    for name, numbers in (("one", range(5)), ("other", range(10, 30))):
        with Log.create(tmp_path / name, LOG, OPERATOR, keys=tmp_path / f"{name}-keys") as log:
            log.append_now(genesis(), *map(_register, numbers))
    with pytest.raises(RolledBack, match="fork"):
        repair(tmp_path / "other", tmp_path / "one-keys", adopt_head=True)


def test_another_operators_ledger_is_not_adopted(ledger, keys):
    (keys / HEAD).unlink()
    (keys / HEAD.replace(".head", ".key")).unlink()
    with pytest.raises(LedgerIOError):
        repair(ledger, keys, adopt_head=True)
    SigningKey.generate().save(keys / HEAD.replace(".head", ".key"))
    with pytest.raises(Refused):
        repair(ledger, keys, adopt_head=True)


def test_an_exported_copy_becomes_a_ledger_again(ledger, keys, tmp_path):
    export(ledger, tmp_path / "exported", keys=keys)
    assert not (tmp_path / "exported/journal").exists()
    repair(tmp_path / "exported", keys)
    with Log.open(tmp_path / "exported", keys=keys) as log:
        log.append_now(_register(10_000))
    assert verify_dir(tmp_path / "exported", keys=keys).problems == ()


def test_what_is_no_ledger_is_not_repaired(tmp_path):
    with pytest.raises(NotALedger):
        repair(tmp_path, tmp_path / "keys")
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_is_being_written_is_not_repaired(ledger, keys):
    with Log.open(ledger, keys=keys), pytest.raises(LedgerIOError):
        repair(ledger, keys)
