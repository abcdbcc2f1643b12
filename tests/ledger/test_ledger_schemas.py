"""The form of statements: nothing enters a ledger that a strict reader in another language would read otherwise."""

import pytest
from ledger_story import NODE, OPERATOR, USERS, cosign, digest

from ledger.errors import Refused
from ledger.schemas import SCHEMAS, check_body

PROOF = "A" * 86 + "=="
FIELDS = {
    "genesis": {"created_by": "x", "quorum": "majority", "allocations": [{"to": USERS[0].who, "amount": 1}]},
    "account.register": {"name": "Ada Łovelace", "role": "end-user"},
    "account.rotate": {"new": NODE.who, "proof": PROOF, "nonce": 1},
    "account.revoke": {"nonce": 1},
    "operator.rotate": {"new": NODE.who, "proof": PROOF},
    "stake": {"amount": 1, "nonce": 1},
    "unstake": {"amount": 1, "nonce": 1},
    "transfer": {"to": NODE.who, "amount": 1, "nonce": 1},
    "run.open": {"run": "r", "recipe": digest("r"), "created_by": "x", "staleness": 0},
    "algorithm.publish": {"run": "r", "app": "a", "code": digest("c"), "recipe": digest("r")},
    "data.register": {"run": "r", "root": digest("d"), "examples": 0},
    "model.publish": {"run": "r", "round": 0, "parent": "", "model": digest("m")},
    "round.open": {"run": "r", "round": 1, "parent": digest("m"), "users": 2},
    "update.commit": {"run": "r", "round": 1, "parent": digest("m"), "commitment": digest("c"), "examples": 1},
    "update.reveal": {"run": "r", "round": 1, "update": digest("u"), "salt": digest("s")},
    "compute.report": {"run": "r", "round": 1, "cohort": 0, "work": 1, "examples": 1, "seconds_us": 1, "users": 1},
    "round.close": {
        "run": "r",
        "round": 1,
        "parent": digest("m"),
        "model": digest("n"),
        "updates": 1,
        "examples": 1,
        "revealed": 1,
        "head_size": 9,
        "head_root": digest("h"),
        "cosignatures": [cosign(NODE, 9, digest("h"))],
    },
    "evaluation": {"run": "r", "round": 0, "model": digest("m"), "metrics": {"accuracy": "0.8"}},
    "checkpoint.save": {"run": "r", "round": 0, "model": digest("m"), "file": digest("f")},
    "run.resume": {"run": "r", "round": 0, "model": digest("m")},
    "run.close": {"run": "r", "rounds": 0, "model": digest("m")},
}


def body(kind, **changed):
    return {"kind": kind, "log": "example.org/x", "who": OPERATOR.who} | FIELDS[kind] | changed


def test_the_examples_here_are_of_all_kinds():
    assert FIELDS.keys() == SCHEMAS.keys()


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_whole_statement_is_taken(kind):
    assert check_body(body(kind)) == body(kind)


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in SCHEMAS for field in body(kind)])
def test_no_field_may_be_missing_or_of_another_type(kind, field):
    whole = body(kind)
    for other in (None, True, 1.0, -1, "", b"ab", ["x"], {"x": 1}, 2**53, " x", "x\n"):
        if not (kind == "model.publish" and field == "parent" and other == ""):
            with pytest.raises(Refused, match=field if field != "kind" else "kind"):
                check_body(whole | {field: other})
    with pytest.raises(Refused, match=field):
        check_body({name: value for name, value in whole.items() if name != field})


@pytest.mark.parametrize("kind", SCHEMAS)
def test_no_field_may_be_added(kind):
    with pytest.raises(Refused, match="note"):
        check_body(body(kind, note="hello"))


@pytest.mark.parametrize("kind", ["", "Genesis", "slash", None, 1, ["genesis"], {"a": 1}])
def test_an_unknown_kind_is_refused(kind):
    with pytest.raises(Refused, match="unknown"):
        check_body(body("genesis") | {"kind": kind})


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("data.register", "root", "AB" * 32),
        ("data.register", "root", "ab" * 31),
        ("data.register", "root", "٧" * 64),
        ("data.register", "examples", 2**32 + 1),
        ("data.register", "log", "two words"),
        ("data.register", "log", "a+b"),
        ("data.register", "log", "x" * 201),
        ("data.register", "who", "ed25519:" + "A" * 64),
        ("data.register", "who", "ed25519:" + "a" * 63),
        ("round.open", "round", 0),
        ("transfer", "amount", 0),
        ("transfer", "nonce", 0),
        ("account.register", "role", "operator"),
        ("account.register", "role", "End-user"),
        ("account.register", "name", "x" * 201),
        ("account.register", "name", "a\tb"),
        ("account.register", "name", "a\u2028b"),
        ("account.register", "name", "a\u202eb"),
        ("account.register", "name", "a\ud800"),
        ("account.register", "name", "a\x9b31m"),
        ("account.rotate", "proof", "A" * 85 + "B=="),
        ("account.rotate", "proof", "A" * 88),
        ("account.rotate", "proof", PROOF + "\n"),
        ("account.rotate", "proof", "-" * 86 + "=="),
        ("genesis", "quorum", "0"),
        ("genesis", "quorum", "02"),
        ("genesis", "quorum", 2),
        ("genesis", "quorum", "٢"),
        ("genesis", "allocations", [{"to": USERS[0].who, "amount": 0}]),
        ("genesis", "allocations", [{"to": USERS[0].who, "amount": True}]),
        ("genesis", "allocations", [{"to": USERS[0].who}]),
        ("genesis", "allocations", [{"to": USERS[0].who, "amount": 1, "note": "x"}]),
        ("genesis", "allocations", [[USERS[0].who, 1]]),
        ("round.close", "cosignatures", [cosign(NODE, 9, digest("h")) | {"time": 0}]),
        ("round.close", "cosignatures", [cosign(NODE, 9, digest("h")) | {"sig": "AAAA"}]),
    ],
)
def test_what_looks_almost_right_is_refused(kind, field, value):
    with pytest.raises(Refused, match=field):
        check_body(body(kind, **{field: value}))


@pytest.mark.parametrize("quorum", ["none", "all", "majority", "1", "3", "250"])
def test_a_quorum_is_a_word_or_a_number(quorum):
    check_body(body("genesis", quorum=quorum))


@pytest.mark.parametrize(
    ("metrics", "good"),
    [
        ({"loss": "0.1", "miou": "-12e-05", "a_1": "nan", "b": "-inf"}, True),
        ({}, True),
        ({"loss": 0.1}, False),
        ({"loss": 1}, False),
        ({"loss": "1_0"}, False),
        ({"loss": "\u0667"}, False),
        ({"loss": " 1"}, False),
        ({"mIoU": "1"}, False),
        ({1: "1"}, False),
    ],
)
def test_metrics_are_decimals_in_strings(metrics, good):
    if good:
        check_body(body("evaluation", metrics=metrics))
    else:
        with pytest.raises(Refused, match="metrics"):
            check_body(body("evaluation", metrics=metrics))
