"""A run's story hangs together: data first, rounds in order, each closed over what was committed and then shown."""

import pytest
from ledger_story import (
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
    cosign,
    digest,
    end,
    evaluation,
    genesis,
    model,
    open_round,
    open_run,
    publish_algorithm,
    publish_model,
    refusal,
    register_account,
    register_data,
    report,
    resume,
    reveal,
    revoke,
    rotate,
    round_statements,
    salt,
    save_checkpoint,
    story,
    tell,
    update,
)

from ledger.canonical import Value
from ledger.keys import SigningKey
from ledger.state import Registration, State
from ledger.statements import commitment, sign

HEAD = 14  # the size after beginning() and committing(1)


@pytest.fixture
def state():
    return tell(beginning())


def test_a_run_shows_what_is_known_of_it(state):
    tell([*round_statements(1, 10), open_round(2), commit(1, 2)], state)
    run = state.run(RUN)
    assert (run.name, run.recipe, run.staleness, run.closed) == (RUN, digest("recipe"), 0, False)
    assert (list(run.models), run.last, run.round) == ([model(0), model(1)], 1, 2)
    assert run.committers == (USERS[1].who,)
    assert run.data == {user.who: Registration(digest("data"), EXAMPLES) for user in USERS[:2]}
    assert run.registered(USERS[0].who) == run.data[USERS[0].who] and run.registered(USERS[2].who) is None
    assert state.run("another") is None and state.runs == (RUN,)


@pytest.mark.parametrize(
    ("before", "statement", "reason"),
    [
        ([], open_run(), "was opened before"),
        ([end(0)], open_run(), "was opened before"),
        ([], publish_model("another model"), "has its initial model"),
        (round_statements(1, 10), publish_model(), "has its initial model"),
        ([], publish_algorithm(key=NODE, code="other"), "only the operator"),
        ([], register_data(0, root="other data"), "other data"),
        ([], register_data(0, examples=11), "other data"),
        ([], register_data(2), "has no account"),
        ([], commit(0, 1), "no open round"),
        ([], report(1), "no open round"),
        ([], reveal(0, 1), "no open round"),
        ([], close(1, 10), "no open round"),
        ([], open_round(2, parent=model(0)), "the next one is 1"),
        ([], open_round(1, parent=model(1)), "model after round 0"),
        ([open_round(1)], open_round(1), "open already"),
        ([open_round(1)], open_round(2), "open already"),
        ([open_round(1)], commit(0, 2), "cannot count"),
        ([open_round(1)], commit(0, 1, key=NODE), "no data registered"),
        ([open_round(1)], commit(0, 1, examples=11), "10 examples registered"),
        ([open_round(1)], commit(0, 1, parent=model(1)), "model after round 0"),
        ([open_round(1), commit(0, 1)], commit(0, 1), "already"),
        ([open_round(1), commit(0, 1)], commit(0, 1, hidden=digest("x")), "already"),
        ([open_round(1), commit(0, 1), reveal(0, 1)], commit(1, 1), "before the first reveal"),
        ([open_round(1), commit(0, 1)], reveal(1, 1), "has not committed"),
        ([open_round(1), commit(0, 1)], reveal(0, 1, shown=digest("x")), "do not make the commitment"),
        ([open_round(1), commit(0, 1), reveal(0, 1)], reveal(0, 1), "already"),
        ([open_round(1), report(1)], report(1), "report work once"),
        ([open_round(1)], report(2), "cannot count"),
        (committing(1), close(1, HEAD), "what was said is (2, 20, 0)"),
        (committing(1), close(1, HEAD, revealed=0, updates=1), "what was said is"),
        (committing(1), close(1, HEAD, revealed=0, examples=21), "what was said is"),
        (committing(1), close(1, HEAD, revealed=0, parent=model(1)), "model after round 0"),
        (committing(1), close(2, HEAD, revealed=0), "not the open one"),
        (round_statements(1, 10), close(1, HEAD), "no open round"),
        (round_statements(1, 10), open_round(1), "the next one is 2"),
        (round_statements(1, 10), evaluation(1, of=model(0)), "model after round 1"),
        ([], evaluation(1), "no model yet"),
        ([], evaluation(0, key=NODE), "only the operator and evaluators"),
        ([], save_checkpoint(0, of=model(1)), "model after round 0"),
        ([], resume(1), "no model yet"),
        (round_statements(1, 10), resume(1, of=model(0)), "model after round 1"),
        ([], end(1), "are not what"),
        ([], end(0, of=model(1)), "model after round 0"),
        ([end(0)], end(0), "state run.resume"),
        ([end(0)], open_round(1), "state run.resume"),
        ([open_round(1), end(0)], commit(0, 1), "no open round"),
    ],
)
def test_a_statement_out_of_turn_is_refused_and_changes_nothing(state, before, statement, reason):
    tell(before, state)
    assert reason in refusal(state, statement)


