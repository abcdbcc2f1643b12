"""A crowd that states what a federated run records: the statements of whole rounds, signed and as they arrive."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ledger.canonical import Value
from ledger.keys import SigningKey
from ledger.log import Log
from ledger.statements import Statement, commitment, sign

LOG, RUN, EXAMPLES = "example.org/benchmarks", "crowd", 400
OPERATOR = SigningKey.from_seed(bytes(32))


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class Crowd:
    """So many users with a key each; round by round each commits to an update, reveals it and reports its work."""

    def __init__(self, users: int) -> None:
        self.keys = [SigningKey.derive(bytes(32), f"user/{number}") for number in range(users)]

    def opening(self) -> Iterator[Statement]:
        yield _say(OPERATOR, "genesis", created_by="fedray 0.1", quorum="none", allocations=[])
        for number, key in enumerate(self.keys):
            yield _say(key, "account.register", name=f"user-{number}", role="end-user")
        for key in self.keys:
            yield _say(key, "data.register", run=RUN, root=digest("data", key.who), examples=EXAMPLES)
        yield _say(OPERATOR, "run.open", run=RUN, recipe=digest("recipe"), created_by="fedray 0.1", staleness=0)
        yield _say(OPERATOR, "model.publish", run=RUN, round=0, parent="", model=digest("model", 0))

    def open_round(self, number: int) -> Statement:
        parent = digest("model", number - 1)
        return _say(OPERATOR, "round.open", run=RUN, round=number, parent=parent, users=len(self.keys))

    def commits(self, number: int) -> Iterator[Statement]:
        parent = digest("model", number - 1)
        for key in self.keys:
            salt, update = digest("salt", number, key.who), digest("update", number, key.who)
            hidden = commitment(LOG, RUN, number, key.who, salt, update)
            fields: dict[str, Value] = {"parent": parent, "commitment": hidden, "examples": EXAMPLES}
            yield _say(key, "update.commit", run=RUN, round=number, **fields)

    def reveals(self, number: int) -> Iterator[Statement]:
        for key in self.keys:
            salt, update = digest("salt", number, key.who), digest("update", number, key.who)
            yield _say(key, "update.reveal", run=RUN, round=number, update=update, salt=salt)

    def reports(self, number: int) -> Iterator[Statement]:
        for cohort, key in enumerate(self.keys):
            fields: dict[str, Value] = {"work": 3 * EXAMPLES, "examples": EXAMPLES, "seconds_us": 2_000_000, "users": 1}
            yield _say(key, "compute.report", run=RUN, round=number, cohort=cohort, **fields)

    def close_round(self, number: int, size: int, root: bytes) -> Statement:
        """``size`` and ``root``: of a checkpoint between the round's commits and reveals."""
        count = len(self.keys)
        fields: dict[str, Value] = {"updates": count, "examples": count * EXAMPLES, "revealed": count}
        fields |= {"head_size": size, "head_root": root.hex(), "cosignatures": []}
        models: dict[str, Value] = {"parent": digest("model", number - 1), "model": digest("model", number)}
        return _say(OPERATOR, "round.close", run=RUN, round=number, **models, **fields)

    def begin(self, folder: Path) -> Log:
        """A new ledger below ``folder`` in which all have registered."""
        log = Log.create(folder / "ledger", LOG, OPERATOR, keys=folder / "keys")
        log.append_now(*self.opening(), check=False)
        return log


def _say(key: SigningKey, kind: str, **fields: Value) -> Statement:
    """As it arrives from another process: without the canonical bytes that its signer had at hand."""
    said = sign(key, kind, LOG, **fields)
    return Statement(said.body, said.signature)
