"""Everything that somebody could do to a ledger, done to one and found: by an outsider, and by the operator himself.

An outsider changes files; the operator holds the real key and signs whatever he likes. What he signs afresh is good in
itself: only somebody who remembers an older head, or witnesses, can tell.
"""

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from forged_ledger import TIME, Forge, chain, honest, told
from ledger_story import (
    LOG,
    NODE,
    OPERATOR,
    USERS,
    close,
    commit,
    cosign,
    genesis,
    open_run,
    register_account,
    reveal,
    rotate_operator,
    stake,
    transfer,
)
from merkle_reference import inclusion

from ledger import Policy, SigningKey, Tampered
from ledger.checkpoint import Checkpoint, add_signatures, sign_checkpoint
from ledger.cosignature import Cosigner
from ledger.note import NoteSigner, Signature, parse_note
from ledger.receipt import Receipt
from ledger.statements import Statement, sign
from ledger.verify import verify_dir
from ledger.verify.report import Report
from ledger.vkey import ED25519, VerifierKey

SIZE = 299
THIEF = SigningKey.from_seed(b"t" * 32)
VKEY = VerifierKey(LOG, ED25519, bytes.fromhex(OPERATOR.who.removeprefix("ed25519:")))


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A key folder that remembers nothing."""
    return tmp_path / "no-keys"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return honest().write(tmp_path / "ledger", 150, 256, SIZE)


def found(path: Path, nobody: Path, *, code: int = 1, fast: bool = True, **given: object) -> Report:
    """What `verify` reports, which must be bad, thorough or (unless told that it cannot see it) fast."""
    report = verify_dir(path, keys=nobody, **given)
    assert report.exit_code == code, report.problems
    if fast:
        assert verify_dir(path, keys=nobody, fast=True, **given).exit_code == code
    return report


# What an outsider does to files.

FILES = [
    "checkpoint",
    "tile/0/000",
    "tile/0/001.p/43",
    "tile/1/000.p/1",
    "tile/entries/000",
    "tile/entries/001.p/43",
    "tile/0/000.p/150",
    "tile/entries/000.p/150",
]
REQUIRED = FILES[:-2]
SPOILS: dict[str, Callable[[bytes], bytes]] = {
    "cut by a byte": lambda data: data[:-1],
    "cut in half": lambda data: data[: len(data) // 2],
    "emptied": lambda data: b"",
    "lengthened": lambda data: data + b"\x00",
    "lengthened by a line": lambda data: data + b"\n",
    "doubled": lambda data: data + data,
    "with another first byte": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "with another last byte": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "reversed": lambda data: data[::-1],
}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("name", FILES)
def test_a_spoilt_file_is_found_and_named(ledger, nobody, name, spoil):
    path = ledger / "log" / name
    path.write_bytes(SPOILS[spoil](path.read_bytes()))
    (problem,) = found(ledger, nobody).problems
    assert isinstance(problem, Tampered)
    number = name.split("/")[-1] if "tile" in name else ""
    assert name.partition(".p")[0] in problem.where or problem.where.startswith("entry") or not number


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_file_is_found_and_named(ledger, nobody, name):
    (ledger / "log" / name).unlink()
    (problem,) = found(ledger, nobody).problems
    assert isinstance(problem, Tampered)
    assert problem.where == f"log/{name}"


@pytest.mark.parametrize("name", REQUIRED)
def test_a_folder_in_a_files_place_is_found(ledger, nobody, name):
    (ledger / "log" / name).unlink()
    (ledger / "log" / name).mkdir()
    found(ledger, nobody)


@pytest.mark.parametrize(
    "name",
    ["tile/0/000.p/0", "tile/0/000.p/256", "tile/00/000", "tile/0/1", "tile/entries/000.json", "readme", "tile/x"],
)
def test_a_file_that_no_log_has_is_found(ledger, nobody, name):
    (ledger / "log" / name).parent.mkdir(exist_ok=True)
    (ledger / "log" / name).write_bytes(b"")
    (problem,) = found(ledger, nobody).problems
    assert isinstance(problem, Tampered)
    assert problem.where == f"log/{name}"


def test_a_linked_folder_is_found(ledger, nobody):
    (ledger / "log/tile/2").symlink_to(ledger / "log/tile/0")
    found(ledger, nobody)


def test_a_file_beyond_the_checkpoint_that_contradicts_it_is_found(ledger, nobody):
    whole = {"tile/0/001.p/44": b"x" * 44 * 32, "tile/entries/001.p/44": b"\0\1x" * 44, "tile/1/000.p/2": b"x" * 64}
    for name, data in whole.items():
        (ledger / "log" / name).write_bytes(data)
        found(ledger, nobody)
        (ledger / "log" / name).unlink()


def test_swapped_files_are_found(ledger, nobody):
    one, other = ledger / "log/tile/0/000", ledger / "log/tile/entries/000"
    one.rename(ledger / "aside")
    other.rename(one)
    (ledger / "aside").rename(other)
    found(ledger, nobody)


def test_an_older_copy_of_all_but_the_history_is_a_rollback(ledger, nobody, tmp_path):
    older = honest().write(tmp_path / "older", 150)
    shutil.rmtree(ledger / "log")
    shutil.copytree(older / "log", ledger / "log")
    found(ledger, nobody, code=3)


@pytest.mark.parametrize("name", ["0256", "x", "-1", "256.bak", "²"])
def test_a_file_that_no_history_has_is_found(ledger, nobody, name):
    (ledger / "history" / name).write_bytes(b"")
    found(ledger, nobody)


@pytest.mark.parametrize("size", [150, 256, SIZE])
def test_a_spoilt_history_is_found(ledger, nobody, size):
    path = ledger / "history" / str(size)
    path.write_bytes(path.read_bytes().replace(b"\n\n", b"\n\n\n"))
    found(ledger, nobody)


def test_a_history_by_another_key_is_found(ledger, nobody):
    (ledger / "history/256").write_bytes(Forge(honest().entries, signers={0: (THIEF,)}).checkpoint(256))
    found(ledger, nobody, fast=False)
    (ledger / "history/256").unlink()
    (ledger / "history/400").write_bytes(sign_checkpoint(Checkpoint(LOG, 400, bytes(32)), [NoteSigner(LOG, THIEF)]))
    found(ledger, nobody)


def test_a_history_of_another_tree_is_found(ledger, nobody):
    (ledger / "history/256").write_bytes(honest().checkpoint(256, root=bytes(32)))
    found(ledger, nobody)
    (ledger / "history/256").write_bytes(honest().checkpoint(150))
    found(ledger, nobody)


def test_the_newest_checkpoint_missing_in_the_history_is_found(ledger, nobody):
    (ledger / "history" / str(SIZE)).unlink()
    found(ledger, nobody)


CHECKPOINTS: dict[str, Callable[[bytes], bytes]] = {
    "with CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "with a leading zero": lambda data: data.replace(b"\n299\n", b"\n0299\n"),
    "with a plus": lambda data: data.replace(b"\n299\n", b"\n+299\n"),
    "with an underscore": lambda data: data.replace(b"\n299\n", b"\n2_99\n"),
    "with a blank": lambda data: data.replace(b"\n299\n", b"\n299 \n"),
    "with foreign digits": lambda data: data.replace(b"\n299\n", "\n٢٩٩\n".encode()),
    "with a larger size": lambda data: data.replace(b"\n299\n", b"\n300\n"),
    "with a smaller size": lambda data: data.replace(b"\n299\n", b"\n298\n"),
    "with a huge size": lambda data: data.replace(b"\n299\n", b"\n9223372036854775807\n"),
    "with an extension line": lambda data: data.replace(b"\n\n", b"\nmore\n\n"),
    "without its signature": lambda data: data.partition(b"\xe2\x80\x94")[0],
    "with its signature twice, one spoilt": lambda data: data + data.split(b"\n")[-2][:-4] + b"AAA=\n",
    "with a hyphen for a dash": lambda data: data.replace("—".encode(), b"-"),
    "without padding": lambda data: data.replace(b"=\n", b"\n"),
    "with stray bits in the root": lambda data: _stray(data, line=2),
    "with stray bits in the signature": lambda data: _stray(data, line=4),
    "in another encoding": lambda data: data.decode().encode("utf-16"),
    "of another log": lambda data: data.replace(LOG.encode(), b"example.org/run-2"),
    "that is a receipt": lambda data: Receipt(0, (), data).format(),
}


def _stray(data: bytes, line: int) -> bytes:
    """The same base64 value with another last digit: the bits behind its last byte are not zero."""
    lines = data.split(b"\n")
    digits = lines[line].rstrip(b"=")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet[alphabet.index(digits[-1:]) ^ 1 :][:1]
    lines[line] = digits[:-1] + last + lines[line][len(digits) :]
    return b"\n".join(lines)


@pytest.mark.parametrize("change", CHECKPOINTS)
def test_a_checkpoint_changed_in_any_way_is_found(ledger, nobody, change):
    path = ledger / "log/checkpoint"
    before = path.read_bytes()
    path.write_bytes(CHECKPOINTS[change](before))
    assert path.read_bytes() != before
    found(ledger, nobody)


def test_a_checkpoint_with_signature_lines_of_its_own_is_found(ledger, nobody):
    path = ledger / "log/checkpoint"
    line = Cosigner("stranger", THIEF).cosign(parse_note(path.read_bytes()).text, 1)
    path.write_bytes(add_signatures(path.read_bytes(), [line]))
    found(ledger, nobody)


@pytest.mark.parametrize("where", ["history", "newest"])
def test_a_cosignature_that_a_participant_did_not_make_is_found(ledger, nobody, where):
    names = ["history/256"] if where == "history" else ["log/checkpoint", f"history/{SIZE}"]
    text = parse_note((ledger / names[0]).read_bytes()).text
    good = Cosigner("user-0", USERS[0]).cosign(text, 1)
    forged = Signature(good.name, good.key_id, good.data[:-1] + bytes([good.data[-1] ^ 1]))
    strange = Cosigner("user-0", THIEF).cosign(text, 1)  # a witness may have any name
    for line in (good, strange, forged):
        for name in names:
            (ledger / name).write_bytes(add_signatures((ledger / name).read_bytes(), [line]))
        if line is not forged:
            assert verify_dir(ledger, keys=nobody).ok
    (problem,) = found(ledger, nobody, fast=False).problems
    assert isinstance(problem, Tampered)
    assert problem.where == names[0]


# What is wrong in entries, though the operator has made tree and checkpoint to fit: the hash chain and the statements.


AT = 101  # a commitment


def rebuilt(tmp_path: Path, entries: list[bytes]) -> Path:
    """A ledger around entries as they are, with a good tree and a good signature."""
    return Forge(entries).write(tmp_path / "rebuilt")


def edited(**changes: object) -> bytes:
    """The entry with other fields."""
    fields = json.loads(honest().entries[AT]) | changes
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def body(**changes: object) -> dict[str, object]:
    return {**json.loads(honest().entries[AT])["body"], **changes}


THIS = honest().entries[AT]
ENTRIES: dict[str, bytes] = {
    "an edited body under kept links": edited(body=body(examples=9)),
    "a broken link": edited(prev="0" * 64),
    "a link in capitals": edited(prev=json.loads(THIS)["prev"].upper()),
    "a link to itself": edited(prev=json.loads(honest().entries[AT + 1])["prev"]),
    "a gap in seq": edited(seq=102),
    "a float seq": THIS.replace(b'"seq":101', b'"seq":101.0'),
    "a seq with an exponent": THIS.replace(b'"seq":101', b'"seq":101e0'),
    "a seq with a leading zero": THIS.replace(b'"seq":101', b'"seq":0101'),
    "a seq in a string": THIS.replace(b'"seq":101', b'"seq":"101"'),
    "a negative time": edited(ts=-1),
    "a huge time": edited(ts=10**15),
    "a time that falls": edited(ts=TIME),
    "a boolean for a time": edited(ts=True),
    "a duplicate key": THIS.replace(b'"seq":101', b'"seq":101,"seq":101'),
    "a duplicate key in the body": THIS.replace(b'"examples":10', b'"examples":10,"examples":10'),
    "two objects in one entry": THIS + THIS,
    "two lines in one entry": THIS + b"\n" + honest().entries[AT + 1],
    "a newline at its end": THIS + b"\n",
    "CRLF at its end": THIS + b"\r\n",
    "a blank": THIS.replace(b'"seq":', b'"seq": '),
    "keys in another order": json.dumps(dict(reversed(json.loads(THIS).items())), separators=(",", ":")).encode(),
    "an escaped letter": THIS.replace(b'"kind"', b'"\\u006bind"'),
    "a byte order mark": b"\xef\xbb\xbf" + THIS,
    "one more field": edited(more=1),
    "another version": edited(v=2),
    "a version that is a boolean": edited(v=True),
    "no body": edited(body=[]),
    "no statement in it": edited(body={}),
    "an unknown kind": edited(body=body(kind="gift")),
    "a kind that is a list": edited(body=body(kind=["genesis"])),
    "a float in the body": THIS.replace(b'"examples":10', b'"examples":10.0'),
    "NaN in the body": THIS.replace(b'"examples":10', b'"examples":NaN'),
    "a huge integer in the body": THIS.replace(b'"examples":10', b'"examples":' + b"1" * 5000),
    "half a surrogate pair": THIS.replace(b'"digits-1"', b'"\\ud800"'),
    "another log's statement": edited(body=body(log="example.org/run-2")),
    "no base64 for a signature": edited(sig="!" * 88),
    "a signature without padding": edited(sig=json.loads(THIS)["sig"].rstrip("=")),
    "a signature cut short": edited(sig=base64.b64encode(b"s" * 63).decode()),
    "a signature with stray bits": edited(sig="A" * 85 + "B=="),
    "nothing at all": b"",
    "an empty object": b"{}",
    "deep nesting": edited(body=body(run=[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]])),
    "very deep nesting": b"[" * 60_000,
}


def relinked(entries: list[bytes], start: int) -> list[bytes]:
    """The same with good links from `start` on, as whoever may sign for the tree can make them."""
    for place in range(start, len(entries)):
        link = hashlib.sha256(b"\x00" + entries[place - 1]).hexdigest().encode()
        before, field, after = entries[place].partition(b'"prev":"')
        entries[place] = before + field + link + after[64:]
    return entries


@pytest.mark.parametrize("links", ["kept", "made anew"])
@pytest.mark.parametrize("what", ENTRIES)
def test_an_entry_with_something_wrong_in_it_is_found(tmp_path, nobody, what, links):
    assert ENTRIES[what] != THIS
    entries = [*honest().entries[:AT], ENTRIES[what], *honest().entries[AT + 1 :]]
    if links == "made anew":
        entries = relinked(entries, AT + 1)
    (problem,) = found(rebuilt(tmp_path, entries), nobody, fast=links == "kept").problems
    assert isinstance(problem, Tampered)
    assert problem.where in (f"entry {AT}", f"entry {AT + 1}")
    assert problem.where == f"entry {AT}" or (links == "kept" and what == "an edited body under kept links")


def told_with(place: int, *statements: Statement, instead: int = 0) -> list[Statement]:
    """The honest story with other statements put in, in the place of so many."""
    story = told(2)
    return [*story[:place], *statements, *story[place + instead :]]


def by_another(statement: Statement) -> Statement:
    return Statement(
        statement.body, sign(THIEF, "genesis", LOG, created_by="x", quorum="none", allocations=[]).signature
    )


HEAD = Forge(chain(told(2))).root(14).hex()
OTHER_HEAD = Forge(chain(told(2))).root(13).hex()
TWO = {"head_size": 14, "head_root": HEAD}
BOTH = [cosign(USERS[0], 14, HEAD), cosign(USERS[1], 14, HEAD)]
LOW = {"kind": "account.register", "log": LOG, "name": "low", "role": "node", "who": "ed25519:" + "0" * 64}
STORIES: dict[str, list[Statement]] = {
    "no genesis": told(1)[1:],
    "a second genesis": told_with(5, genesis()),
    "a statement signed by somebody else": told_with(1, by_another(told(1)[1]), instead=1),
    "a genesis signed by somebody else": told_with(0, by_another(genesis()), instead=1),
    "a commitment counted twice": told_with(12, commit(0, 1)),
    "a commitment after the first reveal": told_with(15, commit(1, 1), instead=0),
    "a reveal of something else": told_with(14, reveal(0, 1, shown="0" * 64), instead=1),
    "a stranger's commitment": told_with(12, commit(2, 1)),
    "a nonce used twice": [*told(1), stake(USERS[0], 5), stake(USERS[0], 6)],
    "a nonce left out": [*told(1), stake(USERS[0], 5, nonce=2)],
    "money that is not there": [*told(1), transfer(USERS[0], NODE, 1001)],
    "a run opened by a user": [*told(1), open_run("mine", key=USERS[0])],
    "a name taken twice": [*told(1), register_account(USERS[2], "user-0")],
    "a key registered twice": [*told(1), register_account(USERS[0], "user-9")],
    "a key of low order": [*told(1), Statement(LOW, bytes(64))],
    "another count than was committed": [*told(2)[:16], close(1, **TWO, updates=3, cosignatures=BOTH)],
    "fewer cosignatures than the quorum": [*told(2)[:16], close(1, **TWO, cosignatures=[cosign(USERS[0], 14, HEAD)])],
    "a cosignature twice": [*told(2)[:16], close(1, **TWO, cosignatures=[cosign(USERS[0], 14, HEAD)] * 2)],
    "a stranger's cosignature": [*told(2)[:16], close(1, **TWO, cosignatures=[*BOTH, cosign(USERS[2], 14, HEAD)])],
    "a cosignature replayed from another head": [
        *told(2)[:16],
        close(1, **TWO, cosignatures=[cosign(USERS[0], 14, HEAD), cosign(USERS[1], 13, OTHER_HEAD)]),
    ],
    "a cosignature replayed at another time": [
        *told(2)[:16],
        close(1, **TWO, cosignatures=[cosign(USERS[0], 14, HEAD), cosign(USERS[1], 14, HEAD) | {"time": 1}]),
    ],
    "a round closed over a head of another tree": [
        *told(2)[:16],
        close(1, 14, OTHER_HEAD, cosignatures=[cosign(USERS[0], 14, OTHER_HEAD), cosign(USERS[1], 14, OTHER_HEAD)]),
    ],
    "a round closed over a head before its commits": [
        *told(2)[:16],
        close(1, 12, HEAD, cosignatures=[cosign(USERS[0], 12, HEAD), cosign(USERS[1], 12, HEAD)]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("what", STORIES)
def test_a_story_the_rules_forbid_is_found_though_all_else_fits(tmp_path, nobody, what):
    (problem,) = found(Forge(chain(STORIES[what])).write(tmp_path / "forged"), nobody, fast=False).problems
    assert isinstance(problem, Tampered)
    assert problem.where.startswith("entry ")


def test_the_chain_of_another_ledger_is_found(tmp_path, nobody):
    found(Forge(chain(told(1), origin="example.org/run-2")).write(tmp_path / "forged"), nobody)
    found(Forge(chain(told(1)), origin="example.org/run-2").write(tmp_path / "other"), nobody)


# Keys.


def test_a_checkpoint_by_another_key_is_found(tmp_path, nobody):
    found(Forge(chain(told(1)), signers={0: (THIEF,)}).write(tmp_path / "forged"), nobody)


def test_a_ledger_made_anew_by_a_thief_is_found_by_whoever_knows_the_key_or_an_older_head(tmp_path, nobody):
    story = [genesis(key=THIEF), *(register_account(user, f"user-{at}") for at, user in enumerate(USERS))]
    path = Forge(chain(story), signers={0: (THIEF,)}).write(tmp_path / "forged")
    assert verify_dir(path, keys=nobody).ok
    found(path, nobody, policy=Policy.of_log(VKEY))
    found(path, nobody, code=3, since=honest(1).checkpoint(3))


NEW = SigningKey.from_seed(b"n" * 32)
ROTATED = [
    *told(1),
    rotate_operator(NEW),
    open_run("r", key=NEW),
]
HANDED = len(ROTATED) - 1  # the size at the hand-over


@pytest.mark.parametrize(
    "signers",
    [
        {0: (OPERATOR,)},
        {0: (OPERATOR,), HANDED: (NEW,)},
        {0: (OPERATOR,), HANDED: (OPERATOR,), HANDED + 1: (NEW,)},
        {0: (NEW,)},
        {0: (OPERATOR,), HANDED: (OPERATOR, NEW), HANDED + 1: (OPERATOR,)},
        {0: (OPERATOR,), HANDED: (OPERATOR, NEW), HANDED + 1: (OPERATOR, THIEF)},
    ],
)
def test_checkpoints_around_a_rotation_by_the_wrong_keys_are_found(tmp_path, nobody, signers):
    forge = Forge(chain(ROTATED), signers=signers)
    found(forge.write(tmp_path / "forged", 5, HANDED, HANDED + 1), nobody, fast=False)


def test_the_old_key_is_not_heard_after_a_rotation(tmp_path, nobody):
    story = [*ROTATED, open_run("q", key=OPERATOR)]
    forge = Forge(chain(story), signers={0: (OPERATOR,), HANDED: (OPERATOR, NEW), HANDED + 1: (NEW,)})
    found(forge.write(tmp_path / "forged"), nobody, fast=False)


def test_a_rotation_without_the_new_keys_word_is_found(tmp_path, nobody):
    forged = sign(OPERATOR, "operator.rotate", LOG, new=NEW.who, proof=base64.b64encode(bytes(64)).decode())
    signers = {0: (OPERATOR,), 21: (OPERATOR, NEW)}
    found(Forge(chain([*told(1), forged]), signers=signers).write(tmp_path / "forged"), nobody, fast=False)


# What the operator does with the real key: each is a good ledger in itself.


def _register(number: int) -> Statement:
    return register_account(SigningKey.derive(b"r" * 32, str(number)), f"registered-{number}")


PAST = [genesis(), *map(_register, range(300))]
FORGED: dict[str, list[Statement]] = {
    "rewrites": [*PAST[:100], _register(1000), *PAST[101:]],
    "drops": [*PAST[:100], *PAST[101:]],
    "reorders": [*PAST[:100], PAST[101], PAST[100], *PAST[102:]],
    "inserts": [*PAST[:100], _register(1000), *PAST[100:]],
    "truncates": PAST[:250],
    "truncates and goes on": [*PAST[:250], *map(_register, range(1000, 1100))],
    "forks": [*PAST[:290], *map(_register, range(1000, 1100))],
    "begins anew": [genesis()],
    "forgets everything": [],
}


@pytest.mark.parametrize("what", FORGED)
def test_an_operator_who_rewrites_is_caught_by_whoever_remembers(tmp_path, nobody, what):
    past = Forge(chain(PAST))
    path = Forge(chain(FORGED[what])).write(tmp_path / "forged")
    alone = verify_dir(path, keys=nobody)
    assert alone.ok
    said = " ".join(alone.not_ruled_out)
    assert "truncation" in said and "rewritten" in said and "split view" in said

    found(path, nobody, code=3, since=past.checkpoint(301))
    found(path, nobody, code=3, since=past.checkpoint(295))
    found(
        path,
        nobody,
        code=3,
        since=Receipt(120, tuple(inclusion(120, past.leaves[:292])), past.checkpoint(292)).format(),
    )
    found(path, nobody, code=3, policy=_witnessed(path))

    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "example.org%2Frun-1.head").write_bytes(past.checkpoint(301))
    assert verify_dir(path, keys=tmp_path / "keys").exit_code == 3


def _witnessed(path: Path) -> Policy:
    """A policy with one honest witness, who cosigned the honest log and nothing else."""
    witness = Cosigner("w", SigningKey.from_seed(b"w" * 32))
    policy = Policy.parse(f"log {VKEY}\nwitness w {witness.vkey}\nquorum w\n")
    _check_replay(
        path, policy, witness.cosign(Forge(chain(PAST)).checkpoint(301).decode().partition("\n\n")[0] + "\n", 1)
    )
    return policy


def _check_replay(path: Path, policy: Policy, line: Signature) -> None:
    """Putting that cosignature under another checkpoint does not help."""
    replayed = shutil.copytree(path, path.parent / "replayed")
    signed = add_signatures((path / "log/checkpoint").read_bytes(), [line])
    (replayed / "log/checkpoint").write_bytes(signed)
    newest = max((replayed / "history").iterdir(), key=lambda file: int(file.name))
    newest.write_bytes(signed)
    assert verify_dir(replayed, policy, keys=path.parent / "none").exit_code == 1


def test_two_heads_that_both_are_remembered_are_both_looked_at(tmp_path):
    past, other = Forge(chain(PAST)), Forge(chain(FORGED["forks"]))
    path = other.write(tmp_path / "forged")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "example.org%2Frun-1.head").write_bytes(past.checkpoint(301))
    report = verify_dir(path, since=past.checkpoint(300), keys=tmp_path / "keys")
    assert len(report.problems) == 2


def test_several_processes_find_the_same_first_problem(tmp_path, nobody):
    statements = [genesis(), *map(_register, range(4000))]
    statements[3333] = by_another(statements[3333])
    statements[3999] = by_another(statements[3999])
    path = Forge(chain(statements)).write(tmp_path / "forged")
    one, two = (verify_dir(path, keys=nobody, jobs=jobs) for jobs in (1, 2))
    assert [str(problem) for problem in one.problems] == [str(problem) for problem in two.problems]
    assert one.problems[0].where == "entry 3333"
