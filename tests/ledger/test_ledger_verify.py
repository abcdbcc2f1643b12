"""Verification finds what was done to a ledger, and says what it cannot find."""

import base64
import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from ledger_story import (
    LOG,
    NODE,
    SERVER,
    beginning,
    close,
    commit,
    create,
    digest,
    end,
    one_round,
    register,
    ten_entries,
)

from ledger import NotALedger, Refused, Statement, Tampered, sign, verify
from ledger.chain import Entry, encode_entry


@pytest.fixture
def path(tmp_path):
    return ten_entries(tmp_path / "ledger")


def strangers_head(path) -> str:
    """The rules of the format in nothing but hashlib, json and a signature check: what a stranger would write."""
    prev, now = None, 0
    for seq, line in enumerate((path / "entries.jsonl").read_bytes().split(b"\n")[:-1]):
        entry = json.loads(line)
        body = entry["body"]
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert line == json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert list(entry) == ["body", "prev", "seq", "sig", "ts", "v"]
        assert entry["v"] == 1 and entry["seq"] == seq
        assert entry["ts"] >= now
        if prev is None:
            prev = hashlib.sha256(f"fedray-ledger/v1\n{body['log']}\n".encode()).hexdigest()
        assert entry["prev"] == prev
        kind = "application/vnd.fedray.statement.v1+json"
        signed = f"DSSEv1 {len(kind)} {kind} {len(text)} ".encode() + text
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(body["who"].removeprefix("ed25519:")))
        key.verify(base64.b64decode(entry["sig"]), signed)
        prev, now = hashlib.sha256(b"\x00" + line).hexdigest(), entry["ts"]
    return prev


def test_a_stranger_comes_to_the_same_head(path):
    report = verify(path)
    assert report.ok
    assert report.head == (9, strangers_head(path))
    assert (report.entries, report.origin, len(report.participants)) == (10, LOG, 4)
    assert report.kinds["update.commit"] == 2


def test_every_changed_byte_at_every_offset_is_found(path):
    file = path / "entries.jsonl"
    honest, head = file.read_bytes(), verify(path).head
    newest_time = json.loads(lines_of(path)[-1])["ts"]
    ends = [offset for offset, byte in enumerate(honest) if byte == ord("\n")]
    unseen = bytearray()
    with file.open("r+b", buffering=0) as handle:
        for offset, byte in enumerate(honest):
            os.pwrite(handle.fileno(), bytes([byte ^ 1 << offset % 8]), offset)
            report = verify(path, head=head.hash)
            os.pwrite(handle.fileno(), bytes([byte]), offset)
            assert not report.ok, f"a changed byte at {offset} went unnoticed"
            # The entry that holds the byte is named; or the next one for its time, which the link alone pins.
            entry = sum(end < offset for end in ends)
            assert report.problems[0].seq in (entry, entry + 1), offset
            if head.hash in report.problems[0].reason:
                unseen.append(byte)
    # What only the remembered head has shown: digits in the newest entry's time, which nothing links to yet.
    assert set(unseen) <= set(str(newest_time).encode())
    assert len(unseen) <= len(str(newest_time))
    assert any("another time on the newest entry" in gap for gap in verify(path).not_ruled_out)


def lines_of(path) -> list[bytes]:
    return (path / "entries.jsonl").read_bytes().splitlines(keepends=True)


def edit(line: bytes, **changes: object) -> bytes:
    text = json.dumps(json.loads(line) | changes, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


CRIMES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int]] = {
    "two lines swapped": (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], 4),
    "a line deleted": (lambda lines: [*lines[:4], *lines[5:]], 4),
    "a line repeated": (lambda lines: [*lines[:5], *lines[4:]], 5),
    "the genesis deleted": (lambda lines: lines[1:], 0),
    "an empty line": (lambda lines: [*lines[:4], b"\n", *lines[4:]], 4),
    "windows line ends": (lambda lines: [line[:-1] + b"\r\n" for line in lines], 0),
    "two entries on a line": (lambda lines: [*lines[:3], lines[3][:-1] + lines[4], *lines[5:]], 3),
    "no last newline": (lambda lines: [*lines[:-1], lines[-1][:-1]], 9),
    "half a last line": (lambda lines: [*lines[:-1], lines[-1][:40]], 9),
    "a long line": (lambda lines: [*lines[:4], b"x" * 200_000 + b"\n", *lines[4:]], 4),
    "zeros at the end": (lambda lines: [*lines, bytes(200_000)], 10),
    "a float number": (lambda lines: [*lines[:4], lines[4].replace(b'"seq":4,', b'"seq":4.0,'), *lines[5:]], 4),
    "a boolean number": (lambda lines: [lines[0], lines[1].replace(b'"seq":1,', b'"seq":true,'), *lines[2:]], 1),
    "a boolean version": (lambda lines: [*lines[:4], lines[4].replace(b'"v":1}', b'"v":true}'), *lines[5:]], 4),
    "a key twice": (lambda lines: [*lines[:4], lines[4].replace(b'"v":1}', b'"v":1,"v":1}'), *lines[5:]], 4),
    "an unknown field": (lambda lines: [*lines[:4], lines[4].replace(b'"v":1}', b'"v":1,"x":1}'), *lines[5:]], 4),
    "another version": (lambda lines: [*lines[:-1], edit(lines[-1], v=2)], 9),
    "a number skipped": (lambda lines: [*lines[:-1], edit(lines[-1], seq=10)], 9),
    "a time before": (lambda lines: [*lines[:-1], edit(lines[-1], ts=1)], 9),
    "a time beyond the calendar": (lambda lines: [*lines[:-1], edit(lines[-1], ts=2**53 - 1)], 9),
    "another signature": (lambda lines: [*lines[:-1], edit(lines[-1], sig=json.loads(lines[0])["sig"])], 9),
    "stray bits in the base64": (lambda lines: [*lines[:-1], edit(lines[-1], sig=stray_bits(lines[-1]))], 9),
    "a broken link": (lambda lines: [*lines[:-1], edit(lines[-1], prev=digest("elsewhere"))], 9),
    "no entry at all": (lambda lines: [*lines[:4], b"null\n", *lines[4:]], 4),
}


