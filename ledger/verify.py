"""Checking a ledger without trusting who wrote it: bytes, links, times, forms, signatures and the story as a whole.

A report also says what was *not* ruled out. A chain pins everything up to a head that someone remembers, and nothing
behind it: whoever may write the file may drop the newest entries, or leave some out and compute all links anew.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ledger.errors import Refused, Tampered
from ledger.history import Head, History
from ledger.reader import read_lines

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Report:
    """What was found up to the first bad entry, which `problems` names; `head` is the last good entry."""

    origin: str
    entries: int
    head: Head | None
    kinds: dict[str, int]
    participants: tuple[str, ...]
    problems: tuple[Tampered, ...]
    not_ruled_out: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing bad was found; read `not_ruled_out` before making much of it."""
        return not self.problems


def verify(path: str | Path, head: str | None = None) -> Report:
    """Check the ledger in the folder `path`, and that `head`, a hash remembered from earlier (hex), belongs to it.

    Raises Refused for a `head` that is no hash, NotALedger and LedgerIOError when there is nothing to check.
    """
    if head is not None and not _HASH.fullmatch(head):
        raise Refused(f"the head {head!r:.100} is no hash; give the 64 lower-case hex digits of an earlier head.")
    reading, problems = _Reading(head), list[Tampered]()
    try:
        reading.read(path)
    except Tampered as problem:
        problems.append(problem)
    return reading.report(problems)


@dataclass
class _Reading:
    """What the entries so far have shown; `found` is the place of the remembered head."""

    remembered: str | None
    history: History = field(default_factory=History)
    kinds: Counter[str] = field(default_factory=Counter)
    participants: set[str] = field(default_factory=set)
    found: int | None = None

    def read(self, path: str | Path) -> None:
        for line in read_lines(path):
            if line.torn:
                raise Tampered(
                    self.history.entries,
                    "its line has no end, as a crash leaves it; 'fedray resume' cuts it",
                )
            body = self.history.accept(line.data, signatures=True).statement.body
            self.kinds[str(body["kind"])] += 1
            self.participants.add(str(body["who"]))
            if self.history.tip == self.remembered:
                self.found = self.history.entries - 1
        if self.remembered is not None and self.found is None:
            lost = f"no entry before it has the remembered hash {self.remembered}: rolled back or rewritten"
            raise Tampered(self.history.entries, lost)

    def report(self, problems: list[Tampered]) -> Report:
        return Report(
            origin=self.history.rules.log,
            entries=self.history.entries,
            head=self.history.head() if self.history.entries else None,
            kinds=dict(sorted(self.kinds.items())),
            participants=tuple(sorted(self.participants)),
            problems=tuple(problems),
            not_ruled_out=self._not_ruled_out(),
        )

    def _not_ruled_out(self) -> tuple[str, ...]:
        gaps = ["truncation of the newest entries"]
        if self.found is None or self.found < self.history.entries - 1:
            gaps += ["entries left out and all links computed anew", "another time on the newest entry"]
        if self.found is None:
            why = "no witness or older head was given"
        else:
            why = f"the given head pins entries 0 to {self.found} only"
        split = "split view: no witness says that others are shown the same entries"
        return (*(f"{gap}: {why}" for gap in gaps), split)
