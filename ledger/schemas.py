"""What each kind of statement says: its fields and the form of each.

Every statement also says `kind`, `log` (the ledger it is for) and `who` (its signer). Kinds that move money or change
an account carry a `nonce`, one more than the account's last; what is contributed to a run carries none, for the rules
of ledger.state let it count once. Rounds count from 1; round 0 is the initial model.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from ledger.canonical import Value
from ledger.errors import Refused
from ledger.forms import (
    ALLOCATIONS,
    AMOUNT,
    COSIGNATURES,
    COUNT,
    DIGEST,
    EXAMPLES,
    LOG,
    METRICS,
    NAME,
    NO_DIGEST,
    QUORUM,
    ROLE,
    ROUND,
    SIGNATURE,
    WHO,
    Form,
)

Body: TypeAlias = Mapping[str, Value]
Fields: TypeAlias = Mapping[str, Any]  # a body that check_body has seen: the kind says what type each field has

_MODEL = {"run": NAME, "round": COUNT, "model": DIGEST}

SCHEMAS: dict[str, dict[str, Form]] = {
    "genesis": {"created_by": NAME, "quorum": QUORUM, "allocations": ALLOCATIONS},
    "account.register": {"name": NAME, "role": ROLE},
    "account.rotate": {"new": WHO, "proof": SIGNATURE, "nonce": AMOUNT},
    "account.revoke": {"nonce": AMOUNT},
    "operator.rotate": {"new": WHO, "proof": SIGNATURE},
    "stake": {"amount": AMOUNT, "nonce": AMOUNT},
    "unstake": {"amount": AMOUNT, "nonce": AMOUNT},
    "transfer": {"to": WHO, "amount": AMOUNT, "nonce": AMOUNT},
    "run.open": {"run": NAME, "recipe": DIGEST, "created_by": NAME, "staleness": COUNT},
    "algorithm.publish": {"run": NAME, "app": NAME, "code": DIGEST, "recipe": DIGEST},
    "data.register": {"run": NAME, "root": DIGEST, "examples": EXAMPLES},
    "model.publish": {**_MODEL, "parent": NO_DIGEST},
    "round.open": {"run": NAME, "round": ROUND, "parent": DIGEST, "users": COUNT},
    "update.commit": {"run": NAME, "round": ROUND, "parent": DIGEST, "commitment": DIGEST, "examples": EXAMPLES},
    "update.reveal": {"run": NAME, "round": ROUND, "update": DIGEST, "salt": DIGEST},
    "compute.report": {
        "run": NAME,
        "round": ROUND,
        "cohort": COUNT,
        "work": COUNT,
        "examples": EXAMPLES,
        "seconds_us": COUNT,
        "users": COUNT,
    },
    "round.close": {
        "run": NAME,
        "round": ROUND,
        "parent": DIGEST,
        "model": DIGEST,
        "updates": COUNT,
        "examples": COUNT,
        "revealed": COUNT,
        "head_size": COUNT,
        "head_root": DIGEST,
        "cosignatures": COSIGNATURES,
    },
    "evaluation": {**_MODEL, "metrics": METRICS},
    "checkpoint.save": {**_MODEL, "file": DIGEST},
    "run.resume": _MODEL,
    "run.close": {"run": NAME, "rounds": COUNT, "model": DIGEST},
}

# Only the operator may say these: whoever signed the genesis, or the key it was rotated to.
SERVER_KINDS = frozenset(
    {"operator.rotate", "run.open", "round.open", "round.close", "checkpoint.save", "run.resume", "run.close"}
)

_CHECKS = {
    kind: tuple((name, form.fits) for name, form in ({"log": LOG, "who": WHO} | fields).items())
    for kind, fields in SCHEMAS.items()
}


def check_body(body: Body) -> Fields:
    """The same `body` when it is a whole statement of a known kind.

    Refused for an unknown kind and for a missing, unknown or ill-formed field.
    """
    kind = body.get("kind")
    checks = _CHECKS.get(kind) if type(kind) is str else None
    if checks is None:
        raise Refused(f"the kind {kind!r:.100} is unknown; this version knows {', '.join(SCHEMAS)}.")
    if len(body) != len(checks) + 1:
        raise _misfit(kind, body)
    for name, fits in checks:
        if not fits(body.get(name)):  # None, for a missing field, fits no form
            raise _misfit(kind, body)
    return body


def _misfit(kind: object, body: Body) -> Refused:
    fields = {"log": LOG, "who": WHO} | SCHEMAS[str(kind)]
    wrong = sorted(map(repr, body.keys() ^ (fields.keys() | {"kind"})))
    if wrong:
        return Refused(f"{kind} has missing or unknown fields ({', '.join(wrong)}); it takes {', '.join(fields)}.")
    name = next(name for name, form in fields.items() if not form.fits(body[name]))
    return Refused(f"{kind} has {name} = {body[name]!r:.100}; it must be {fields[name].words}.")
