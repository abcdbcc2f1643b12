"""The place a ledger has reached: all that is needed to judge, or to make, the entry that comes next."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ledger.chain import Entry, decode_entry, encode_entry, entry_hash, first_prev
from ledger.errors import Refused, Tampered
from ledger.rules import Rules
from ledger.statements import Statement, check_signature


class Head(NamedTuple):
    """The newest entry: its number (from 0) and its leaf hash (hex), which stands for everything up to it."""

    seq: int
    hash: str


@dataclass
class History:
    """`entries` so far, of `size` bytes with their newlines; the last one's leaf hash (`tip`) and time (`ts`)."""

    entries: int = 0
    size: int = 0
    tip: str = ""
    ts: int = 0
    rules: Rules = field(default_factory=Rules)

    def copy(self) -> "History":
        """A place that can move on while this one stays."""
        return replace(self, rules=self.rules.copy())

    def head(self) -> Head:
        """The newest entry; only a history with a genesis has one."""
        assert self.entries
        return Head(self.entries - 1, self.tip)

    def accept(self, data: bytes, *, signatures: bool) -> Entry:
        """Take in an entry as read (without its newline); Tampered when it cannot be the next one."""
        try:
            entry = decode_entry(data)
            self._check_place(entry)
            if signatures:
                check_signature(entry.statement)
            self.rules.apply(entry.statement.body)
        except Refused as error:
            raise Tampered(self.entries, str(error).rstrip(".")) from error
        self._advance(data, entry.ts)
        return entry

    def extend(self, statement: Statement, now: int) -> bytes:
        """The next entry's bytes, for `statement` at `now` (ms); Refused when it may not stand here."""
        self.rules.apply(statement.body)
        entry = Entry(self.entries, self._next_prev(statement), max(now, self.ts), statement)
        data = encode_entry(entry)
        self._advance(data, entry.ts)
        return data

    def _check_place(self, entry: Entry) -> None:
        if entry.seq != self.entries:
            raise Refused(f"its number is {entry.seq} where {self.entries} comes next")
        expected = self._next_prev(entry.statement)
        if entry.prev != expected:
            raise Refused(f"it links to {entry.prev}, but the hash of what stands before it is {expected}")
        if entry.ts < self.ts:
            raise Refused(f"its time {entry.ts} is before {self.ts}, that of the entry before")

    def _next_prev(self, statement: Statement) -> str:
        return self.tip or first_prev(str(statement.body.get("log")))

    def _advance(self, data: bytes, ts: int) -> None:
        self.entries += 1
        self.size += len(data) + 1
        self.tip = entry_hash(data)
        self.ts = ts
