"""Mistakes and damage end ``fedray ledger`` with one sentence, the right exit code, and nothing half-written."""

import os
import subprocess
import sys

import pytest
from ledger_desk import ORIGIN, RUN, Desk, digest

from ledger import Log, SigningKey


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    desk.begin()
    return desk


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_one_sentence(done, exit_code, *parts):
    assert done.exit_code == exit_code, done.output
    assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1, done.stderr
    assert all(part in done.stderr for part in parts), done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["verfy", "book"],
        ["verify"],
        ["verify", "book", "--sinse", "x"],
        ["verify", "book", "--jobs", "0"],
        ["show", "book", "--round", "one"],
        ["transfer", "book", "--key", "alice", "--to", "bob", "--amount", "0"],
        ["key", "make"],
        ["contribute", "gradient", "book"],
        ["append", "book", "no-such-file"],
        ["contribute", "compute", "book", "--work", "1", "--examples", "1", "--key", "x", "--seconds", "nan"],
        ["verify", "book", "--since", "no-such-file"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_exit_code_2_with_a_hint(desk, words):
    done = desk.fedray(*words)
    assert done.exit_code == 2 and done.stdout == ""
    assert "Usage: " in done.stderr and "Error: " in done.stderr and "--help" in done.stderr


@pytest.mark.parametrize("verb", ["verify", "show", "audit", "balance", "checkpoint"])
def test_what_is_no_ledger_is_exit_code_2(desk, verb):
    (desk.folder / "empty").mkdir()
    assert_one_sentence(desk.fedray(verb, desk.folder / "empty"), 2, "is no ledger")
    assert_one_sentence(desk.fedray(verb, desk.folder / "nowhere"), 2, "is no ledger")
    assert_one_sentence(desk.fedray(verb, desk.file("a-file")), 2, "is no ledger")
    assert_one_sentence(desk.fedray(verb, "nothing", "--runs", desk.folder), 2, "is no run")


def test_a_writing_verb_wants_a_whole_ledger(desk):
    (desk.folder / "empty").mkdir()
    desk.key("alice")
    register = ["--key", "alice", "--name", "alice"]
    assert_one_sentence(desk.fedray("account", "register", desk.folder / "empty", *register), 2, "is no ledger")
    assert_one_sentence(desk.fedray("account", "register", "http://127.0.0.1:1", *register), 2, "served by someone")


def test_a_second_ledger_of_one_name_or_in_one_place_is_refused(desk):
    before = contents(desk.folder)
    assert_one_sentence(desk.fedray("init", desk.book, "--origin", "example.org/other"), 4, "exists already")
    assert_one_sentence(desk.fedray("init", desk.folder / "b", "--origin", ORIGIN), 2, "fork")
    assert_one_sentence(desk.fedray("init", desk.folder / "b", "--origin", "two words"), 2, "log name")
    left = {path: data for path, data in contents(desk.folder).items() if "other" not in path.name}
    assert left == before


@pytest.mark.parametrize("option", [["--allocate", f"ed25519:{'0' * 64}=5"], ["--allocate", "5"], ["--quorum", "x"]])
def test_a_ledger_that_cannot_have_its_genesis_is_not_made(desk, option):
    before = contents(desk.folder)
    assert_one_sentence(desk.fedray("init", desk.folder / "b", "--origin", "example.org/b", *option), 2)
    assert contents(desk.folder) == before and not (desk.folder / "b").exists()


@pytest.mark.parametrize("address", ["http://", "http://[::1", "https:///x"])
def test_an_address_without_a_host_is_exit_code_2(desk, address):
    assert_one_sentence(desk.fedray("verify", address), 2, "is no address")


def test_a_key_that_others_may_read_is_refused(desk):
    desk.key("alice")
    register = ["account", "register", desk.book, "--key", "alice", "--name", "alice"]
    (desk.keys / "alice.key").chmod(0o644)
    assert_one_sentence(desk.fedray(*register), 2, "0644", "chmod 600")
    (desk.keys / "alice.key").chmod(0o600)
    (desk.keys / "example.org%2Fbook.key").chmod(0o640)
    assert_one_sentence(desk.fedray(*register), 2, "0640", "chmod 600")


def test_a_key_that_is_missing_or_garbage_is_refused(desk):
    register = ["account", "register", desk.book, "--name", "alice", "--key"]
    assert_one_sentence(desk.fedray(*register, "alice"), 2, "there is no key 'alice'", "fedray ledger key new alice")
    garbage = desk.file("garbage.key", "garbage")
    garbage.chmod(0o600)
    assert_one_sentence(desk.fedray(*register, garbage), 2, "is no key file")


def test_a_key_is_never_overwritten(desk):
    who = desk.key("alice")
    assert_one_sentence(desk.fedray("key", "new", "alice"), 4, "exists already")
    assert_one_sentence(desk.fedray("key", "new", ""), 2, "empty")
    assert desk.json("key", "show", "alice")[0]["who"] == who


def test_a_second_writer_is_refused_at_once_and_readers_are_not(desk):
    desk.key("alice")
    script = (
        "import sys; from ledger import Log\n"
        f"with Log.open({str(desk.book)!r}, keys={str(desk.keys)!r}): print('open', flush=True); sys.stdin.read()"
    )
    writer = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout.readline() == "open\n"
        register = ["account", "register", desk.book, "--key", "alice", "--name", "alice"]
        assert_one_sentence(desk.fedray(*register), 4, "another writer")
        assert_one_sentence(desk.fedray("key", "rotate", desk.book), 4, "another writer")
        assert desk.json("verify", desk.book)[0]["ok"]
    finally:
        writer.communicate("")
    desk.good(*register)


def test_verify_names_the_file_that_was_changed_or_cut(desk):
    desk.open_round()
    good = contents(desk.book)
    for name in ("log/tile/entries/000.p/4", "log/tile/0/000.p/4", "log/checkpoint"):
        path = desk.book / name
        data = good[path]
        for damaged in (data[:-1], data[:-2] + bytes([data[-2] ^ 1]) + data[-1:], b"garbage", b""):
            path.write_bytes(damaged)
            done = desk.fedray("verify", desk.book, "--json")
            assert done.exit_code == 1, (name, damaged, done.output)
            assert name in done.stdout or '"where": "entry' in done.stdout
            assert desk.fedray("verify", desk.book, "--format", "text").stdout.startswith("TAMPERED: ")
        path.write_bytes(data)
    assert desk.fedray("verify", desk.book).exit_code == 0


def test_reading_verbs_of_a_damaged_ledger_end_with_exit_code_1(desk):
    desk.open_round()
    (desk.book / "log/tile/entries/000.p/4").write_bytes(b"\xff\xff garbage")
    for words in (["balance", desk.book], ["prove", desk.book, 3, "--entry", desk.folder / "e"], ["show", desk.book]):
        assert_one_sentence(desk.fedray(*words), 1, "cannot be trusted")
    (desk.book / "log/checkpoint").write_bytes(b"\0\xff")
    for words in (["balance", desk.book], ["prove", desk.book, 3], ["checkpoint", desk.book]):
        assert_one_sentence(desk.fedray(*words), 1, "log/checkpoint cannot be trusted")


def test_statements_that_are_cut_short_or_garbage_are_not_recorded_at_all(desk):
    line = desk.operate("run.open", run=RUN, recipe=digest("recipe"), created_by="test", staleness=0)
    before = contents(desk.book)
    for data in (line + line[:-10], line + "\x00\xff", line + '{"body":{},"sig":""}', "", line.replace(",", ", ", 1)):
        assert_one_sentence(desk.fedray("append", desk.book, "-", input=data), 2)
    assert contents(desk.book) == before


def test_statements_before_a_refused_one_stand_and_the_refusal_says_so(desk):
    run = desk.operate("run.open", run=RUN, recipe=digest("recipe"), created_by="test", staleness=0)
    done = desk.fedray("append", desk.book, "-", "--json", input=run + run)
    assert_one_sentence(done, 2, "statement 2 of 2, run.open, is refused", "1 statement before it stand")
    assert '"index": 1' in done.stdout
    assert desk.json("checkpoint", desk.book)[0]["size"] == 2


def test_a_forged_statement_is_refused(desk):
    line = desk.operate("run.open", run=RUN, recipe=digest("recipe"), created_by="test", staleness=0)
    forged = line.replace(RUN, "other")
    assert_one_sentence(desk.fedray("append", desk.book, "-", input=forged), 2, "signature")
    assert desk.json("checkpoint", desk.book)[0]["size"] == 1


@pytest.mark.parametrize("option", ["--since", "--policy"])
def test_garbage_for_a_checkpoint_or_a_policy_is_exit_code_2(desk, option):
    for content in (b"garbage", b"\xff\x00\n", b"\n"):
        (desk.folder / "given").write_bytes(content)
        assert_one_sentence(desk.fedray("verify", desk.book, option, desk.folder / "given"), 2)


def test_a_log_key_that_is_none_and_garbage_for_a_receipt_are_exit_code_2(desk):
    receipt, entry = desk.file("receipt", "c2sp.org/tlog-proof@v1\n"), desk.file("entry")
    assert_one_sentence(desk.fedray("receipt", "verify", receipt, entry, "--log", desk.vkey), 2, "receipt")
    assert_one_sentence(desk.fedray("receipt", "verify", receipt, entry, "--key", "me"), 2, "key")
    assert_one_sentence(desk.fedray("receipt", "verify", receipt, entry), 2, "--log", "--policy")


def test_an_entry_or_participant_that_is_not_there_is_exit_code_2(desk):
    assert_one_sentence(desk.fedray("prove", desk.book, 5), 2, "no entry 5", "0 to 0")
    assert_one_sentence(desk.fedray("balance", desk.book, "nobody"), 2, "names no account", "operator")


def test_a_ledger_behind_its_head_is_exit_code_3(desk):
    old = contents(desk.book)
    desk.open_round()
    for path in list(contents(desk.book)):
        path.unlink()
    for path, data in old.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    desk.key("alice")
    assert desk.fedray("verify", desk.book).exit_code == 3
    register = ["account", "register", desk.book, "--key", "alice", "--name", "alice"]
    assert_one_sentence(desk.fedray(*register), 3, "rolled back")


def test_a_witness_does_not_cosign_a_ledger_that_goes_back(desk):
    Log.create(desk.folder / "fork", ORIGIN, SigningKey.load(desk.keys / "example.org%2Fbook.key"),
               keys=desk.folder / "other").close()  # fmt: skip
    desk.key("wilma")
    desk.open_round()
    desk.good("witness", "cosign", desk.book, "--key", "wilma")
    fork = desk.fedray("witness", "cosign", desk.folder / "fork", "--key", "wilma", "--log", desk.vkey)
    assert_one_sentence(fork, 3, "does not continue")
    assert "wilma" not in (desk.folder / "fork/log/checkpoint").read_text()


def test_a_disk_that_refuses_is_exit_code_4(desk):
    assert_one_sentence(desk.fedray("checkpoint", desk.book, "-o", desk.folder / "no/where"), 4, "failed")
    assert_one_sentence(desk.fedray("prove", desk.book, 0, "-o", desk.folder / "no/where"), 4, "failed")
    assert_one_sentence(desk.fedray("verify", "http://127.0.0.1:1/log"), 4, "cannot be read")


def test_a_ledger_that_may_not_be_read_is_exit_code_4(ordinary_user):
    ordinary_user.folder.chmod(0o777)
    desk = Desk(ordinary_user.folder)
    with ordinary_user():
        desk.begin()
        (desk.book / "log/checkpoint").chmod(0)
        for verb in ("verify", "checkpoint", "balance"):
            assert_one_sentence(desk.fedray(verb, desk.book), 4, "Permission denied")


def test_a_pipe_that_closes_early_is_no_traceback(desk):
    desk.open_round()
    words = [sys.executable, "-m", "fedray", "ledger", "show", str(desk.book)]
    done = subprocess.run(["/bin/sh", "-c", f"{' '.join(words)} | head -c 1"], capture_output=True, text=True,
                          env=os.environ | desk.env)  # fmt: skip
    assert "Traceback" not in done.stderr
