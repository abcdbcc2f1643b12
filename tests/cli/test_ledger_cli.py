"""``fedray ledger`` as a person uses it: every verb does its work and says so, to people and to programs."""

import hashlib
import shutil
import stat
import tarfile
from pathlib import Path

import pytest
from ledger_desk import ORIGIN, RUN, Desk, digest

from fedray.app import App
from ledger import Checkpoint, SigningKey, Statement, VerifierKey, leaf_hash
from ledger.checkpoint import sign_checkpoint
from ledger.entry import Entry, encode_entry, first_prev
from ledger.fork import parse_fork
from ledger.note import NoteSigner
from ledger.tiles import encode_bundle


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.fixture
def trained(desk):
    desk.begin()
    desk.train("alice", "bob")
    return desk


def entries(desk, **wanted):
    rows = desk.json("show", desk.book)
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def test_init_makes_a_ledger_and_a_secret_key_and_says_what_to_back_up(desk):
    said = desk.text("init", desk.book, "--origin", ORIGIN)
    assert desk.vkey in said and "Back up the key file" in said and "head file" in said
    key = desk.keys / "example.org%2Fbook.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and str(key) in said
    assert desk.json("verify", desk.book)[0]["size"] == 1


def test_a_round_that_is_trained_by_command_verifies(trained):
    report = trained.json("verify", trained.book)[0]
    assert report["ok"] and report["exit_code"] == 0 and report["origin"] == ORIGIN
    assert report["kinds"]["update.commit"] == report["kinds"]["update.reveal"] == 2
    assert report["root"] == trained.json("checkpoint", trained.book)[0]["root"]


def test_verify_tells_people_the_verdict_and_what_it_could_not_rule_out(trained):
    said = trained.text("verify", trained.book)
    assert said.startswith(f"good: {ORIGIN}, 13 entries\n")
    assert "not ruled out: " in said and "update.commit 2" in said


def test_a_statement_signed_without_the_operators_key_is_appended_by_the_operator(desk):
    desk.begin()
    elsewhere = ["--keys", desk.folder / "mine", "--key", "carol"]
    desk.good("key", "new", "carol", "--keys", desk.folder / "mine")
    refused = desk.fedray("account", "register", desk.book, *elsewhere, "--name", "Carol")
    assert refused.exit_code == 2 and "--sign-only" in refused.stderr
    line = desk.good("account", "register", desk.book, *elsewhere, "--name", "Carol", "--sign-only")
    assert len(line.splitlines()) == 1 and desk.json("checkpoint", desk.book)[0]["size"] == 1
    recorded = desk.json("append", desk.book, desk.file("lines", line))[0]
    assert (recorded["index"], recorded["kind"]) == (1, "account.register")


def test_receipts_of_what_is_appended_verify_without_the_ledger(desk):
    desk.begin()
    line = desk.operate("run.open", run=RUN, recipe=digest("recipe"), created_by="test", staleness=0)
    desk.good("append", desk.book, "-", "--receipts", desk.folder / "kept", input=line)
    desk.good("prove", desk.book, 1, "--entry", desk.folder / "entry", "-o", desk.folder / "again")
    kept = desk.folder / "kept" / "1.receipt"
    assert kept.read_bytes() == (desk.folder / "again").read_bytes()
    proven = desk.json("receipt", "verify", kept, desk.folder / "entry", "--log", desk.vkey)[0]
    assert proven["ok"] and (proven["index"], proven["size"]) == (1, 2)
    assert desk.text("receipt", "verify", kept, desk.folder / "entry", "--log", desk.vkey).startswith("proven: ")


