"""Writing: what was acknowledged stays, what failed leaves no trace, and there is one writer."""

import errno
import os
import time

import pytest
from ledger_story import LOG, SERVER, beginning, create, digest, end, one_round, publish, register, ten_entries

from ledger import Ledger, LedgerIOError, NotALedger, Refused, Tampered, rows, verify


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "1" / "ledger"


def test_a_new_ledger_holds_its_genesis(path):
    with create(path) as ledger:
        assert ledger.origin == LOG
        assert ledger.head() == verify(path).head
    assert list(path.iterdir()) == [path / "entries.jsonl"]
    assert verify(path).kinds == {"genesis": 1}


def test_a_ledger_is_never_made_over_another(path):
    create(path).close()
    head = verify(path).head
    with pytest.raises(LedgerIOError, match="never overwritten"):
        create(path)
    assert verify(path).head == head


def test_an_ill_formed_genesis_makes_no_folder(path):
    with pytest.raises(Refused):
        Ledger.create(path, LOG, SERVER, run="run-1", recipe="no digest", created_by="fedray 0.1")
    assert not path.exists()


def test_appending_goes_on_after_reopening(path):
    with create(path) as ledger:
        head = ledger.append(beginning())
    with Ledger.open(path) as ledger:
        assert ledger.head() == head
        assert ledger.cut_bytes == 0
        assert ledger.append([]) == head
        head = ledger.append(one_round(1))
    assert verify(path).head == head


def test_a_batch_is_one_write_and_one_sync(path, monkeypatch):
    calls = []
    with create(path) as ledger:
        for name in ("pwrite", "fdatasync"):
            real = getattr(os, name)
            monkeypatch.setattr(os, name, lambda *given, real=real, name=name: (calls.append(name), real(*given))[1])
        ledger.append([*beginning(), *one_round(1)])
    assert calls == ["pwrite", "fdatasync"]


def test_time_never_falls_even_when_the_clock_does(path, monkeypatch):
    with create(path) as ledger:
        monkeypatch.setattr(time, "time_ns", lambda: 1)
        ledger.append(beginning())
    assert verify(path).ok


def test_a_torn_last_line_is_cut_and_reported(path):
    with create(path) as ledger:
        head = ledger.append(beginning())
    whole = (path / "entries.jsonl").read_bytes()
    for torn in (b"{", b'{"body":{"app":"x"', bytes(5000)):
        (path / "entries.jsonl").write_bytes(whole + torn)
        assert not verify(path).ok
        with Ledger.open(path) as ledger:
            assert (ledger.cut_bytes, ledger.head()) == (len(torn), head)
        assert (path / "entries.jsonl").read_bytes() == whole


def test_a_broken_chain_is_not_continued(path):
    ten_entries(path)
    lines = (path / "entries.jsonl").read_bytes().splitlines(keepends=True)
    spoiled = b"".join([*lines[:4], *lines[5:], b"{"])
    (path / "entries.jsonl").write_bytes(spoiled)
    with pytest.raises(Tampered) as found:
        Ledger.open(path)
    assert found.value.seq == 4
    assert (path / "entries.jsonl").read_bytes() == spoiled  # evidence is left alone


@pytest.mark.parametrize("content", [b"", b'{"body":'])
def test_a_file_without_a_whole_entry_is_no_ledger(path, content):
    path.mkdir(parents=True)
    with pytest.raises(NotALedger):
        Ledger.open(path)
    (path / "entries.jsonl").write_bytes(content)
    with pytest.raises(NotALedger):
        Ledger.open(path)


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
@pytest.mark.parametrize("failure", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_an_append_that_fails_is_undone_and_the_ledger_closed(path, monkeypatch, call, failure):
    with create(path) as ledger:
        ledger.append(beginning())
        before = (path / "entries.jsonl").read_bytes()
        real_write = os.pwrite

        def fail(handle, *given):
            if call == "pwrite":
                real_write(handle, given[0][:100], given[1])  # a disk may take a part before it fails
            raise failure

        with monkeypatch.context() as patch, pytest.raises((LedgerIOError, KeyboardInterrupt)):
            patch.setattr(os, call, fail)
            ledger.append(one_round(1))
        assert (path / "entries.jsonl").read_bytes() == before
        with pytest.raises(LedgerIOError, match="closed"):
            ledger.append(one_round(1))
    with Ledger.open(path) as ledger:
        ledger.append(one_round(1))
    assert verify(path).ok


def test_a_file_changed_behind_its_writer_is_noticed(path):
    with create(path) as ledger:
        (path / "entries.jsonl").write_bytes(b"")
        with pytest.raises(LedgerIOError, match="something else changed it"):
            ledger.append(beginning())


def test_a_statement_changed_after_it_was_recorded_changes_nothing(path):
    first = register(0)
    with create(path) as ledger:
        ledger.append([publish(), first])
        first.body["root"] = digest("other")
        ledger.append([register(0), register(1), *one_round(1), end(1)])
    assert verify(path).ok


def test_rows_tell_the_story(path):
    ten_entries(path)
    told = list(rows(path))
    assert [row["seq"] for row in told] == list(range(10))
    assert told[4]["kind"] == "update.commit"
    assert told[4]["round"] == 1
    assert told[4]["summary"].startswith("examples=10 parent=")
    assert told[8]["summary"].startswith("metrics=accuracy:0.8123 ")
    assert told[0]["who"] == SERVER.who.removeprefix("ed25519:")[:12]
    assert told[0]["time"].endswith("+00:00")


def test_rows_are_picked_by_kind_user_and_round(path):
    ten_entries(path)
    assert [row["seq"] for row in rows(path, kind="data.register")] == [2, 3]
    assert [row["seq"] for row in rows(path, user=0)] == [2, 4]
    assert [row["seq"] for row in rows(path, round=1)] == [4, 5, 6, 7, 8]
    assert [row["seq"] for row in rows(path, user=1, round=1, kind="update.commit")] == [5]


def test_rows_stop_at_a_torn_line_and_refuse_a_bad_one(path):
    ten_entries(path)
    whole = (path / "entries.jsonl").read_bytes()
    (path / "entries.jsonl").write_bytes(whole + b'{"bo')
    assert len(list(rows(path))) == 10
    (path / "entries.jsonl").write_bytes(whole + b"{}\n")
    with pytest.raises(Tampered, match="entry 10"):
        list(rows(path))