@pytest.mark.parametrize(
    "statement",
    [publish_model(), open_round(1), commit(0, 1), report(1), close(1, 4), evaluation(0), resume(0), end(0)],
)
def test_nothing_is_trained_in_a_run_that_was_not_opened(statement):
    accounts = [register_account(USERS[0], "ada"), register_account(NODE, "node-0", "node")]
    state = tell([genesis(), *accounts])
    assert "state run.open first" in refusal(state, statement)
    tell([register_data(0)], state)  # which may come first
    assert refusal(state, statement)
    tell([open_run(), publish_model(), open_round(1), commit(0, 1)], state)


@pytest.mark.parametrize("statement", [open_round(1), end(0), evaluation(0), resume(0), save_checkpoint(0)])
def test_nothing_is_trained_before_there_is_a_model(statement):
    assert "round 0 first" in refusal(tell([genesis(), open_run()]), statement)


def test_data_and_code_may_be_said_again_but_not_otherwise(state):
    root = state.run(RUN).data
    tell([register_data(0), publish_algorithm(), publish_model()], state)
    assert state.run(RUN).data == root


def test_whoever_published_code_first_keeps_it():
    state = tell([genesis(), register_account(NODE, "node-0", "node"), publish_algorithm(key=NODE), open_run()])
    assert "published the code" in refusal(state, publish_algorithm())
    tell([publish_algorithm(code="other")], state)


def test_runs_do_not_touch_each_other(state):
    other = "digits-2"
    told = [open_run(other), publish_model(run=other), register_data(0, "other", run=other), open_round(1, run=other)]
    tell([*told, open_round(1), commit(0, 1, run=other), commit(0, 1, hidden=digest("x")), end(0)], state)
    assert (state.run(RUN).closed, state.run(other).closed, state.run(other).round) == (True, False, 1)
    assert state.run(other).committers == (USERS[0].who,)


def test_a_round_without_updates_keeps_the_record_going(state):
    empty = {"updates": 0, "examples": 0, "revealed": 0}
    tell([open_round(1), close(1, 0, **empty), *round_statements(2, 12)], state)
    assert state.run(RUN).last == 2


def test_what_was_not_revealed_does_not_keep_a_round_open(state):
    tell([*committing(1), reveal(1, 1), close(1, HEAD, revealed=1)], state)
    assert state.run(RUN).last == 1


@pytest.mark.parametrize(("head", "good"), [(12, False), (13, True), (14, True), (15, False), (16, False), (17, False)])
def test_a_round_closes_over_a_head_after_the_last_commit_and_before_the_first_reveal(state, head, good):
    tell([*committing(1), reveal(0, 1), reveal(1, 1)], state)  # commits are entries 11 and 12, reveals 14 and 15
    reason = refusal(state, close(1, head))
    assert (reason == "") == good and ("head_size" in reason) != good