def test_a_receipt_of_another_entry_or_without_the_policys_witness_proves_nothing(desk):
    desk.begin()
    desk.good("prove", desk.book, 0, "--entry", desk.folder / "entry", "-o", desk.folder / "receipt")
    wrong = desk.fedray("receipt", "verify", desk.folder / "receipt", desk.file("other"), "--log", desk.vkey, "--json")
    assert wrong.exit_code == 1 and '"ok": false' in wrong.stdout
    desk.key("wilma")
    witness = desk.json("key", "show", "wilma")[0]["witness"]
    policy = desk.file("policy", f"log {desk.vkey}\nwitness wilma {witness}\nquorum wilma\n")
    alone = desk.fedray("receipt", "verify", desk.folder / "receipt", desk.folder / "entry", "--policy", policy)
    assert alone.exit_code == 3
    assert desk.fedray("checkpoint", desk.book, "--policy", policy).exit_code == 3
    desk.good("witness", "cosign", desk.book, "--key", "wilma")
    desk.good("prove", desk.book, 0, "-o", desk.folder / "receipt")
    desk.good("receipt", "verify", desk.folder / "receipt", desk.folder / "entry", "--policy", policy)
    assert desk.good("checkpoint", desk.book, "--policy", policy) == (desk.book / "log/checkpoint").read_text()
    assert desk.json("verify", desk.book, "--policy", policy)[0]["cosigned"] == 1


def test_the_participants_a_ledger_names_are_a_policy_that_their_cosignatures_fulfil(trained):
    policy = trained.file("policy", trained.good("policy", trained.book, "--quorum", "all"))
    assert trained.fedray("verify", trained.book, "--policy", policy).exit_code == 3
    trained.good("witness", "cosign", trained.book, "--key", "alice", "--name", "alice")
    assert trained.fedray("verify", trained.book, "--policy", policy).exit_code == 3
    trained.good("witness", "cosign", trained.book, "--key", "bob", "--name", "bob")
    assert trained.json("verify", trained.book, "--policy", policy)[0]["cosigned"] == 2
    for quorum in ("3", "0", "most"):
        assert trained.fedray("policy", trained.book, "--quorum", quorum).exit_code == 2


def test_what_is_stated_of_data_is_the_merkle_root_over_the_digests_of_its_files(desk):
    desk.begin()
    desk.key("alice")
    (desk.folder / "data").mkdir()
    for name in ("b", "a"):
        desk.file(f"data/{name}")
    said = desk.fedray("contribute", "data", desk.book, desk.folder / "data", "--run", RUN, "--key", "alice",
                       "--format", "text")  # fmt: skip
    assert said.exit_code == 0 and "is registered as alice, end-user" in said.stderr
    leaf = [hashlib.sha256(b"\0" + hashlib.sha256(f"data/{name}".encode()).digest()).digest() for name in "ab"]
    root = hashlib.sha256(b"\1" + leaf[0] + leaf[1]).hexdigest()
    desk.good("prove", desk.book, 2, "--entry", desk.folder / "entry")
    assert '"examples":2,"kind":"data.register"' in (desk.folder / "entry").read_text()
    assert root in (desk.folder / "entry").read_text()


def test_what_is_stated_of_an_algorithm_is_the_digest_of_the_apps_code(desk, make_app):
    desk.begin()
    desk.open_round()
    app = make_app()
    desk.good("contribute", "algorithm", desk.book, app, "--key", ORIGIN)
    desk.good("prove", desk.book, 4, "--entry", desk.folder / "entry")
    assert App.find(Path(app)).code_digest() in (desk.folder / "entry").read_text()


def test_a_chained_model_and_compute_are_contributed_to_the_open_round(desk):
    desk.begin()
    desk.open_round()
    desk.key("alice")
    model = desk.file("link.safetensors")
    desk.good("contribute", "model", desk.book, model, "--key", "alice")
    work = ["--work", 60, "--examples", 30, "--seconds", 1.5]
    desk.good("contribute", "compute", desk.book, "--key", "alice", *work)
    rows = entries(desk, who="alice", round=1)
    assert [row["kind"] for row in rows] == ["model.publish", "compute.report"]


