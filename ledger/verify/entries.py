"""Verifying one entry in its place, as far as no other entry is needed but the hash and the time of the one before."""

import base64
from typing import Any

from ledger.canonical import Value, decode
from ledger.entry import split_entry
from ledger.errors import Refused
from ledger.schemas import SCHEMAS, check_body
from ledger.state.quorum import check_cosignatures
from ledger.statements import check_spelled

_READ_AT_ONCE = frozenset({"genesis", "operator.rotate", "round.close"})  # other fields are left to the state


def check_entry(
    data: bytes, number: int, link: str, last: int, origin: str, *, signatures: bool
) -> tuple[str, int, dict[str, Value]]:
    """The link (hex), time and statement of entry `number` of the log named `origin`.

    `link` and `last` are the leaf hash (hex; empty while it is not known) and the time of the entry before. Refused for
    bytes that are no entry, or one that cannot stand here. With `signatures`, cosignatures in it are checked too.
    """
    seq, prev, ts, spelled, signature = split_entry(data)
    body: Any = decode(spelled)  # an object: split_entry has seen its braces
    if seq != number or (link and prev != link) or ts < last:
        raise _misplaced(seq == number, ts >= last)
    kind = body.get("kind")
    if type(kind) is not str or kind not in SCHEMAS or kind in _READ_AT_ONCE:
        check_body(body)
    if body.get("log") != origin:
        raise Refused(f"its statement is for the log {body.get('log')!r:.100}")
    if signatures:
        check_spelled(body, spelled, base64.b64decode(signature))
        if kind == "round.close":
            check_cosignatures(body)
    return prev, ts, body


def _misplaced(numbered: bool, later: bool) -> Refused:
    if not numbered:
        return Refused("its seq is not its place in the log")
    if later:
        return Refused("its link, prev, is not the hash of the entry before it")
    return Refused("its time is before that of the entry before it")