def test_a_head_cannot_lie_in_the_future(state):
    tell(committing(1), state)
    assert "13 to 14" in refusal(state, close(1, 15, revealed=0))
    assert refusal(state, close(1, 14, revealed=0)) == ""


@pytest.mark.parametrize(
    ("quorum", "cosigners", "good"),
    [
        ("none", [], True),
        ("none", [NODE], True),
        ("1", [], False),
        ("1", [NODE], False),
        ("1", [USERS[0], NODE], True),
        ("2", [NODE], False),
        ("2", [USERS[0], NODE], False),
        ("2", [*USERS[:2], NODE], True),
        ("9", [USERS[0]], False),
        ("9", USERS[:2], True),
        ("majority", [USERS[1]], False),
        ("majority", [USERS[1], NODE], False),
        ("majority", USERS[:2], True),
        ("all", [USERS[1]], False),
        ("all", [USERS[1], NODE], False),
        ("all", USERS[:2], True),
        ("all", [USERS[1], USERS[1]], False),
        ("1", [EVALUATOR], False),
        ("1", [NODE, EVALUATOR], False),
        ("1", [USERS[2]], False),
    ],
)
def test_a_round_closes_with_enough_cosignatures_of_those_in_it(quorum, cosigners, good):
    state = tell([*beginning(quorum), *committing(1), reveal(0, 1), reveal(1, 1)])
    closed = close(1, HEAD, cosignatures=[cosign(key, HEAD, digest("head")) for key in cosigners])
    assert (refusal(state, closed) == "") == good


@pytest.mark.parametrize("quorum", ["1", "2", "majority", "all"])
def test_accounts_made_to_report_work_make_no_quorum(quorum):
    puppets = [SigningKey.derive(b"p" * 32, f"puppet/{number}") for number in range(9)]
    state = tell([*beginning(quorum), *committing(1)])
    tell([register_account(key, f"puppet-{number}", "node") for number, key in enumerate(puppets)], state)
    tell([report(1, key=key) for key in puppets], state)
    signed = [cosign(key, state.size, digest("head")) for key in [*puppets, NODE]]
    assert "0 of those who committed" in refusal(state, close(1, state.size, revealed=0, cosignatures=signed))
    signed += [cosign(key, state.size, digest("head")) for key in USERS[:2]]
    assert refusal(state, close(1, state.size, revealed=0, cosignatures=signed)) == ""


@pytest.mark.parametrize(("quorum", "needs"), [("none", 0), ("1", 1), ("2", 1), ("majority", 1), ("all", 1)])
def test_who_has_revoked_its_account_is_not_waited_for(quorum, needs):
    state = tell([*beginning(quorum), *committing(1), revoke(USERS[0])])
    by = {key: cosign(key, state.size, digest("head")) for key in USERS[:2]}
    gone = close(1, state.size, revealed=0, cosignatures=[by[USERS[0]], by[USERS[1]]])
    assert "was revoked" in refusal(state, gone)
    nobody = close(1, state.size, revealed=0)
    assert (refusal(State.load(state.dump()), nobody) == "") == (needs == 0)
    assert refusal(state, close(1, state.size, revealed=0, cosignatures=[by[USERS[1]]])) == ""


def test_a_round_whose_committers_have_all_revoked_can_be_closed():
    state = tell([*beginning("all"), *committing(1), revoke(USERS[0]), revoke(USERS[1])])
    assert refusal(state, close(1, state.size, revealed=0)) == ""


def test_who_has_rotated_its_key_cosigns_with_the_new_one_and_can_still_reveal():
    new = SigningKey.derive(b"n" * 32, "new")
    state = tell([*beginning("all"), *committing(1), rotate(USERS[0], new)])
    tell([reveal(0, 1, key=new), reveal(1, 1)], state)
    head = HEAD + 1
    old, of_new, other = (cosign(key, head, digest("head")) for key in (USERS[0], new, USERS[1]))
    assert "was rotated" in refusal(state, close(1, head, cosignatures=[old, other]))
    assert "needs 2" in refusal(state, close(1, head, cosignatures=[of_new]))
    assert refusal(state, close(1, head, cosignatures=[of_new, other])) == ""


