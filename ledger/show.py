"""The ledger as rows of a table. Nothing is proved here: `verify` does that."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from ledger.canonical import Value
from ledger.chain import Entry, decode_entry
from ledger.errors import Refused, Tampered
from ledger.reader import read_lines

_SHORT = 12  # hex digits that tell digests apart for a reader
_OWN_COLUMN = {"kind", "log", "who", "round"}


class Row(TypedDict):
    """One entry: `time` is ISO 8601 in UTC, `round` None where the kind has none, `who` the first digits of the key."""

    seq: int
    time: str
    round: int | None
    kind: str
    who: str
    summary: str


def rows(
    path: str | Path, *, kind: str | None = None, user: int | None = None, round: int | None = None
) -> Iterator[Row]:
    """The entries of the ledger in the folder `path`, oldest first, that match all of what is given.

    A torn last line is left out. Raises NotALedger, LedgerIOError, and Tampered at a line that is no entry.
    """
    wanted = {name: value for name, value in (("kind", kind), ("user", user), ("round", round)) if value is not None}
    for number, line in enumerate(read_lines(path)):
        if line.torn:
            return
        try:
            entry = decode_entry(line.data)
        except Refused as error:
            raise Tampered(number, str(error).rstrip(".")) from error
        if all(entry.statement.body.get(name) == value for name, value in wanted.items()):
            yield _row(entry)


def _row(entry: Entry) -> Row:
    body = entry.statement.body
    number = body.get("round")
    return Row(
        seq=entry.seq,
        time=datetime.fromtimestamp(entry.ts / 1000, UTC).isoformat(timespec="milliseconds"),
        round=number if isinstance(number, int) else None,
        kind=str(body.get("kind")),
        who=_short(str(body.get("who")).removeprefix("ed25519:")),
        summary=" ".join(f"{name}={_text(value)}" for name, value in sorted(body.items()) if name not in _OWN_COLUMN),
    )


def _text(value: Value) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}:{_text(item)}" for name, item in sorted(value.items()))
    return _short(str(value))


def _short(text: str) -> str:
    """A digest by its first digits; anything else as it is."""
    return text[:_SHORT] if len(text) == 64 else text
