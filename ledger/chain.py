"""One entry of the ledger and the link to the one before: a hash chain anyone can check with sha256sum.

An entry is canonical JSON, `{"body","prev","seq","sig","ts","v"}`; `prev` is the leaf hash (RFC 6962) of entry seq - 1,
so the links are at the same time the leaves of a transparency log's tree. `ts` is in milliseconds since 1970, UTC.
"""

import base64
import hashlib
from dataclasses import dataclass

from ledger.canonical import MAX_INT, Value, decode, encode
from ledger.errors import Refused
from ledger.merkle import leaf_hash
from ledger.statements import Statement

VERSION = 1
MAX_TS = 253_402_300_799_999  # the last millisecond of the year 9999, where calendars end
MAX_ENTRY_BYTES = 65_535  # the longest entry that the bundles of C2SP tlog-tiles can carry
_FIELDS = {"body", "prev", "seq", "sig", "ts", "v"}
_SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class Entry:
    """A statement in its place: the `seq`-th (from 0), recorded at `ts`, after the entry of leaf hash `prev` (hex)."""

    seq: int
    prev: str
    ts: int
    statement: Statement


def first_prev(log: str) -> str:
    """What the genesis of the ledger named `log` links to (hex)."""
    return hashlib.sha256(f"fedray-ledger/v1\n{log}\n".encode()).hexdigest()


def entry_hash(data: bytes) -> str:
    """The leaf hash of an encoded entry (hex)."""
    return leaf_hash(data).hex()


def encode_entry(entry: Entry) -> bytes:
    """The entry's bytes, without the newline; Refused when they are more than 65,535, or the signature is not 64."""
    if len(entry.statement.signature) != _SIGNATURE_BYTES:
        raise Refused(f"the signature is not {_SIGNATURE_BYTES} bytes long; make statements with ledger.sign.")
    data = encode(
        {
            "body": entry.statement.body,
            "prev": entry.prev,
            "seq": entry.seq,
            "sig": base64.b64encode(entry.statement.signature).decode(),
            "ts": entry.ts,
            "v": VERSION,
        }
    )
    if len(data) > MAX_ENTRY_BYTES:
        raise Refused(f"the entry has {len(data)} bytes; {MAX_ENTRY_BYTES} are allowed, so record a digest instead.")
    return data


def decode_entry(data: bytes) -> Entry:
    """The entry in `data`; Refused for bytes that `encode_entry` never writes. Links and signatures are not checked."""
    if len(data) > MAX_ENTRY_BYTES:
        raise Refused(f"the line is longer than {MAX_ENTRY_BYTES} bytes, the most an entry can have")
    fields = decode(data)
    if not isinstance(fields, dict) or fields.keys() != _FIELDS:
        raise Refused(f"an entry has exactly the fields {', '.join(sorted(_FIELDS))}")
    version, body, prev = fields["v"], fields["body"], fields["prev"]
    if type(version) is not int or version != VERSION:
        raise Refused(f"the entry has version {version!r}, and only {VERSION} is known")
    if not isinstance(body, dict) or not isinstance(prev, str):
        raise Refused("body must be an object and prev a string")
    return Entry(
        _count(fields, "seq", MAX_INT), prev, _count(fields, "ts", MAX_TS), Statement(body, _signature(fields["sig"]))
    )


def _count(fields: dict[str, Value], name: str, most: int) -> int:
    value = fields[name]
    if type(value) is not int or not 0 <= value <= most:
        raise Refused(f"{name} must be an integer from 0 to {most}")
    return value


def _signature(text: Value) -> bytes:
    """Strict base64: the library forgives stray bits at the end, but one signature has one spelling."""
    try:
        signature = base64.b64decode(str(text), validate=True)
    except ValueError as error:
        raise Refused("sig is not base64") from error
    if len(signature) != _SIGNATURE_BYTES or base64.b64encode(signature).decode() != text:
        raise Refused(f"sig is not the base64 of {_SIGNATURE_BYTES} bytes")
    return signature
