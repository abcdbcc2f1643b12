"""Who may speak, and where money goes: keys that register, rotate, fall silent; amounts that move but never change."""

import pytest
from ledger_story import (
    ALLOCATIONS,
    EVALUATOR,
    EXAMPLES,
    LOG,
    NODE,
    OPERATOR,
    RUN,
    USERS,
    beginning,
    close,
    closing,
    commit,
    committing,
    digest,
    evaluation,
    genesis,
    model,
    open_round,
    open_run,
    publish_model,
    refusal,
    register_account,
    register_data,
    report,
    reveal,
    revoke,
    rotate,
    rotate_operator,
    round_statements,
    stake,
    story,
    tell,
    transfer,
)

from ledger.errors import Refused
from ledger.keys import SigningKey
from ledger.state import State, equivocation
from ledger.statements import Statement, rotation_proof, sign

NEW = SigningKey.derive(b"s" * 32, "new")
NEWER = SigningKey.derive(b"s" * 32, "newer")
LOW_ORDER = "ed25519:" + "01" + "00" * 31  # the neutral element, RFC 8032 5.1.4: y = 1


@pytest.fixture
def state():
    return tell(beginning())


def test_a_ledger_begins_with_one_genesis(state):
    assert "begins with a genesis" in refusal(State(), register_account(NODE, "node-0", "node"))
    assert "no second one" in refusal(state, genesis())
    assert (state.log, state.size, state.minted) == (LOG, 10, sum(ALLOCATIONS.values()))
    assert state.operators == [(0, OPERATOR.who)] and state.named("operator") == OPERATOR.who


def test_a_statement_for_another_log_is_refused(state):
    assert "is for the log" in refusal(state, register_account(NEW, "new", log="example.org/other"))


def test_genesis_gives_to_keys_that_have_yet_to_register():
    state = tell([genesis()])
    assert state.balance(USERS[0].who) == 1000 and state.account(USERS[0].who) is None
    assert "has no account" in refusal(state, transfer(USERS[0], OPERATOR, 1))
    tell([register_account(USERS[0], "ada"), transfer(USERS[0], OPERATOR, 1)], state)
    assert (state.balance(USERS[0].who), state.balance(OPERATOR.who)) == (999, 1)


def test_genesis_cannot_give_twice_to_one_key_nor_more_than_can_be_written():
    fields = {"created_by": "x", "quorum": "none"}
    twice = [{"to": NODE.who, "amount": 1}, {"to": NODE.who, "amount": 1}]
    much = [{"to": NODE.who, "amount": 2**53 - 1}, {"to": NEW.who, "amount": 1}]
    weak = [{"to": LOW_ORDER, "amount": 1}]
    for allocations, reason in ((twice, "twice"), (much, "out of range"), (weak, "low-order")):
        state = State()
        assert reason in refusal(state, sign(OPERATOR, "genesis", LOG, **fields, allocations=allocations))
        assert refusal(state, genesis()) == ""  # and the ledger can still begin


def test_an_account_is_one_key_one_name_and_one_role(state):
    account = state.account(NODE.who)
    assert account is not None and (account.name, account.role, account.since) == ("node-0", "node", 3)
    assert "has or had an account" in refusal(state, register_account(NODE, "another"))
    assert "belongs to" in refusal(state, register_account(NEW, "node-0"))
    assert "belongs to" in refusal(state, register_account(NEW, "operator"))
    assert [account.who for account in state.accounts[:2]] == [OPERATOR.who, USERS[0].who]
    assert state.account(NEW.who) is None and state.named("nobody") is None


def test_a_low_order_key_never_gets_an_account(state):
    registration = register_account(NEW, "weak")
    assert "low-order" in refusal(state, Statement(registration.body | {"who": LOW_ORDER}, registration.signature))
    move = rotate(USERS[0], NEW)
    assert "low-order" in refusal(state, Statement(move.body | {"new": LOW_ORDER}, move.signature))


@pytest.mark.parametrize(
    "statement", [open_run("another", key=NODE), open_round(1, key=NODE), rotate_operator(NEW, NODE)]
)
def test_only_the_operator_speaks_for_the_server(state, statement):
    assert "only the operator" in refusal(state, statement)