def stray_bits(line: bytes) -> str:
    """Another base64 spelling of the same signature: 64 bytes leave four bits of the last digit unused."""
    signature = json.loads(line)["sig"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stray = signature[:-3] + alphabet[alphabet.index(signature[-3]) + 1] + "=="
    assert base64.b64decode(stray, validate=True) == base64.b64decode(signature)
    return stray


@pytest.mark.parametrize("crime", CRIMES)
def test_what_was_done_to_the_file_is_found_where_it_was_done(path, crime):
    commit_it, first_bad = CRIMES[crime]
    (path / "entries.jsonl").write_bytes(b"".join(commit_it(lines_of(path))))
    (problem,) = verify(path).problems
    assert problem.seq == first_bad
    assert f"entry {first_bad} (line {first_bad + 1})" in str(problem)


def relinked(statements: list[Statement]) -> bytes:
    """The file of someone who computes every link anew, whatever the statements say."""
    prev, lines = hashlib.sha256(f"fedray-ledger/v1\n{LOG}\n".encode()).hexdigest(), []
    for seq, statement in enumerate(statements):
        data = encode_entry(Entry(seq, prev, 1_700_000_000_000, statement))
        prev = hashlib.sha256(b"\x00" + data).hexdigest()
        lines.append(data + b"\n")
    return b"".join(lines)


def genesis(**changes: str) -> Statement:
    fields = {"run": "run-1", "recipe": digest("recipe"), "created_by": "fedray 0.1"} | changes
    return sign(SERVER, "genesis", LOG, **fields)


def edited(statement: Statement, **changes: object) -> Statement:
    return Statement(statement.body | changes, statement.signature)


STORIES = {
    "an edited body, all links made good": ([genesis(), *beginning(), edited(commit(0, 1), examples=999)], 4),
    "a server's word by another key": ([genesis(), *beginning(), commit(0, 1), close(1, 1, key=NODE)], 5),
    "an entry of another ledger": ([genesis(), *beginning(), register(2, log="example.org/run-2")], 4),
    "an update left out of its round": ([genesis(), *beginning(), commit(0, 1), close(1, 2)], 5),
    "an update nobody has data for": ([genesis(), *beginning()[:2], commit(1, 1)], 3),
    "a round closed twice": ([genesis(), *beginning(), *one_round(1), close(1, 0)], 9),
    "two beginnings": ([genesis(), genesis()], 1),
    "no beginning": (beginning(), 0),
    "a kind of the future": ([genesis(), *beginning(), edited(end(0), kind="transfer")], 4),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_false_story_is_found_however_well_it_is_chained(path, story):
    statements, first_bad = STORIES[story]
    (path / "entries.jsonl").write_bytes(relinked(statements))
    (problem,) = verify(path).problems
    assert problem.seq == first_bad


def test_the_forger_of_these_tests_can_write_an_honest_ledger(path):
    (path / "entries.jsonl").write_bytes(relinked([genesis(), *beginning(), *one_round(1)]))
    assert verify(path).ok


def test_a_remembered_head_finds_truncation_and_rewriting(path):
    head = verify(path).head
    assert head is not None
    assert verify(path, head=head.hash).ok
    (path / "entries.jsonl").write_bytes(b"".join(lines_of(path)[:-1]))
    assert verify(path).ok  # a shorter chain is a chain
    (problem,) = verify(path, head=head.hash).problems
    assert head.hash in problem.reason
    (path / "entries.jsonl").write_bytes(relinked([genesis(), *beginning(), *one_round(1), end(1)]))
    assert verify(path).ok
    assert not verify(path, head=head.hash).ok


def test_the_report_says_what_it_could_not_rule_out(path):
    alone = verify(path).not_ruled_out
    assert "truncation of the newest entries: no witness or older head was given" in alone
    older = hashlib.sha256(b"\x00" + lines_of(path)[6][:-1]).hexdigest()
    assert (
        "truncation of the newest entries: the given head pins entries 0 to 6 only" in verify(path, older).not_ruled_out
    )
    assert any("split view" in gap for gap in alone)


@pytest.mark.parametrize("head", ["", "ab", "AB" * 32, "z" * 64])
def test_a_head_that_is_no_hash_is_refused(path, head):
    with pytest.raises(Refused, match="no hash"):
        verify(path, head=head)


def test_where_there_is_no_ledger_there_is_nothing_to_verify(path, tmp_path):
    for nothing in (tmp_path / "none", tmp_path, path / "entries.jsonl"):
        with pytest.raises(NotALedger):
            verify(nothing)
    (path / "entries.jsonl").write_bytes(b"")
    with pytest.raises(NotALedger):
        verify(path)


def test_a_ledger_may_be_copied_and_moved(path, tmp_path):
    shutil.move(path, tmp_path / "elsewhere")
    assert verify(tmp_path / "elsewhere").ok


def test_the_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(Tampered(3, "its link is broken")))
    assert (error.seq, error.reason, str(error)) == (3, "its link is broken", str(Tampered(3, "its link is broken")))


def test_another_ledger_on_the_same_server_is_another_chain(tmp_path):
    with create(tmp_path / "a") as first, create(tmp_path / "b", log="example.org/run-2") as second:
        first.append(beginning())
        with pytest.raises(Refused, match="is for the log"):
            second.append(beginning())
