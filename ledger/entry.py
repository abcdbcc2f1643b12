"""One entry of the ledger and the link to the one before: a hash chain anyone can check with sha256sum.

An entry is canonical JSON, `{"body","prev","seq","sig","ts","v"}`; `prev` is the leaf hash (RFC 6962) of entry seq - 1,
so the links are at the same time the leaves of a transparency log's tree. `ts` is in milliseconds since 1970, UTC.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from ledger.canonical import MAX_INT, decode
from ledger.errors import Refused
from ledger.merkle import leaf_hash
from ledger.statements import Statement

VERSION = 1
MAX_TS = 253_402_300_799_999  # the last millisecond of the year 9999, where calendars end
MAX_ENTRY_BYTES = 65_535  # the longest entry that the bundles of C2SP tlog-tiles can carry
_FIELDS = {"body", "prev", "seq", "sig", "ts", "v"}
_SIGNATURE_BYTES = 64
# 64 bytes make 86 digits of base64 and two '='; the last digit carries two bits, so only four of them are canonical.
_ENTRY = re.compile(
    rb'(?s)\{"body":(\{.*\}),"prev":"([0-9a-f]{64})","seq":(0|[1-9][0-9]{0,15}),'
    rb'"sig":"([A-Za-z0-9+/]{85}[AQgw]==)","ts":(0|[1-9][0-9]{0,15}),"v":1\}'
)


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
    data = b'{"body":%b,"prev":"%b","seq":%d,"sig":"%b","ts":%d,"v":%d}' % (
        entry.statement.spelled,
        entry.prev.encode(),
        entry.seq,
        base64.b64encode(entry.statement.signature),
        entry.ts,
        VERSION,
    )
    if len(data) > MAX_ENTRY_BYTES:
        raise Refused(f"the entry has {len(data)} bytes; {MAX_ENTRY_BYTES} are allowed, so record a digest instead.")
    return data


def decode_entry(data: bytes) -> Entry:
    """The entry in `data`; Refused for bytes that `encode_entry` never writes. Links and signatures are not checked."""
    seq, prev, ts, body, signature = split_entry(data)
    fields = decode(body)
    assert isinstance(fields, dict)  # the pattern has its braces
    return Entry(seq, prev, ts, Statement(fields, base64.b64decode(signature)))


def split_entry(data: bytes) -> tuple[int, str, int, bytes, bytes]:
    """An entry's seq, prev and ts, the bytes of its body, and the signature in base64; Refused when it is no entry.

    If the body is canonical JSON, so is the entry: the pattern has its keys in order and one spelling of each value.
    """
    match = _ENTRY.fullmatch(data)
    if match is None or len(data) > MAX_ENTRY_BYTES:
        raise _misfit(data)
    body, prev, seq, signature, ts = match.groups()
    found = int(seq), prev.decode(), int(ts), body, signature
    if found[0] > MAX_INT or found[2] > MAX_TS:
        raise Refused(f"seq goes up to {MAX_INT} and ts up to {MAX_TS}, the end of the year 9999")
    return found


def _misfit(data: bytes) -> Refused:
    """Why these bytes are no entry."""
    if len(data) > MAX_ENTRY_BYTES:
        return Refused(f"it has {len(data)} bytes, and an entry has at most {MAX_ENTRY_BYTES}")
    fields = decode(data)
    if not isinstance(fields, dict) or fields.keys() != _FIELDS:
        return Refused(f"an entry has exactly the fields {', '.join(sorted(_FIELDS))}")
    if fields["v"] != VERSION:
        return Refused(f"the entry has version {fields['v']!r:.100}, and only {VERSION} is known")
    return Refused(
        "body must be an object, prev 64 lower-case hex digits, sig the base64 of 64 bytes, seq and ts integers from 0"
    )