@pytest.mark.parametrize("statement", [register_data(2), commit(2, 1), transfer(USERS[2], NODE, 1), revoke(USERS[2])])
def test_a_stranger_is_not_heard(state, statement):
    assert "has no account" in refusal(state, statement)


def test_what_an_account_has_and_did_moves_to_its_new_key(state):
    tell([stake(USERS[0], 300), open_round(1), commit(0, 1), commit(1, 1), rotate(USERS[0], NEW, nonce=2)], state)
    assert (state.balance(NEW.who), state.staked(NEW.who), state.nonce(NEW.who)) == (700, 300, 2)
    assert (state.balance(USERS[0].who), state.staked(USERS[0].who)) == (0, 0)
    assert state.named("user-0") == NEW.who and state.account(USERS[0].who) is None
    assert state.run(RUN).committers == (NEW.who, USERS[1].who)
    assert state.run(RUN).data[NEW.who].examples == EXAMPLES
    assert "was rotated to" in refusal(state, reveal(0, 1))
    tell([reveal(0, 1, key=NEW), reveal(1, 1), close(1, 14), transfer(NEW, NODE, 1, nonce=3)], state)


def test_an_old_key_is_refused_for_ever(state):
    tell([rotate(USERS[0], NEW), rotate(NEW, NEWER, nonce=2)], state)
    assert NEWER.who in refusal(state, transfer(USERS[0], NODE, 1))
    assert "has or had an account" in refusal(state, register_account(USERS[0], "again"))
    assert "an account of its own" in refusal(state, rotate(NEWER, USERS[0], nonce=3))
    assert "was rotated" in refusal(state, transfer(USERS[1], USERS[0], 1))


def test_a_key_is_rotated_only_to_a_new_key_that_agrees():
    state = tell([genesis(), register_account(USERS[0], "ada"), register_account(NODE, "node-0")])
    stolen = rotation_proof(NEWER, LOG, USERS[0].who)
    assert "signature" in refusal(state, rotate(USERS[0], NEW, proof=stolen))
    assert "signature" in refusal(state, rotate(USERS[0], NEW, proof=rotation_proof(NEW, LOG, NODE.who)))
    for taken in (NODE, USERS[0], USERS[1]):  # USERS[1] is due money of its own
        assert "an account of its own" in refusal(state, rotate(USERS[0], taken))
    assert "goes on with 1" in refusal(state, rotate(USERS[0], NEW, nonce=2))
    assert "operator.rotate" in refusal(state, rotate(OPERATOR, NEW))


def test_a_revoked_account_is_silent_and_keeps_its_money(state):
    tell([revoke(USERS[0])], state)
    assert state.balance(USERS[0].who) == 1000 and state.account(USERS[0].who).revoked
    for statement in (transfer(USERS[0], NODE, 1, nonce=2), register_data(0), rotate(USERS[0], NEW, nonce=2)):
        assert "was revoked" in refusal(state, statement)
    assert "was revoked" in refusal(state, transfer(USERS[1], USERS[0], 1))
    assert "has or had" in refusal(state, register_account(USERS[0], "again"))
    assert "without an operator" in refusal(state, revoke(OPERATOR))


def test_the_operator_hands_the_log_over(state):
    size = state.size
    tell([rotate_operator(NEW)], state)
    assert state.operator == NEW.who and state.operators == [(0, OPERATOR.who), (size + 1, NEW.who)]
    assert state.account(NEW.who).role == "operator" and state.named("operator") == NEW.who
    assert "was rotated" in refusal(state, open_run("another"))
    tell([open_run("another", key=NEW), open_round(1, key=NEW), rotate_operator(NEWER, NEW)], state)
    assert "an account of its own" in refusal(state, rotate_operator(OPERATOR, NEWER))