def test_an_update_is_revealed_only_as_what_was_committed_to(desk):
    desk.begin()
    desk.open_round()
    desk.key("alice")
    desk.good("contribute", "data", desk.book, desk.file("data"), "--key", "alice")
    update, other = desk.file("update"), desk.file("other")
    desk.good("contribute", "update", desk.book, update, "--key", "alice")
    wrong = desk.fedray("contribute", "update", desk.book, other, "--key", "alice", "--reveal")
    assert wrong.exit_code == 2 and "another file" in wrong.stderr
    desk.good("contribute", "update", desk.book, update, "--key", "alice", "--reveal")
    assert [row["kind"] for row in entries(desk, who="alice")][-2:] == ["update.commit", "update.reveal"]


def test_money_moves_once_and_never_more_than_there_is(desk):
    alice, bob = desk.key("alice"), desk.key("bob")
    desk.good("init", desk.book, "--origin", ORIGIN, "--allocate", f"{alice}=1000")
    for name in ("alice", "bob"):
        desk.good("account", "register", desk.book, "--key", name, "--name", name)
    desk.good("transfer", desk.book, "--key", "alice", "--to", "bob", "--amount", 300)
    desk.good("stake", desk.book, "--key", "bob", "--amount", 200)
    desk.good("unstake", desk.book, "--key", "bob", "--amount", 50)
    before = (desk.book / "log/checkpoint").read_bytes()
    poor = desk.fedray("transfer", desk.book, "--key", "bob", "--to", alice, "--amount", 151)
    assert poor.exit_code == 2 and poor.stderr.startswith("Error: ") and len(poor.stderr.splitlines()) == 1
    assert (desk.book / "log/checkpoint").read_bytes() == before
    found = {line["name"]: (line["balance"], line["stake"]) for line in desk.json("balance", desk.book)}
    assert found == {"operator": (0, 0), "alice": (700, 0), "bob": (150, 150)}
    assert [line["who"] for line in desk.json("balance", desk.book, bob[:20])] == [bob]


def test_an_account_moves_to_a_new_key_and_is_revoked(desk):
    desk.begin()
    _, new = desk.key("alice"), desk.key("alice2")
    desk.good("account", "register", desk.book, "--key", "alice", "--name", "alice", "--role", "node")
    desk.good("account", "rotate", desk.book, "--key", "alice", "--new", "alice2")
    old = desk.fedray("account", "revoke", desk.book, "--key", "alice")
    assert old.exit_code == 2 and new in old.stderr
    desk.good("account", "revoke", desk.book, "--key", "alice2")
    accounts = {line["name"]: line for line in desk.json("account", "list", desk.book)}
    assert accounts["alice"]["who"] == new and accounts["alice"]["revoked"] and accounts["alice"]["role"] == "node"
    assert "revoked" in desk.text("account", "list", desk.book)


def test_the_operators_key_is_rotated_and_old_and_new_receipts_verify(desk):
    old = desk.begin()["vkey"]
    desk.good("prove", desk.book, 0, "-o", desk.folder / "receipt", "--entry", desk.folder / "entry")
    new = desk.json("key", "rotate", desk.book)[0]["vkey"]
    assert new == desk.vkey != old
    assert desk.good("key", "of", desk.book) == f"{old}\n{new}\n"
    assert [line["since"] for line in desk.json("key", "of", desk.book)] == [0, 2]
    desk.good("receipt", "verify", desk.folder / "receipt", desk.folder / "entry", "--log", old, "--log", new)
    desk.good("prove", desk.book, 1, "-o", desk.folder / "receipt", "--entry", desk.folder / "entry")
    desk.good("receipt", "verify", desk.folder / "receipt", desk.folder / "entry", "--log", new)
    assert desk.json("verify", desk.book)[0]["ok"]


