"""What a participant says, signed by the one who says it.

The signature covers the DSSE pre-authentication encoding of the statement's canonical JSON, so it stands on its own,
whatever entry, file or message carries it. It names the log: a statement cannot be replayed in another one.
"""

from dataclasses import dataclass

from ledger.canonical import Value, encode
from ledger.keys import SigningKey, pae, verify
from ledger.schemas import check_body

PAYLOAD_TYPE = "application/vnd.fedray.statement.v1+json"


@dataclass(frozen=True)
class Statement:
    """`body` is {"kind", "log", "who", and the kind's fields}; `signature` is the 64 bytes `who` made over it."""

    body: dict[str, Value]
    signature: bytes


def sign(key: SigningKey, kind: str, log: str, **fields: Value) -> Statement:
    """State `fields` as `key.who` in the ledger named `log`; Refused when they do not fit the kind (ledger.schemas)."""
    body: dict[str, Value] = {**fields, "kind": kind, "log": log, "who": key.who}
    check_body(body)
    return Statement(body, key.sign(pae(PAYLOAD_TYPE, encode(body))))


def check_signature(statement: Statement) -> None:
    """Return when the statement was signed by the participant it names; Refused otherwise."""
    verify(str(statement.body.get("who")), pae(PAYLOAD_TYPE, encode(statement.body)), statement.signature)
