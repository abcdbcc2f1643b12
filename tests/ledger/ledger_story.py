"""A small run told to a ledger, for the tests: an operator, two users with data, a third without, and one node.

Every function gives one signed statement, or a list of them in order. A story is `beginning()`, then for each round
`committing(r)` and `closing(r, head_size, head_root)` over a checkpoint taken in between, then `end(rounds)`; `story`
tells it whole for tests that need no tree.
"""

import base64
import hashlib
from collections.abc import Iterable

from ledger.canonical import Value
from ledger.errors import Refused
from ledger.keys import SigningKey
from ledger.state import State
from ledger.statements import Statement, commitment, rotation_proof, sign

LOG = "example.org/run-1"
RUN = "digits-1"
OPERATOR = SigningKey.from_seed(bytes(32))
SERVER = OPERATOR
USERS = [SigningKey.derive(b"s" * 32, f"user/{number}") for number in range(3)]
NODE = SigningKey.derive(b"s" * 32, "node/0")
EVALUATOR = SigningKey.derive(b"s" * 32, "evaluator/0")
ALLOCATIONS = {USERS[0].who: 1000, USERS[1].who: 500}
EXAMPLES = 10  # of each user
BEGINNING = 10  # statements in beginning()


def digest(text: str) -> str:
    """A digest to stand for something of that name."""
    return hashlib.sha256(text.encode()).hexdigest()


def model(number: int) -> str:
    """The model after round `number`."""
    return digest(f"model {number}")


def genesis(quorum: str = "none", allocations: dict[str, int] | None = None, key: SigningKey = OPERATOR) -> Statement:
    money = ALLOCATIONS if allocations is None else allocations
    listed: list[Value] = [{"to": who, "amount": amount} for who, amount in money.items()]
    return sign(key, "genesis", LOG, created_by="fedray 0.1", quorum=quorum, allocations=listed)


def register_account(key: SigningKey, name: str, role: str = "end-user", log: str = LOG) -> Statement:
    return sign(key, "account.register", log, name=name, role=role)


def rotate(old: SigningKey, new: SigningKey, nonce: int = 1, proof: str | None = None) -> Statement:
    proof = proof or rotation_proof(new, LOG, old.who)
    return sign(old, "account.rotate", LOG, new=new.who, proof=proof, nonce=nonce)


def rotate_operator(new: SigningKey, old: SigningKey = OPERATOR) -> Statement:
    return sign(old, "operator.rotate", LOG, new=new.who, proof=rotation_proof(new, LOG, old.who))


def revoke(key: SigningKey, nonce: int = 1) -> Statement:
    return sign(key, "account.revoke", LOG, nonce=nonce)


def stake(key: SigningKey, amount: int, nonce: int = 1, kind: str = "stake") -> Statement:
    return sign(key, kind, LOG, amount=amount, nonce=nonce)


def transfer(key: SigningKey, to: SigningKey, amount: int, nonce: int = 1) -> Statement:
    return sign(key, "transfer", LOG, to=to.who, amount=amount, nonce=nonce)


def open_run(run: str = RUN, staleness: int = 0, key: SigningKey = OPERATOR) -> Statement:
    return sign(key, "run.open", LOG, run=run, recipe=digest("recipe"), created_by="fedray 0.1", staleness=staleness)


def publish_algorithm(key: SigningKey = OPERATOR, code: str = "code", run: str = RUN) -> Statement:
    return sign(key, "algorithm.publish", LOG, run=run, app="digits", code=digest(code), recipe=digest("recipe"))


def publish_model(
    name: str = "model 0", number: int = 0, parent: str = "", key: SigningKey = OPERATOR, run: str = RUN
) -> Statement:
    """The initial model, or with a parent, by its name, a link of chained training."""
    parent = digest(parent) if parent else ""
    return sign(key, "model.publish", LOG, run=run, round=number, parent=parent, model=digest(name))


def register_data(
    user: int, root: str = "data", examples: int = EXAMPLES, key: SigningKey | None = None, run: str = RUN
) -> Statement:
    return sign(key or USERS[user], "data.register", LOG, run=run, root=digest(root), examples=examples)


def open_round(number: int, parent: str | None = None, key: SigningKey = OPERATOR, run: str = RUN) -> Statement:
    return sign(key, "round.open", LOG, run=run, round=number, parent=parent or model(number - 1), users=2)


def salt(user: int, number: int) -> str:
    return digest(f"salt {user} {number}")


def update(user: int, number: int) -> str:
    return digest(f"update {user} {number}")


def commit(
    user: int,
    number: int,
    parent: str | None = None,
    *,
    examples: int = EXAMPLES,
    key: SigningKey | None = None,
    hidden: str | None = None,
    shown: str | None = None,
    run: str = RUN,
) -> Statement:
    """To `shown`, the digest of another update than the user's own; or with a `hidden` commitment as it is."""
    key = key or USERS[user]
    fields: dict[str, Value] = {"run": run, "round": number, "parent": parent or model(number - 1)}
    what = salt(user, number), shown or update(user, number)
    fields["commitment"] = hidden or commitment(LOG, run, number, key.who, *what)
    return sign(key, "update.commit", LOG, **fields, examples=examples)


