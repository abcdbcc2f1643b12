"""An export is what the public may have, whole and good, or it is not there."""

import tarfile

import pytest
from forged_ledger import honest
from ledger_story import LOG, OPERATOR, beginning

from ledger import LedgerIOError, Log, RolledBack, Tampered
from ledger.export import export
from ledger.verify import verify_dir


@pytest.fixture
def nobody(tmp_path):
    return tmp_path / "no-keys"


def test_a_folder_holds_log_and_history_and_nothing_else(tmp_path, nobody):
    path = honest().write(tmp_path / "ledger", 10, 256, 299)
    report = export(path, tmp_path / "copies/one", keys=nobody)
    assert report.size == 299
    assert {child.name for child in (tmp_path / "copies/one").iterdir()} == {"log", "history"}
    copy = verify_dir(tmp_path / "copies/one", keys=nobody)
    assert (copy.problems, copy.size, copy.checkpoints) == ((), 299, 3)
    assert not (tmp_path / "copies/one/log/tile/0/000.p").exists()


def test_an_archive_unpacks_to_the_same_and_is_the_same_every_time(tmp_path, nobody):
    path = honest().write(tmp_path / "ledger", 10, 299)
    for name in ("one", "two"):
        export(path, tmp_path / name / "run.tar.gz", keys=nobody)
    assert (tmp_path / "one/run.tar.gz").read_bytes() == (tmp_path / "two/run.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one/run.tar.gz") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert verify_dir(tmp_path / "unpacked/run", keys=nobody).problems == ()


def test_what_is_there_is_never_overwritten(tmp_path, nobody):
    path = honest(1).write(tmp_path / "ledger")
    for name in ("copy", "copy.tar.gz"):
        export(path, tmp_path / name, keys=nobody)
        with pytest.raises(LedgerIOError):
            export(path, tmp_path / name, keys=nobody)


@pytest.mark.parametrize("name", ["copy", "copy.tar.gz"])
def test_a_bad_ledger_is_not_exported_at_all(tmp_path, nobody, name):
    path = honest().write(tmp_path / "ledger")
    (path / "log/tile/0/000").write_bytes(bytes(8192))
    with pytest.raises(Tampered):
        export(path, tmp_path / "copies" / name, keys=nobody)
    assert not (tmp_path / "copies").exists()


def test_a_ledger_behind_its_head_is_not_exported(tmp_path):
    path = honest().write(tmp_path / "ledger", 200)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/example.org%2Frun-1.head").write_bytes(honest().checkpoint(299))
    with pytest.raises(RolledBack):
        export(path, tmp_path / "copy", keys=tmp_path / "keys")


def test_a_ledger_can_be_exported_while_it_is_written(tmp_path):
    with Log.create(tmp_path / "ledger", LOG, OPERATOR, keys=tmp_path / "keys") as log:
        log.append_now(*beginning())
        log.publish().result()
        assert export(tmp_path / "ledger", tmp_path / "copy", keys=tmp_path / "keys").size == 10


def test_a_partial_tile_that_gave_way_to_the_full_one_while_it_was_copied_is_its_beginning(tmp_path, nobody):
    """As when a writer goes on: log and history are one checkpoint older than the tiles."""
    path = honest().write(tmp_path / "ledger", 200, 299)
    (path / "log/checkpoint").write_bytes(honest().checkpoint(200))
    for name in ("tile/0/000.p/200", "tile/entries/000.p/200"):
        (path / "log" / name).unlink()
    assert export(path, tmp_path / "copy", keys=nobody).size == 200
    copy = verify_dir(tmp_path / "copy", keys=nobody)
    assert (copy.problems, copy.size) == ((), 200)
    assert (tmp_path / "copy/log/tile/0/000.p/200").exists()
