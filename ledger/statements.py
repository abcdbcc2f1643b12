"""What a participant says, signed by the one who says it.

The signature covers the DSSE pre-authentication encoding of the statement's canonical JSON, so it stands on its own,
whatever entry, file or message carries it. It names the log: a statement cannot be replayed in another one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ledger.canonical import Value, encode
from ledger.keys import SigningKey, pae, verify
from ledger.schemas import check_body
from ledger.strict import base64_bytes, base64_text

PAYLOAD_TYPE = "application/vnd.fedray.statement.v1+json"
ROTATION_TYPE = "application/vnd.fedray.rotation.v1"
UPDATE_TYPE = "application/vnd.fedray.update.v1"


@dataclass(frozen=True)
class Statement:
    """`body` is {"kind", "log", "who", and the kind's fields}; `signature` is the 64 bytes `who` made over it."""

    body: dict[str, Value]
    signature: bytes

    @cached_property
    def spelled(self) -> bytes:
        """The body's canonical bytes, which are signed and recorded; Refused when it has none."""
        return encode(self.body)

    def __reduce__(self) -> tuple[type["Statement"], tuple[dict[str, Value], bytes]]:
        """Sent elsewhere without its spelling: who receives it must not take the sender's word for that."""
        return Statement, (self.body, self.signature)


def sign(key: SigningKey, kind: str, log: str, **fields: Value) -> Statement:
    """State `fields` as `key.who` in the ledger named `log`; Refused when they do not fit the kind (ledger.schemas)."""
    body: dict[str, Value] = {**fields, "kind": kind, "log": log, "who": key.who}
    check_body(body)
    spelled = encode(body)
    statement = Statement(body, key.sign(pae(PAYLOAD_TYPE, spelled)))
    vars(statement)["spelled"] = spelled
    return statement


def check_signature(statement: Statement) -> None:
    """Return when the statement was signed by the participant it names; Refused otherwise."""
    check_spelled(statement.body, statement.spelled, statement.signature)


def check_spelled(body: Mapping[str, Value], spelled: bytes, signature: bytes) -> None:
    """The same for a body whose canonical bytes are at hand."""
    verify(str(body.get("who")), pae(PAYLOAD_TYPE, spelled), signature)


def commitment(log: str, run: str, round: int, who: str, salt: str, update: str) -> str:
    """What `who` commits to before anyone sees its update: SHA-256 over the PAE of these, a line each, in hex.

    `salt` is 64 hex digits known to the user alone until it reveals, `update` is the update's SHA-256 in hex, `round`
    the one it was trained for. Nobody else, and nowhere else, can reveal the same: so recording it first gains nothing.
    """
    text = f"{log}\n{run}\n{round}\n{who}\n{salt}\n{update}\n"
    return hashlib.sha256(pae(UPDATE_TYPE, text.encode())).hexdigest()


def rotation_proof(new: SigningKey, log: str, old: str) -> str:
    """The word of the `new` key, in base64, that it takes over from `old` in `log`: nobody rotates to a key not his."""
    return base64_text(new.sign(_rotation(log, old, new.who)))


def check_rotation(proof: str, log: str, old: str, new: str) -> None:
    """Return when `proof` is what `rotation_proof` makes; Refused otherwise."""
    verify(new, _rotation(log, old, new), base64_bytes(proof, "rotation proof"))


def _rotation(log: str, old: str, new: str) -> bytes:
    return pae(ROTATION_TYPE, f"{log}\n{old}\n{new}\n".encode())