def reveal(
    user: int, number: int, key: SigningKey | None = None, shown: str | None = None, run: str = RUN
) -> Statement:
    fields: dict[str, Value] = {"run": run, "round": number, "salt": salt(user, number)}
    return sign(key or USERS[user], "update.reveal", LOG, **fields, update=shown or update(user, number))


def report(number: int, cohort: int = 0, key: SigningKey = NODE) -> Statement:
    fields: dict[str, Value] = {"run": RUN, "round": number, "cohort": cohort, "work": 40}
    return sign(key, "compute.report", LOG, **fields, examples=2 * EXAMPLES, seconds_us=1500, users=2)


def cosign(key: SigningKey, head_size: int, head_root: str, time: int = 1_700_000_000) -> dict[str, Value]:
    """What `round.close` carries of one participant's cosignature/v1 over a checkpoint of LOG."""
    root = base64.b64encode(bytes.fromhex(head_root)).decode()
    signature = key.sign(f"cosignature/v1\ntime {time}\n{LOG}\n{head_size}\n{root}\n".encode())
    return {"who": key.who, "time": time, "sig": base64.b64encode(signature).decode()}


def close(number: int, head_size: int, head_root: str | None = None, **changed: Value) -> Statement:
    """Close a round of two commits, both revealed, cosigned by nobody; `changed` says what is otherwise."""
    key = OPERATOR
    fields: dict[str, Value] = {"run": RUN, "round": number, "parent": model(number - 1), "model": model(number)}
    fields |= {"updates": 2, "examples": 2 * EXAMPLES, "revealed": 2, "cosignatures": []}
    fields |= {"head_size": head_size, "head_root": head_root or digest("head")}
    return sign(key, "round.close", LOG, **(fields | changed))


def evaluation(number: int, of: str | None = None, key: SigningKey = OPERATOR) -> Statement:
    fields: dict[str, Value] = {"run": RUN, "round": number, "model": of or model(number)}
    return sign(key, "evaluation", LOG, **fields, metrics={"accuracy": "0.8123"})


def save_checkpoint(number: int, of: str | None = None) -> Statement:
    fields: dict[str, Value] = {"run": RUN, "round": number, "model": of or model(number)}
    return sign(OPERATOR, "checkpoint.save", LOG, **fields, file=digest("file"))


def resume(number: int, of: str | None = None) -> Statement:
    return sign(OPERATOR, "run.resume", LOG, run=RUN, round=number, model=of or model(number))


def end(rounds: int, of: str | None = None) -> Statement:
    return sign(OPERATOR, "run.close", LOG, run=RUN, rounds=rounds, model=of or model(rounds))


def beginning(quorum: str = "none", staleness: int = 0) -> list[Statement]:
    """Ten statements: genesis, four accounts, the run with its code, its initial model, and two users' data."""
    accounts = [register_account(key, f"user-{number}") for number, key in enumerate(USERS[:2])]
    accounts += [register_account(NODE, "node-0", "node"), register_account(EVALUATOR, "evaluator-0", "evaluator")]
    run = [open_run(staleness=staleness), publish_algorithm(), publish_model()]
    return [genesis(quorum), *accounts, *run, register_data(0), register_data(1)]


def committing(number: int) -> list[Statement]:
    """The first four statements of a round; a checkpoint after them is the round's head."""
    return [open_round(number), commit(0, number), commit(1, number), report(number)]


def closing(
    number: int, head_size: int, head_root: str | None = None, cosigners: tuple[SigningKey, ...] = ()
) -> list[Statement]:
    """The other five: both users reveal, the operator closes, evaluates and saves a checkpoint."""
    root = head_root or digest("head")
    cosignatures: list[Value] = [cosign(key, head_size, root) for key in cosigners]
    closed = close(number, head_size, root, cosignatures=cosignatures)
    return [reveal(0, number), reveal(1, number), closed, evaluation(number), save_checkpoint(number)]


def round_statements(number: int, size: int) -> list[Statement]:
    """A whole round of nine statements, told when the ledger has `size` of them; its head's root is made up."""
    return [*committing(number), *closing(number, size + 4)]


def story(rounds: int) -> list[Statement]:
    """Ten statements to begin with, nine a round and one to end; the heads' roots are made up."""
    told = beginning()
    for number in range(1, rounds + 1):
        told += round_statements(number, len(told))
    return [*told, end(rounds)]


def tell(statements: Iterable[Statement], state: State | None = None) -> State:
    """The state after `statements`, with the cosignatures in them checked."""
    state = state or State()
    for statement in statements:
        state.apply(statement.body, cosignatures=True)
    return state


def refusal(state: State, statement: Statement) -> str:
    """Why `state` refuses the statement, or "" when it takes it; that a refusal changes nothing is seen to."""
    before = state.dump()
    try:
        state.apply(statement.body, cosignatures=True)
    except Refused as error:
        assert state.dump() == before
        return str(error)
    return ""
