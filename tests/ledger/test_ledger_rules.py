"""What may be stated where: a statement out of form, out of turn or by the wrong signer never enters a ledger."""

import pytest
from ledger_story import (
    LOG,
    NODE,
    SERVER,
    USERS,
    beginning,
    close,
    commit,
    create,
    digest,
    end,
    evaluation,
    one_round,
    publish,
    register,
    report,
    resume,
)

from ledger import Refused, Statement, sign, verify


@pytest.fixture
def ledger(tmp_path):
    with create(tmp_path / "ledger") as ledger:
        ledger.append(beginning())
        yield ledger


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ([sign(SERVER, "genesis", LOG, run="2", recipe=digest("r"), created_by="x")], "no second one"),
        ([publish("another model")], "model after round 0"),
        ([publish(key=NODE)], "only ed25519"),
        ([close(1, updates=0, key=NODE)], "only ed25519"),
        ([register(2, log="example.org/run-2")], "is for the log"),
        ([register(0, root="other data")], "another key or other data"),
        ([register(0, key=USERS[1])], "another key or other data"),
        ([commit(2, 1)], "no data registered"),
        ([commit(0, 1, key=USERS[1])], "no data registered"),
        ([commit(0, 1), commit(0, 1)], "already"),
        ([commit(0, 1, parent="another model")], "model after round 0"),
        ([commit(0, 2)], "not the open one"),
        ([report(1), report(1)], "report work once"),
        ([report(2)], "not the open one"),
        ([commit(0, 1), close(1, updates=2)], "state (1, 10)"),
        ([commit(0, 1), close(1, updates=1, examples=11)], "state (1, 10)"),
        ([close(2, updates=0)], "not the open one"),
        ([*one_round(1), close(1)], "not the open one"),
        ([*one_round(1), *one_round(1)], "not the open one"),
        ([evaluation(1)], "no model yet"),
        ([*one_round(1), evaluation(1, "another model")], "model after round 1"),
        ([resume(1)], "no model yet"),
        ([*one_round(1), resume(1, "model 0")], "model after round 1"),
        ([*one_round(1), end(2)], "not the open one"),
        ([end(0), end(0)], "closed"),
        ([end(0), commit(0, 1)], "closed"),
        ([end(0), report(1)], "closed"),
    ],
)
def test_a_statement_out_of_turn_is_refused_and_nothing_is_written(ledger, statements, reason):
    before, head = (ledger.path / "entries.jsonl").read_bytes(), ledger.head()
    with pytest.raises(Refused) as refusal:
        ledger.append(statements)
    assert reason in str(refusal.value)
    assert (ledger.path / "entries.jsonl").read_bytes() == before
    assert ledger.head() == head
    ledger.append(one_round(1))  # and the ledger goes on
    assert verify(ledger.path).ok


@pytest.mark.parametrize("statement", [commit(0, 1), report(1), close(1, 0), evaluation(0), resume(0), end(0)])
def test_nothing_is_trained_before_the_algorithm_is_published(tmp_path, statement):
    with create(tmp_path / "ledger") as ledger, pytest.raises(Refused, match="publish first"):
        ledger.append([statement])


def test_a_resumed_run_supersedes_the_rounds_after_its_checkpoint(ledger):
    ledger.append([*one_round(1), *one_round(2), commit(0, 3), report(3)])
    ledger.append([resume(1), *beginning_again(), *one_round(2), *one_round(3), end(3)])
    ledger.append([resume(0), *one_round(1)])
    assert verify(ledger.path).ok


def beginning_again() -> list[Statement]:
    """A run that starts anew publishes the same code on the model it resumed from, and its users register once more."""
    return [publish("model 1"), register(0), register(1)]


def test_an_evaluation_may_follow_the_end_of_the_run(ledger):
    ledger.append([*one_round(1), end(1), evaluation(1), evaluation(0)])
    assert verify(ledger.path).ok


def test_rounds_without_updates_keep_the_record_going(ledger):
    ledger.append([close(1, updates=0), *one_round(2)])
    assert verify(ledger.path).ok


@pytest.mark.parametrize(
    "change",
    [
        {"round": 0},
        {"round": 1.0},
        {"round": True},
        {"round": "1"},
        {"user": -1},
        {"update": "AB" * 32},
        {"update": "ab" * 31},
        {"update": None},
        {"note": "hello"},
    ],
)
def test_a_statement_out_of_form_cannot_be_signed(change):
    fields = {"user": 0, "round": 1, "parent": digest("p"), "update": digest("u"), "examples": 10}
    with pytest.raises(Refused):
        sign(USERS[0], "update.commit", LOG, **(fields | change))


@pytest.mark.parametrize("missing", ["user", "round", "parent", "update", "examples"])
def test_a_field_may_not_be_missing(missing):
    fields = {"user": 0, "round": 1, "parent": digest("p"), "update": digest("u"), "examples": 10}
    del fields[missing]
    with pytest.raises(Refused, match=missing):
        sign(USERS[0], "update.commit", LOG, **fields)


@pytest.mark.parametrize("log", ["", "two words", "a+b", "a\nb", "x" * 201])
def test_a_log_name_fits_a_signed_note(log):
    with pytest.raises(Refused, match="log name"):
        publish(log=log)


@pytest.mark.parametrize(
    ("metrics", "good"),
    [
        ({"loss": "0.1", "miou": "-12e-05", "a_1": "nan"}, True),
        ({}, True),
        ({"loss": 0.1}, False),
        ({"loss": 1}, False),
        ({"loss": "1_0"}, False),
        ({"loss": "\u0667"}, False),
        ({"loss": " 1"}, False),
        ({"mIoU": "1"}, False),
        ("0.1", False),
    ],
)
def test_metrics_are_decimals_in_strings(metrics, good):
    if good:
        sign(SERVER, "evaluation", LOG, round=0, model=digest("m"), metrics=metrics)
    else:
        with pytest.raises(Refused):
            sign(SERVER, "evaluation", LOG, round=0, model=digest("m"), metrics=metrics)


def test_an_unknown_kind_is_refused():
    with pytest.raises(Refused, match="unknown"):
        sign(SERVER, "transfer", LOG, amount=1)


def test_nobody_signs_under_another_name():
    statement = sign(USERS[0], "data.register", LOG, user=0, root=digest("d"), examples=1, who=SERVER.who)
    assert statement.body["who"] == USERS[0].who


def test_a_forged_signature_is_refused_on_append(ledger):
    honest = commit(0, 1)
    for forged in (
        Statement(honest.body | {"examples": 11}, honest.signature),
        Statement(honest.body, commit(1, 1).signature),
        Statement(honest.body, b""),
    ):
        with pytest.raises(Refused):
            ledger.append([forged])
    with pytest.raises(Refused, match="64 bytes"):
        ledger.append([Statement(honest.body, b"")], check=False)  # could not even be read back


def test_an_entry_is_at_most_65535_bytes(ledger):
    def long_evaluation(name_length: int) -> Statement:
        return sign(SERVER, "evaluation", LOG, round=0, model=digest("model 0"), metrics={"m" * name_length: "1"})

    file = ledger.path / "entries.jsonl"
    before = file.stat().st_size
    ledger.append([long_evaluation(1000)])
    longest = 1000 + 65_535 + 1 - (file.stat().st_size - before)
    with pytest.raises(Refused, match="65535"):
        ledger.append([long_evaluation(longest + 1)])
    head = ledger.append([long_evaluation(longest)])
    assert verify(ledger.path).head == head