def test_who_records_anothers_commitment_first_gains_nothing(state):
    alices = str(commit(0, 1).body["commitment"])
    tell([open_round(1), commit(1, 1, hidden=alices), commit(0, 1)], state)  # hers is taken all the same
    tell([reveal(0, 1)], state)
    stolen: dict[str, Value] = {"update": update(0, 1), "salt": salt(0, 1)}
    copied = sign(USERS[1], "update.reveal", LOG, run=RUN, round=1, **stolen)
    assert "do not make the commitment" in refusal(state, copied)


@pytest.mark.parametrize(
    "elsewhere",
    [
        commitment("example.org/run-2", RUN, 1, USERS[0].who, salt(0, 1), update(0, 1)),
        commitment(LOG, "digits-2", 1, USERS[0].who, salt(0, 1), update(0, 1)),
        commitment(LOG, RUN, 2, USERS[0].who, salt(0, 1), update(0, 1)),
        commitment(LOG, RUN, 1, USERS[1].who, salt(0, 1), update(0, 1)),
    ],
    ids=["log", "run", "round", "user"],
)
def test_a_commitment_for_another_place_cannot_be_revealed_here(state, elsewhere):
    tell([open_round(1), commit(0, 1, hidden=elsewhere)], state)
    assert "do not make the commitment" in refusal(state, reveal(0, 1))


@pytest.mark.parametrize("quorum", ["1", "majority", "all"])
def test_a_round_nobody_committed_to_needs_no_cosignature(quorum):
    state = tell([*beginning(quorum), open_round(1)])
    assert refusal(state, close(1, 0, updates=0, examples=0, revealed=0)) == ""


def test_a_cosignature_is_over_the_very_head_and_time_it_names(state):
    tell([*committing(1), reveal(0, 1), reveal(1, 1)], state)
    good = cosign(USERS[1], HEAD, digest("head"))
    for wrong in (
        cosign(NODE, HEAD - 1, digest("head")),
        cosign(NODE, HEAD, digest("another head")),
        good | {"time": 1},
        good | {"who": USERS[0].who},
        good | {"sig": cosign(USERS[0], HEAD, digest("head"))["sig"]},
    ):
        assert "signature is not that of" in refusal(state, close(1, HEAD, cosignatures=[wrong]))
    unchecked = State.load(state.dump())
    unchecked.apply(close(1, HEAD, cosignatures=[wrong]).body)  # only counted, unless asked
    assert refusal(state, close(1, HEAD, cosignatures=[good])) == ""


def test_a_model_travels_down_a_chain_of_users(state):
    chain = [publish_model("a", 1, "model 0", USERS[0]), publish_model("b", 1, "a", USERS[1])]
    tell([open_round(1), *chain, publish_model("b", 1, "b", NODE)], state)  # the node changed nothing
    assert "publish it once" in refusal(state, publish_model("b", 1, "a", USERS[1]))
    for number, parent, key, reason in (
        (1, "c", NODE, "no model of"),
        (2, "b", NODE, "not the open one"),
        (0, "b", NODE, "only the initial model"),
        (0, "", NODE, "only the initial model"),
        (1, "", OPERATOR, "only the initial model"),
    ):
        assert reason in refusal(state, publish_model("d", number, parent, key))
    closed = {"updates": 0, "examples": 0, "revealed": 0}
    tell([close(1, 0, model=digest("b"), **closed), open_round(2, parent=digest("b"))], state)
    assert "no model of" in refusal(state, publish_model("d", 2, "a", NODE))  # links go with their round
    tell([publish_model("d", 2, "b", NODE), publish_model("e", 2, "model 0", NODE)], state)


