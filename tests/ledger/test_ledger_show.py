"""Entries as rows: every one, in order, each with what a reader looks for."""

import pytest
from forged_ledger import TIME, Forge, chain, honest, told
from ledger_story import LOG, OPERATOR, RUN, USERS, register_account, rotate_operator, transfer

from ledger import NotALedger, SigningKey, Tampered
from ledger.show import rows
from ledger.statements import Statement, sign


@pytest.fixture
def ledger(tmp_path):
    return honest().write(tmp_path / "ledger")


def test_there_is_a_row_for_every_entry_in_order(ledger):
    listed = list(rows(ledger))
    assert [row["seq"] for row in listed] == list(range(299))
    assert [row["kind"] for row in listed] == [statement.body["kind"] for statement in told(32)]
    assert listed[10]["time"] == "2023-11-14T22:13:20.010+00:00"
    assert TIME + 10 == 1_700_000_000_010


def test_a_row_names_run_round_and_signer(ledger):
    row = next(iter(rows(ledger, kind="update.commit")))
    assert (row["run"], row["round"], row["who"]) == (RUN, 1, "user-0")
    assert "examples=10" in row["summary"] and "commitment=" in row["summary"]
    genesis = next(iter(rows(ledger)))
    assert (genesis["run"], genesis["round"], genesis["who"]) == (None, None, "operator")


def test_rows_are_chosen_by_all_that_is_given(ledger):
    assert {row["kind"] for row in rows(ledger, kind="round.close")} == {"round.close"}
    assert len(list(rows(ledger, round=7))) == 9
    assert len(list(rows(ledger, round=7, who="user-1"))) == 2
    assert len(list(rows(ledger, run=RUN, kind="evaluation", round=3))) == 1
    assert list(rows(ledger, run="another")) == []


@pytest.mark.parametrize("who", [USERS[0].who, USERS[0].who[:16], USERS[0].who.removeprefix("ed25519:")[:8], "user-0"])
def test_a_participant_is_found_by_name_or_by_the_beginning_of_its_key(ledger, who):
    found = list(rows(ledger, who=who))
    assert {row["who"] for row in found} == {"user-0"}
    assert len(found) == 66


def test_money_and_new_keys_are_shown_by_name(tmp_path):
    new = SigningKey.from_seed(b"n" * 32)
    story = [*told(0), transfer(USERS[0], USERS[1], 5), rotate_operator(new)]
    story.append(sign(new, "run.open", LOG, run="r", recipe="0" * 64, created_by="x", staleness=0))
    paid, handed, opened = list(rows(Forge(chain(story)).write(tmp_path / "ledger")))[-3:]
    assert "to=user-1" in paid["summary"] and "amount=5" in paid["summary"]
    assert handed["who"] == opened["who"] == "operator"


def test_what_a_terminal_would_obey_is_not_shown(tmp_path):
    evil = Statement({**register_account(OPERATOR, "x").body, "name": "\x1b[2J\u202ename"}, bytes(64))
    (row,) = rows(Forge(chain([evil])).write(tmp_path / "ledger"))
    assert "\x1b" not in str(row.values()) and "\u202e" not in str(row.values())
    assert row["who"].isprintable() and row["summary"].isprintable()


def test_an_entry_that_cannot_be_read_ends_the_rows_with_its_number(tmp_path):
    path = Forge([*honest().entries[:50], b"{}"]).write(tmp_path / "ledger")
    seen = rows(path)
    for _ in range(50):
        next(seen)
    with pytest.raises(Tampered, match="entry 50"):
        next(seen)


def test_a_missing_bundle_is_named(ledger):
    (ledger / "log/tile/entries/001.p/43").unlink()
    with pytest.raises(Tampered, match="tile/entries/001"):
        list(rows(ledger))


def test_where_there_is_no_ledger_there_are_no_rows(tmp_path):
    with pytest.raises(NotALedger):
        list(rows(tmp_path))
