"""The ledger as rows of a table. Nothing is proved here: ledger.verify does that."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, TypedDict

from ledger.canonical import Value
from ledger.entry import Entry, decode_entry
from ledger.errors import Refused, Tampered
from ledger.published import PublishedTree, read_bundle
from ledger.source import Source, open_source
from ledger.tiles import TILE_WIDTH

_SHORT = 12  # hex digits that tell digests apart for a reader
_OWN_COLUMN = {"kind", "log", "who", "run", "round", "proof", "salt"}
_KEY = "ed25519:"
_LIKE_KEY = re.compile(r"\s*(?:ed25519:|[0-9a-f]{8,}\s*$)", re.IGNORECASE)


class Row(TypedDict):
    """One entry; `time` is ISO 8601 in UTC, `run` and `round` are None where the kind has none.

    `who` is the name that the signer had registered by then, or the first digits of its key.
    """

    seq: int
    time: str
    run: str | None
    round: int | None
    kind: str
    who: str
    summary: str


def rows(
    path: str | Path,
    *,
    kind: str | None = None,
    who: str | None = None,
    run: str | None = None,
    round: int | None = None,
) -> Iterator[Row]:
    """The published entries of a ledger's folder or a log's address, oldest first, that match all of what is given.

    `who` is a registered name, or the beginning of a key, with or without "ed25519:". Raises NotALedger, LedgerIOError,
    and Tampered at a file or entry that cannot be read.
    """
    source, _ = open_source(path)
    wanted = {name: value for name, value in (("kind", kind), ("run", run), ("round", round)) if value is not None}
    names: dict[str, str] = {}
    for entry in entries(source):
        body: Any = entry.statement.body
        _learn(names, body)
        if all(body.get(name) == value for name, value in wanted.items()) and _is(who, body.get("who"), names):
            yield _row(entry, names)


def entries(source: Source) -> Iterator[Entry]:
    """Every entry under the published checkpoint, nothing verified; Tampered at what cannot be read."""
    size = PublishedTree(source).size
    for index in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
        for number, data in enumerate(read_bundle(source, index, size), index * TILE_WIDTH):
            try:
                yield decode_entry(data)
            except Refused as error:
                raise Tampered(f"entry {number}", str(error).rstrip(".")) from error


def like_key(name: str) -> bool:
    """Whether a name could be taken for a key or a key's beginning: it is shown in quotes and names nobody."""
    return _LIKE_KEY.match(name) is not None


def _learn(names: dict[str, str], body: Any) -> None:
    """Remember what keys are called."""
    kind, who, new = body.get("kind"), str(body.get("who")), str(body.get("new"))
    if kind == "genesis":
        names[who] = "operator"
    elif kind == "account.register":
        names[who] = str(body.get("name"))
    elif kind in ("account.rotate", "operator.rotate"):
        names[new] = names.get(who, new)


def _is(wanted: str | None, who: object, names: dict[str, str]) -> bool:
    """Whether `who` is meant."""
    if wanted is None or (names.get(str(who)) == wanted and not like_key(wanted)):
        return True
    digits = wanted.removeprefix(_KEY)
    return len(digits) > 0 and str(who).removeprefix(_KEY).startswith(digits)


def _row(entry: Entry, names: dict[str, str]) -> Row:
    body: Any = entry.statement.body
    run, number, who = body.get("run"), body.get("round"), str(body.get("who"))
    ranked = ((_rank(value), name, value) for name, value in body.items() if name not in _OWN_COLUMN)
    said = sorted(ranked, key=itemgetter(0, 1))
    return Row(
        seq=entry.seq,
        time=datetime.fromtimestamp(entry.ts / 1000, UTC).isoformat(timespec="milliseconds"),
        run=short(run) if isinstance(run, str) else None,
        round=number if isinstance(number, int) else None,
        kind=short(str(body.get("kind"))),
        who=_called(who, names),
        summary=" ".join(f"{name}={_text(value, names)}" for _, name, value in said),
    )


def _rank(value: Value) -> int:
    """What tells a reader most comes first: metrics, numbers, words, digests; lists last."""
    if isinstance(value, list):
        return 4
    if isinstance(value, str):
        return 3 if len(value) >= 64 else 2
    return 0 if isinstance(value, dict) else 1


def _text(value: Value, names: dict[str, str]) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}:{_metric(str(item))}" for name, item in sorted(value.items()))
    if isinstance(value, list):
        return str(len(value))
    return _called(str(value), names)


def _called(who: str, names: dict[str, str]) -> str:
    """A participant by its name, which must not pass for a key; anything else short."""
    name = names.get(who) or who
    return f'"{printable(name)}"' if name != who and like_key(name) else short(name)


def _metric(decimal: str) -> str:
    """A decimal by its first digits."""
    try:
        return f"{float(decimal):.5g}"
    except ValueError:
        return short(decimal)


def short(text: str) -> str:
    """A digest or key by its first digits; anything else as it is, but for what a terminal would not print."""
    digits = text.removeprefix(_KEY)
    return printable(digits[:_SHORT] if len(digits) == 64 else text)


def printable(text: str) -> str:
    """The text without what could steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