def test_an_evaluator_and_the_operator_evaluate_even_after_the_end(state):
    tell([*round_statements(1, 10), end(1)], state)
    tell([evaluation(1), evaluation(0, key=EVALUATOR), save_checkpoint(1)], state)
    assert "is registered as node" in refusal(state, evaluation(1, key=NODE))


def test_a_resumed_run_supersedes_the_rounds_after_its_checkpoint(state):
    tell([*round_statements(1, 10), *round_statements(2, 19), *committing(3), resume(1)], state)
    assert (state.run(RUN).last, state.run(RUN).round) == (1, None)
    assert "no model yet" in refusal(state, evaluation(2))
    tell([*round_statements(2, state.size), *round_statements(3, state.size + 9), end(3)], state)
    tell([resume(0), *round_statements(1, state.size + 1)], state)
    assert state.run(RUN).models == [model(0), model(1)]


def close_of(number: int, state: State, updates: int, **changed):
    """Close a round of so many commits, none revealed."""
    size = state.size
    return close(number, size, updates=updates, examples=EXAMPLES * updates, revealed=0, **changed)


def test_late_updates_count_in_the_open_round_as_far_as_the_run_allows():
    state = tell([*beginning(staleness=2), open_round(1)])
    for number in (1, 2, 3):
        tell([close_of(number, state, 0), open_round(number + 1)], state)
    assert "rounds from 2 on" in refusal(state, commit(0, 1))
    assert "model after round 1" in refusal(state, commit(0, 2, parent=model(3)))
    tell([commit(0, 2), commit(0, 4), commit(1, 3), report(2), report(4)], state)
    assert state.run(RUN).committers == (USERS[0].who, USERS[1].who)
    tell([close_of(4, state, 3), open_round(5)], state)


def test_a_late_update_does_not_count_twice():
    state = tell([*beginning(staleness=2), open_round(1), commit(0, 1), report(1)])
    tell([close_of(1, state, 1), open_round(2)], state)
    assert "already" in refusal(state, commit(0, 1, hidden=digest("another")))
    assert "once" in refusal(state, report(1))
    tell([commit(1, 1), report(1, cohort=1), commit(0, 2)], state)


STOLEN = update(0, 1)  # what user 1 copies


def late(rounds: int, staleness: int) -> State:
    """User 0 reveals in round 1; so many rounds later, one that is open."""
    state = tell([*beginning(staleness=staleness), open_round(1), commit(0, 1), reveal(0, 1)])
    tell([close(1, 12, updates=1, examples=EXAMPLES, revealed=1), open_round(2)], state)
    for number in range(2, rounds + 1):
        tell([close_of(number, state, 0), open_round(number + 1)], state)
    return state


@pytest.mark.parametrize("as_of", [1, 2, 3])
def test_an_update_that_was_shown_is_not_taken_from_another_account_later(as_of):
    state = late(2, staleness=2)
    tell([commit(1, as_of, shown=STOLEN)], state)  # nobody can tell yet
    assert "revealed the update" in refusal(state, reveal(1, as_of, shown=STOLEN))
    state = State.load(state.dump())
    assert "revealed the update" in refusal(state, reveal(1, as_of, shown=STOLEN))


def test_a_late_update_of_ones_own_is_taken():
    state = late(2, staleness=2)
    tell([commit(1, 1), commit(0, 2, shown=STOLEN), reveal(1, 1), reveal(0, 2, shown=STOLEN)], state)


def test_showing_ones_own_update_again_does_not_make_it_forgotten_earlier():
    state = late(2, staleness=1)
    tell([commit(0, 3, shown=STOLEN), reveal(0, 3, shown=STOLEN)], state)
    tell([close(3, state.size - 1, updates=1, examples=EXAMPLES, revealed=1), open_round(4)], state)
    tell([commit(1, 3, shown=STOLEN)], state)
    assert "revealed the update" in refusal(state, reveal(1, 3, shown=STOLEN))