def test_money_moves_by_whole_units_under_the_next_nonce(state):
    tell([transfer(USERS[0], NODE, 400), stake(USERS[0], 500, 2), stake(USERS[0], 200, 3, "unstake")], state)
    assert (state.balance(USERS[0].who), state.staked(USERS[0].who), state.nonce(USERS[0].who)) == (300, 300, 3)
    assert state.balance(NODE.who) == 400


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (transfer(USERS[0], NODE, 1001), "more than the balance, 1000"),
        (stake(USERS[0], 1001), "more than the balance, 1000"),
        (stake(USERS[0], 1, kind="unstake"), "more than the stake, 0"),
        (transfer(USERS[0], USERS[2], 1), "has no account"),
        (transfer(USERS[0], USERS[0], 1), "to itself"),
        (transfer(USERS[0], NODE, 1, nonce=2), "goes on with 1"),
    ],
)
def test_money_that_is_not_there_or_goes_nowhere_does_not_move(state, statement, reason):
    assert reason in refusal(state, statement)


def test_no_statement_with_a_nonce_can_be_replayed(state):
    for statement in (transfer(USERS[0], NODE, 1), stake(USERS[0], 1, 2), stake(USERS[0], 1, 3, "unstake")):
        assert refusal(state, statement) == ""
        assert "goes on with" in refusal(state, statement)


def test_two_statements_under_one_nonce_prove_an_equivocation():
    once = transfer(USERS[0], NODE, 1, nonce=5)
    assert equivocation(once, transfer(USERS[0], NODE, 2, nonce=5))
    assert equivocation(once, stake(USERS[0], 1, nonce=5))
    assert not equivocation(once, once)
    assert not equivocation(once, transfer(USERS[0], NODE, 1, nonce=6))
    assert not equivocation(once, transfer(USERS[1], NODE, 1, nonce=5))
    other_log = sign(USERS[0], "stake", "example.org/other", amount=1, nonce=5)
    assert not equivocation(once, other_log)


def test_a_forged_or_unnumbered_statement_proves_no_equivocation():
    once = transfer(USERS[0], NODE, 1, nonce=5)
    with pytest.raises(Refused, match="signature"):
        equivocation(once, Statement(once.body | {"amount": 2}, once.signature))
    with pytest.raises(Refused, match="no nonce"):
        equivocation(once, register_data(0))
    with pytest.raises(Refused, match="unknown"):
        equivocation(once, Statement({"nonce": 5}, b""))


def test_equal_histories_have_equal_roots_and_unequal_ones_do_not():
    told = [*story(2), stake(USERS[0], 5), rotate(USERS[0], NEW, nonce=2), revoke(USERS[1])]
    roots = {tell(told[:count]).root() for count in range(1, len(told) + 1)}
    assert len(roots) == len(told)
    assert tell(told).root() == tell(told).root()


@pytest.mark.parametrize("staleness", [0, 2])
def test_a_state_that_was_dumped_and_loaded_goes_on_as_if_nothing_had_happened(staleness):
    told = beginning(staleness=staleness)
    told += [*round_statements(1, 10), *round_statements(2, 19), evaluation(1, key=EVALUATOR), stake(USERS[0], 5)]
    told += [open_round(3), commit(0, 3), report(3), publish_model("link", 3, "model 1", NODE), reveal(0, 3)]
    told += [rotate(USERS[0], NEW, nonce=2), revoke(USERS[1]), rotate_operator(NEWER)]
    whole, resumed = tell(told), State()
    for statement in told:
        resumed = State.load(resumed.dump())
        resumed.apply(statement.body)
    assert resumed.dump() == whole.dump() and resumed.root() == whole.root()


def test_a_dump_shares_nothing_with_its_state(state):
    dump, root = state.dump(), state.root()
    tell([open_round(1), commit(0, 1), transfer(USERS[0], NODE, 1)], state)
    assert State.load(dump).root() == root != state.root()


def test_what_is_no_dump_is_not_loaded(state):
    dump = state.dump()
    wrong = [None, [], {}, 1, dump | {"v": 1}, dump | {"accounts": [[]]}, dump | {"runs": [{}]}, dump | {"more": 1}]
    wrong += [dump | {"operators": 1}, dump | {"accounts": None}, {name: dump[name] for name in dump if name != "log"}]
    for value in wrong:
        with pytest.raises(Refused, match="no state"):
            State.load(value)


def test_the_story_the_other_tests_tell_is_taken_whole():
    told = [*beginning(), *committing(1), *closing(1, 14, digest("head"), (USERS[0], NODE))]
    assert tell(told).run(RUN).models == [model(0), model(1)]
