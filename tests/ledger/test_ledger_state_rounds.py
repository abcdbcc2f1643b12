"""No contribution counts twice, whoever replays what: random runs against an oracle that rereads the whole story."""

import random

import pytest
from ledger_story import LOG, OPERATOR, RUN, USERS, digest, genesis, open_run, publish_model, register_account

from ledger.canonical import Value
from ledger.errors import Refused
from ledger.state import State

WHO = [user.who for user in USERS]
EXAMPLES = 10


def reread(told: list[dict[str, Value]]) -> tuple[list[list[dict[str, Value]]], list[dict[str, Value]] | None]:
    """What stands of a run: the statements of each closed round that no resumption superseded, and of the open one."""
    closed: list[list[dict[str, Value]]] = []
    current: list[dict[str, Value]] | None = None
    for body in told:
        if body["kind"] == "run.resume":
            closed, current = closed[: body["round"]], None
        elif body["kind"] == "round.open":
            current = []
        elif body["kind"] == "round.close":
            closed, current = [*closed, current or []], None
        elif current is not None:
            current.append(body)
    return closed, current


def would_take(told: list[dict[str, Value]], body: dict[str, Value], staleness: int) -> bool:
    closed, current = reread(told)
    following = len(closed) + 1
    kind, number = body["kind"], body["round"]
    if kind == "run.resume":
        return number <= len(closed)
    if kind == "round.open":
        return current is None and number == following
    if current is None:
        return False
    if kind == "round.close":
        return number == following
    key = [name for name in ("kind", "who", "round", "cohort") if name in body]
    said = [other for statements in [*closed, current] for other in statements]
    again = any(all(other.get(name) == body[name] for name in key) for other in said)
    return following - staleness <= number <= following and not again


def statement(rng: random.Random, state: State) -> dict[str, Value]:
    run = state.run(RUN)
    assert run is not None
    often = ["update.commit", "update.commit", "compute.report", "round.close"] if run.round else ["round.open"] * 4
    kind = rng.choice([*often * 4, "round.open", "round.close", "update.commit", "run.resume"])
    ours = {"kind": kind, "log": LOG, "run": RUN, "who": OPERATOR.who}
    if kind == "run.resume":
        number = max(0, run.last - rng.randint(-1, 4))
        return ours | {"round": number, "model": run.models[min(number, run.last)]}
    number = max(1, run.last + 1 - rng.choice([0, 0, 0, 1, 1, 2, 3, -1] if kind[0] != "r" else [0, 0, 0, 1]))
    parent = run.models[min(number - 1, run.last)]
    if kind == "round.open":
        return ours | {"round": number, "parent": parent, "users": 3}
    if kind == "round.close":
        return ours | closing(state, number)
    ours |= {"who": rng.choice(WHO), "round": number, "examples": EXAMPLES}
    if kind == "compute.report":
        return ours | {"cohort": rng.randint(0, 1), "work": 1, "seconds_us": 1, "users": 1}
    return ours | {"parent": parent, "commitment": digest(str(rng.random()))}


def closing(state: State, number: int) -> dict[str, Value]:
    dump = state.dump()["runs"][0]
    count = len(dump["round"]["commits"]) if dump["round"] else 0
    fields: dict[str, Value] = {"round": number, "parent": dump["models"][-1], "model": digest(f"{state.size}")}
    fields |= {"updates": count, "examples": EXAMPLES * count, "revealed": 0, "cosignatures": []}
    return fields | {"head_size": state.size, "head_root": digest("head")}


def play(seed: int, length: int = 60) -> None:
    rng = random.Random(seed)
    staleness = rng.randint(0, 3)
    state, told, furthest, deep = State(), [], 0, False
    for begin in [genesis(), *(register_account(key, key.who) for key in USERS), open_run(staleness=staleness)]:
        state.apply(begin.body)
    state.apply(publish_model().body)
    for who in WHO:
        fields = {"run": RUN, "root": digest("data"), "examples": EXAMPLES}
        state.apply({"kind": "data.register", "log": LOG, "who": who} | fields)
    for _ in range(length):
        body = rng.choice(told) if told and rng.random() < 0.2 else statement(rng, state)  # an old one, replayed
        if body["kind"] in ("round.close", "round.open", "run.resume"):
            body = next(new for new in iter(lambda: statement(rng, state), None) if new["kind"] == body["kind"])
        furthest, before = max(furthest, state.run(RUN).last), state.dump()
        try:
            state.apply(body)
        except Refused as error:
            assert state.dump() == before
            # The parent of a replayed update may have been superseded; after going back further than the run allows
            # updates to be late, the state has forgotten which late ones counted and takes none.
            assert not would_take(told, body, staleness) or "model after" in str(error) or deep, error
            continue
        assert would_take(told, body, staleness), body
        told.append(body)
        deep |= body["kind"] == "run.resume" and furthest - body["round"] > staleness
    assert State.load(state.dump()).root() == state.root()


def test_nothing_counts_twice_in_three_hundred_random_runs():
    for seed in range(300):
        play(seed)


@pytest.mark.slow
def test_nothing_counts_twice_in_ten_thousand_random_runs():
    for seed in range(10_000):
        play(seed)
