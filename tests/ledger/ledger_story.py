"""A small run told to a ledger, for the tests: one server, two users, one node, rounds that close as they should."""

import hashlib
from pathlib import Path

from ledger import Ledger, SigningKey, Statement, sign

LOG = "example.org/run-1"
SERVER = SigningKey.from_seed(bytes(32))
USERS = [SigningKey.derive(b"s" * 32, f"user/{number}") for number in range(3)]
NODE = SigningKey.derive(b"s" * 32, "node/0")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def create(path: Path, log: str = LOG) -> Ledger:
    return Ledger.create(path, log, SERVER, run="run-1", recipe=digest("recipe"), created_by="fedray 0.1")


def publish(model: str = "model 0", key: SigningKey = SERVER, log: str = LOG) -> Statement:
    return sign(
        key, "algorithm.publish", log, app="digits", code=digest("code"), recipe=digest("recipe"), model=digest(model)
    )


def register(user: int, key: SigningKey | None = None, root: str = "data", log: str = LOG) -> Statement:
    return sign(key or USERS[user], "data.register", log, user=user, root=digest(root), examples=10)


def commit(user: int, number: int, parent: str | None = None, key: SigningKey | None = None) -> Statement:
    parent = digest(parent or f"model {number - 1}")
    update = digest(f"update {user} {number}")
    return sign(
        key or USERS[user], "update.commit", LOG, user=user, round=number, parent=parent, update=update, examples=10
    )


def report(number: int, cohort: int = 0) -> Statement:
    return sign(
        NODE, "compute.report", LOG, node="node-0", round=number, cohort=cohort, users=2, examples=20, seconds_us=1500
    )


def close(number: int, updates: int = 2, examples: int | None = None, key: SigningKey = SERVER) -> Statement:
    return sign(
        key,
        "round.close",
        LOG,
        round=number,
        parent=digest(f"model {number - 1}"),
        model=digest(f"model {number}"),
        updates=updates,
        examples=10 * updates if examples is None else examples,
    )


def evaluation(number: int, model: str | None = None) -> Statement:
    model = digest(model or f"model {number}")
    return sign(SERVER, "evaluation", LOG, round=number, model=model, metrics={"accuracy": "0.8123"})


def resume(number: int, model: str | None = None) -> Statement:
    return sign(SERVER, "run.resume", LOG, round=number, model=digest(model or f"model {number}"))


def end(rounds: int) -> Statement:
    return sign(SERVER, "run.close", LOG, model=digest(f"model {rounds}"), rounds=rounds)


def beginning() -> list[Statement]:
    return [publish(), register(0), register(1)]


def one_round(number: int) -> list[Statement]:
    return [commit(0, number), commit(1, number), report(number), close(number), evaluation(number)]


def ten_entries(path: Path) -> Path:
    """A finished ledger of ten entries: genesis, three to begin with, one round of five, and the end."""
    with create(path) as ledger:
        ledger.append([*beginning(), *one_round(1), end(1)])
    return path