def test_show_filters_by_kind_participant_run_and_round(trained):
    book = trained.book
    assert [row["who"] for row in trained.json("show", book, "--kind", "update.commit")] == ["alice", "bob"]
    assert {row["who"] for row in trained.json("show", book, "--who", "bob")} == {"bob"}
    assert {row["round"] for row in trained.json("show", book, "--round", 1)} == {1}
    assert trained.json("show", book, "--run", "nothing") == []
    assert [row["seq"] for row in trained.json("show", book, "--limit", 2)] == [11, 12]


@pytest.mark.parametrize("width", [80, 120])
def test_show_is_a_table_that_fits_the_terminal(trained, width):
    trained.env["COLUMNS"] = str(width)
    shown = trained.text("show", trained.book)
    assert all(len(line) <= width for line in shown.splitlines()) and "\x1b" not in shown
    assert all(word in shown for word in ("alice", "update.commit", "round.close", RUN))
    assert "11 earlier entries not shown" in trained.text("show", trained.book, "--limit", 2)


def test_show_adds_up_who_contributed_what(trained):
    who = {line["who"]: line for line in trained.json("show", trained.book, "--by", "who")}
    assert who["alice"] == {"who": "alice", "other": 1, "data": 1, "updates": 1, "revealed": 1, "rounds": "1"}
    rounds = trained.json("show", trained.book, "--by", "round")
    assert rounds[1] == {"run": RUN, "round": 1, "closed": True, "updates": 2, "revealed": 2, "who": ["alice", "bob"]}
    assert "2: alice, bob" in trained.text("show", trained.book, "--by", "round")


def test_audit_gives_every_round_and_the_state(trained):
    audit = trained.json("audit", trained.book)[0]
    assert audit["ok"] and len(audit["state_root"]) == 64
    assert RUN in trained.text("audit", trained.book)


def test_a_checkpoint_kept_elsewhere_shows_a_rolled_back_and_a_forked_ledger(trained):
    desk, kept = trained, trained.folder / "kept"
    desk.good("checkpoint", desk.book, "-o", kept)
    shutil.copytree(desk.book, desk.folder / "older")
    shutil.copytree(desk.keys, desk.folder / "older keys")
    desk.key("dora")
    desk.good("account", "register", desk.book, "--key", "dora", "--name", "dora")
    desk.good("verify", desk.book, "--since", kept)
    desk.good("checkpoint", desk.book, "-o", kept)
    older = [desk.folder / "older", "--keys", desk.folder / "older keys"]
    behind = desk.fedray("verify", *older, "--since", kept, "--json")
    assert behind.exit_code == 3 and '"RolledBack"' in behind.stdout
    assert desk.fedray("verify", *older).exit_code == 0
    desk.good("key", "new", "evil", "--keys", desk.folder / "older keys")
    desk.good("account", "register", *older, "--key", "evil", "--name", "evil")
    assert desk.fedray("verify", *older, "--since", kept).exit_code == 3


def test_export_copies_what_is_public_and_nothing_else(trained):
    desk = trained
    desk.good("export", desk.book, desk.folder / "public")
    names = {path.name for path in (desk.folder / "public").iterdir()}
    assert names == {"log", "history"} and not list((desk.folder / "public").rglob("*.key"))
    assert desk.json("verify", desk.folder / "public")[0]["ok"]
    again = desk.fedray("export", desk.book, desk.folder / "public")
    assert again.exit_code == 4 and "exists" in again.stderr


def test_repair_takes_the_published_checkpoint_only_when_told_to(trained):
    desk = trained
    (desk.keys / "example.org%2Fbook.head").unlink()
    desk.key("dora")
    register = ["account", "register", desk.book, "--key", "dora", "--name", "dora"]
    assert desk.fedray(*register).exit_code == 3
    assert desk.fedray("repair", desk.book).exit_code == 3
    assert desk.json("repair", desk.book, "--adopt-head")[0]["done"]
    desk.good(*register)


