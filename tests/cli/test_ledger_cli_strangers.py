"""Names, files, servers and terminals that mean ill or fail: no command is led astray, hangs or breaks off unexplained.

Each mistake ends with one sentence and the right exit code.
"""

import os
import re
import subprocess
import sys

import pytest
from ledger_desk import ORIGIN, RUN, Desk, digest
from test_ledger_cli_mistakes import assert_one_sentence

from fedray.cli.ledger.lines import format_line
from ledger import Policy, SigningKey, sign
from ledger.checkpoint import sign_checkpoint
from ledger.note import NoteSigner


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    desk.begin()
    return desk


def register(desk, name, role="end-user"):
    """An account of any name, as a program registers it."""
    key = SigningKey.generate()
    line = format_line(sign(key, "account.register", ORIGIN, name=name, role=role)) + "\n"
    desk.good("append", desk.book, "-", input=line)
    return key


def run(desk, words, after):
    command = f"{sys.executable} -m fedray {words} {after}"
    environment = os.environ | desk.env
    return subprocess.run(["/bin/bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True,
                          env=environment, timeout=60)  # fmt: skip


@pytest.mark.parametrize("spell", [str, lambda who: who[8:], lambda who: who[:20], lambda who: who[8:20]])
def test_a_name_that_looks_like_a_key_is_never_taken_for_it(desk, spell):
    victim = register(desk, "victim").who
    thief = register(desk, spell(victim)).who
    assert [line["who"] for line in desk.json("balance", desk.book, spell(victim))] == [victim]
    assert {row["seq"] for row in desk.json("show", desk.book, "--who", spell(victim))} == {1}
    assert desk.json("show", desk.book)[2]["who"] == f'"{spell(victim)}"'
    assert f'"{spell(victim)}'[:20] in desk.text("account", "list", desk.book) and thief != victim


def test_a_key_without_an_account_is_not_looked_up_as_a_name(desk):
    stranger = SigningKey.generate().who
    register(desk, stranger)
    assert_one_sentence(desk.fedray("balance", desk.book, stranger), 2, "names no account")


def test_a_short_text_that_is_a_name_and_begins_anothers_key_names_nobody(desk):
    victim = register(desk, "victim").who
    register(desk, victim[8:12])
    assert_one_sentence(desk.fedray("balance", desk.book, victim[8:12]), 2, "several accounts")


@pytest.mark.parametrize("name", [f"ed25519:{'a' * 64}", "ED25519:x", "deadbeef", "0" * 64, " 12345678"])
def test_a_name_that_looks_like_a_key_is_not_registered(desk, name):
    desk.key("eve")
    assert_one_sentence(
        desk.fedray("account", "register", desk.book, "--key", "eve", "--name", name), 2, "looks like a key"
    )
    contribute = ["contribute", "data", desk.book, desk.file("data"), "--key", "eve", "--run", RUN, "--as", name]
    assert_one_sentence(desk.fedray(*contribute, "--json"), 2, "looks like a key")
    assert desk.json("checkpoint", desk.book)[0]["size"] == 1


def test_a_policy_can_be_read_whatever_participants_are_called_and_leaves_out_the_revoked(desk):
    for name in ("none", "all", "any", "participants", "participants+", "a b", "#a", "alice"):
        register(desk, name)
    desk.key("bob")
    desk.good("account", "register", desk.book, "--key", "bob", "--name", "bob")
    desk.good("account", "revoke", desk.book, "--key", "bob")
    policy = Policy.parse(desk.good("policy", desk.book, "--quorum", "all"))
    names = {"participants", "alice", "#a"}  # + cannot stand in a note
    assert set(policy.witnesses) == names and policy.groups[policy.quorum].needed == len(names)


def test_a_first_cosignature_is_for_the_published_tree_and_the_operators_signature_alone(desk):
    desk.open_round()
    desk.key("wilma")
    path = desk.book / "log/checkpoint"
    good, operator = path.read_bytes(), SigningKey.load(desk.keys / "example.org%2Fbook.key")
    from ledger.checkpoint import Checkpoint
    from ledger.published import PublishedTree
    from ledger.source import open_source

    tree = PublishedTree(open_source(desk.book)[0])
    root = tree.root_at(tree.size)
    for head, key in ((Checkpoint(ORIGIN, 4, bytes(32)), operator),
                      (Checkpoint(ORIGIN, 4, root), SigningKey.generate())):  # fmt: skip
        path.write_bytes(sign_checkpoint(head, [NoteSigner(ORIGIN, key)]))
        done = desk.fedray("witness", "cosign", desk.book, "--key", "wilma", "--sign-only")
        assert_one_sentence(done, 1, "log/checkpoint cannot be trusted")
    path.write_bytes(good)
    desk.good("witness", "cosign", desk.book, "--key", "wilma")


def test_a_revoked_account_cosigns_nothing(desk):
    desk.key("bob")
    desk.good("account", "register", desk.book, "--key", "bob", "--name", "bob")
    desk.good("account", "revoke", desk.book, "--key", "bob")
    assert_one_sentence(desk.fedray("witness", "cosign", desk.book, "--key", "bob"), 2, "'bob'", "revoked")


@pytest.mark.parametrize("words", ["show", "verify", "balance", "checkpoint", "show --format text"])
def test_an_output_that_is_closed_is_no_verdict(desk, words):
    verb, *options = words.split()
    command = f"ledger {verb} {desk.book} {' '.join(options)}"
    closed = run(desk, command, ">&-")
    assert closed.returncode == 4 and "closed" in closed.stderr and len(closed.stderr.splitlines()) == 1
    full = run(desk, command, ">/dev/full")
    assert full.returncode == 4 and full.stderr == "Error: No space left on device\n"
    gone = run(desk, command, "| true; exit ${PIPESTATUS[0]}")
    assert gone.returncode == 141 and gone.stderr == ""


def test_help_on_a_full_disk_is_one_sentence(desk):
    done = run(desk, "--help", ">/dev/full")
    assert done.returncode == 4 and done.stderr == "Error: No space left on device\n"
    gone = run(desk, "--help", "| true; exit ${PIPESTATUS[0]}")
    assert gone.returncode == 141 and gone.stderr == ""


@pytest.mark.parametrize("name", ["log/checkpoint", "history/1", "journal/0"])
def test_a_pipe_in_a_files_place_keeps_nobody_waiting(desk, name):
    (desk.book / name).unlink()
    os.mkfifo(desk.book / name)
    for words in (f"verify {desk.book}", f"repair {desk.book}"):
        done = run(desk, f"ledger {words}", "")
        assert "Traceback" not in done.stderr
        assert done.returncode in (1, 2, 4) or name == "journal/0", done


def test_a_huge_file_in_a_files_place_is_not_read(desk):
    os.truncate(desk.book / "history/1", 1 << 40)
    assert_one_sentence(desk.fedray("verify", desk.book), 4, "history/1 has")
    with (desk.folder / "huge").open("wb") as file:
        file.truncate(1 << 40)
    assert_one_sentence(desk.fedray("verify", desk.book, "--since", desk.folder / "huge"), 2, "is larger")


@pytest.mark.parametrize("origin", ["a" * 240, "é" * 50, "/".join("x" * 80)])
def test_an_origin_that_no_file_name_can_hold_is_refused(desk, origin):
    assert_one_sentence(desk.fedray("init", desk.folder / "b", "--origin", origin), 2, "too long")
    desk.good("init", desk.folder / "c", "--origin", "a" * 200)


def test_a_number_that_is_no_amount_of_money_is_refused(desk):
    who = SigningKey.generate().who
    init = ["init", desk.folder / "b", "--origin", "b", "--allocate", f"{who}={'9' * 5000}"]
    assert_one_sentence(desk.fedray(*init), 2, "KEY=AMOUNT")


def test_a_served_log_is_not_exported(desk):
    assert_one_sentence(desk.fedray("export", "http://127.0.0.1:1", desk.folder / "x"), 2, "served", "folder")


@pytest.mark.parametrize("unwanted", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_is_left_out_where_nobody_wants_it(desk, unwanted, monkeypatch):
    from fedray.cli.ledger import output

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert "\x1b" in output._style("good", fg="green")
    for name, value in unwanted.items():
        monkeypatch.setenv(name, value)
    assert output._style("good", fg="green", bold=True) == "good"


def test_statements_before_a_refused_one_get_their_receipts(desk):
    opened = desk.operate("run.open", run=RUN, recipe=digest("recipe"), created_by="test", staleness=0)
    register_line = format_line(sign(SigningKey.generate(), "account.register", ORIGIN, name="a", role="node")) + "\n"
    lines = desk.file("lines", register_line + opened + opened)
    done = desk.fedray("append", desk.book, lines, "--receipts", desk.folder / "kept", "--json")
    assert_one_sentence(done, 2, "statement 3 of 3")
    assert done.stdout.count("c2sp.org/tlog-proof") == 2
    for index in (1, 2):
        desk.good("prove", desk.book, index, "--entry", desk.folder / "entry")
        kept = desk.folder / "kept" / f"{index}.receipt"
        desk.good("receipt", "verify", kept, desk.folder / "entry", "--log", desk.vkey)


def test_what_an_editor_does_to_a_statement_file_is_explained(desk):
    line = desk.operate("run.open", run=RUN, recipe=digest("recipe"), created_by="test", staleness=0).encode()
    append = ["append", desk.book, "-"]
    assert_one_sentence(desk.fedray(*append, input=line.replace(b"\n", b"\r\n")), 2, "CR LF")
    assert_one_sentence(desk.fedray(*append, input=b"\xef\xbb\xbf" + line), 2, "byte-order mark")
    huge = desk.fedray(*append, input=re.sub(rb'"staleness":0', b'"staleness":' + b"9" * 5000, line))
    assert_one_sentence(huge, 2, "out of range")
    assert "set_int_max" not in huge.stderr