def test_equal_updates_committed_to_before_either_was_shown_are_both_taken():
    state = tell([*beginning(staleness=1), open_round(1), commit(0, 1), commit(1, 1, shown=STOLEN)])
    tell([reveal(1, 1, shown=STOLEN), reveal(0, 1)], state)
    tell([close(1, state.size - 2), open_round(2), commit(0, 2, shown=STOLEN), commit(1, 2, shown=STOLEN)], state)
    tell([reveal(0, 2, shown=STOLEN)], state)  # its own: it committed to it first
    assert "revealed the update" in refusal(state, reveal(1, 2, shown=STOLEN))


def test_updates_shown_in_a_superseded_round_may_be_shown_by_whoever_trains_it_again():
    state = late(1, staleness=1)
    tell([resume(0), open_round(1), commit(1, 1, shown=STOLEN), reveal(1, 1, shown=STOLEN)], state)


def test_memory_of_what_was_shown_does_not_grow():
    told, sizes = beginning(staleness=2), []
    for number in range(1, 12):
        told += round_statements(number, len(told))
        sizes.append(len(tell(told).dump()["runs"][0]["revealed"]))
    assert sizes[:4] == [2, 4, 6, 8] and set(sizes[4:]) == {8}  # two users, twice the staleness


def test_going_back_forgets_what_counted_since_but_not_what_counted_before():
    state = tell([*beginning(staleness=1), open_round(1), commit(0, 1)])
    tell([close_of(1, state, 1), open_round(2), commit(1, 1)], state)
    tell([close_of(2, state, 1), resume(1), open_round(2)], state)
    assert "already" in refusal(state, commit(0, 1))  # it counted in round 1, which stands
    assert refusal(state, commit(1, 1)) == ""  # it counted in round 2, which is superseded


def test_going_far_back_lets_nothing_old_count_again():
    state = tell([*beginning(staleness=1), open_round(1), commit(0, 1)])
    tell([close_of(1, state, 1)], state)
    for number in range(2, 9):
        tell([open_round(number), close_of(number, state, 0)], state)
    tell([resume(1), open_round(2)], state)
    assert "cannot count" in refusal(state, commit(0, 1))
    tell([commit(0, 2)], state)


def test_no_boast_keeps_a_round_from_closing():
    most = 2**32
    told = [genesis()]
    for number, key in enumerate(USERS):
        told += [register_account(key, f"user-{number}"), register_data(number, examples=most)]
    told += [open_run(), publish_model(), open_round(1), *(commit(user, 1, examples=most) for user in range(3))]
    state = tell(told)
    closed = close(1, state.size, updates=3, examples=3 * most, revealed=0)
    assert refusal(state, closed) == ""


def test_a_story_may_be_told_of_any_length():
    state = tell(story(20))
    assert (state.run(RUN).last, state.run(RUN).closed, state.size) == (20, True, 10 + 20 * 9 + 1)
    tell(closing_again(state), state)


def closing_again(state: State):
    """A run that was closed goes on after run.resume."""
    size = state.size + 1
    return [resume(20), *committing(21), *closing(21, size + 4), end(21)]


def test_memory_of_a_synchronous_run_does_not_grow_with_what_was_said_in_it():
    sizes = []
    for rounds in (5, 10, 15):
        dump = tell(story(rounds)).dump()
        run = dump["runs"][0]
        assert run["round"] is None and run["counted"] == run["revealed"] == []
        sizes.append(len(str(dump)))
    assert abs((sizes[2] - sizes[1]) - (sizes[1] - sizes[0])) < 20  # a model's digest a round
    assert sizes[1] - sizes[0] < 5 * 80


def test_the_statements_of_another_run_name_are_refused(state):
    stray = sign(NODE, "compute.report", LOG, run="typo", round=1, cohort=0, work=1, examples=1, seconds_us=1, users=1)
    assert "there is no run typo" in refusal(state, stray)