def test_a_finished_runs_ledger_is_found_by_the_runs_name(trained):
    from fedray.run.folder import RunFolder

    runs = trained.folder / "runs"
    (runs / "one").mkdir(parents=True)
    RunFolder(runs / "one").update(status="finished", app="blobs")
    trained.book.rename(runs / "one" / "ledger")
    for name in ("one", "latest", "on", str(runs / "one"), str(runs / "one" / "ledger")):
        assert trained.json("verify", name, "--runs", runs)[0]["ok"]


def test_compare_tells_the_same_extending_and_forked_heads_apart_and_writes_the_proof(desk):
    vkey = desk.begin()["vkey"]
    desk.good("checkpoint", desk.book, "-o", desk.folder / "old")
    shutil.copytree(desk.book, desk.folder / "fork")
    shutil.copytree(desk.keys, desk.folder / "fork keys")
    desk.key("alice")
    desk.good("account", "register", desk.book, "--key", "alice", "--name", "alice")
    desk.good("prove", desk.book, 0, "-o", desk.folder / "receipt")
    assert desk.json("compare", desk.book, desk.folder / "receipt")[0]["relation"] == "same"
    assert desk.json("compare", desk.folder / "old", desk.book)[0]["relation"] == "extends"
    lost = desk.fedray("compare", desk.folder / "old", desk.folder / "receipt", "--key", vkey, "--json")
    assert lost.exit_code == 3 and '"unknown"' in lost.stdout
    fork = [desk.folder / "fork", "--keys", desk.folder / "fork keys"]
    desk.good("account", "register", *fork, "--key", "alice", "--name", "eve")
    forked = desk.fedray("compare", desk.book, desk.folder / "fork", "-o", desk.folder / "proof", "--format", "text")
    assert forked.exit_code == 3 and forked.stdout.startswith("FORKED: ")
    older, newer = parse_fork((desk.folder / "proof").read_bytes()).verify([VerifierKey.parse(vkey)])
    assert older.size == newer.size == 2 and older.root != newer.root
    assert desk.fedray("compare", desk.folder / "old", desk.folder / "receipt").exit_code == 2
    proven = desk.fedray("compare", desk.folder / "proof", "--key", vkey, "--json")
    assert proven.exit_code == 3 and '"forked"' in proven.stdout
    assert desk.fedray("compare", desk.folder / "receipt", "--key", vkey).exit_code == 2


def test_an_archive_of_a_served_ledger_is_what_was_published(trained):
    trained.good("export", trained.book, trained.folder / "public.tar.gz")
    with tarfile.open(trained.folder / "public.tar.gz") as archive:
        archive.extractall(trained.folder / "unpacked", filter="data")
    assert trained.json("verify", trained.folder / "unpacked" / "public")[0]["size"] == 13


def test_what_a_stranger_wrote_cannot_steer_the_terminal(desk):
    name = "\x1b]0;owned\x07\u202eevil\n"
    key = SigningKey.generate()
    body = {"kind": "account.register", "log": ORIGIN, "who": key.who, "name": name, "role": "node"}
    entry = encode_entry(Entry(0, first_prev(ORIGIN), 0, Statement(body, bytes(64))))
    log = desk.folder / "hostile"
    for tile, data in (("entries", encode_bundle([entry])), ("0", leaf_hash(entry))):
        (log / "tile" / tile / "000.p").mkdir(parents=True)
        (log / "tile" / tile / "000.p" / "1").write_bytes(data)
    checkpoint = Checkpoint(ORIGIN, 1, leaf_hash(entry))
    (log / "checkpoint").write_bytes(sign_checkpoint(checkpoint, [NoteSigner(ORIGIN, key)]))
    for words in (["show", log], ["show", log, "--by", "who"], ["verify", log, "--fast"], ["balance", log]):
        said = desk.fedray(*words, "--format", "text").output
        assert "evil" in said or words[0] != "show"
        assert all(character.isprintable() or character == "\n" for character in said), words
