"""What was done in each run, counted from its statements; work that a resumption superseded is counted apart."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.schemas import Body


@dataclass
class Work:
    """What was recorded in a round: updates committed and revealed, reports, links of a chain, and cosignatures."""

    updates: int = 0
    revealed: int = 0
    reports: int = 0
    links: int = 0
    cosignatures: int = 0


@dataclass(frozen=True)
class RunAudit:
    """A run: how many `rounds` stand, how many were `superseded`, and the work in those that stand."""

    name: str
    rounds: int
    superseded: int
    closed: bool
    work: Work


@dataclass
class _Tally:
    rounds: list[Work] = field(default_factory=list)
    current: Work = field(default_factory=Work)
    superseded: int = 0
    closed: bool = False
    shown: set[int] = field(default_factory=set)  # rounds whose updates were revealed before a resumption undid them
    again: dict[int, int] = field(default_factory=dict)  # how often each of those was opened once more


_COUNTED = {
    "update.commit": "updates",
    "update.reveal": "revealed",
    "compute.report": "reports",
    "model.publish": "links",
}


class Runs:
    """All runs of a ledger."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def enter(self, body: Body) -> None:
        """Count a statement that the state has taken in."""
        fields: Any = body
        if "run" not in fields:
            return
        tally = self._tallies.setdefault(fields["run"], _Tally())
        kind = fields["kind"]
        if kind in _COUNTED:
            what = _COUNTED[kind]
            setattr(tally.current, what, getattr(tally.current, what) + 1)
        elif kind == "round.open":
            tally.current = Work()
            if fields["round"] in tally.shown:
                tally.again[fields["round"]] = tally.again.get(fields["round"], 0) + 1
        elif kind == "round.close":
            tally.current.cosignatures = len(fields["cosignatures"])
            tally.rounds.append(tally.current)
            tally.current = Work()
        elif kind == "run.resume":
            undone = [*tally.rounds, tally.current][fields["round"] :]
            tally.shown |= {at for at, work in enumerate(undone, start=fields["round"] + 1) if work.revealed}
            tally.superseded += len(tally.rounds[fields["round"] :])
            del tally.rounds[fields["round"] :]
            tally.current, tally.closed = Work(), False
        elif kind == "run.close":
            tally.closed = True

    def audits(self) -> Iterator[RunAudit]:
        """Each run, in the order in which they were first spoken of."""
        for name, tally in self._tallies.items():
            sums = {what: sum(getattr(work, what) for work in tally.rounds) for what in Work.__annotations__}
            yield RunAudit(name, len(tally.rounds), tally.superseded, tally.closed, Work(**sums))

    def findings(self) -> Iterator[str]:
        """What a reader of the record should know: none of it is against the rules."""
        for name, tally in self._tallies.items():
            for number, found in enumerate(tally.rounds, start=1):
                if found.revealed < found.updates:
                    missing = found.updates - found.revealed
                    yield f"{name}, round {number}: {missing} of {found.updates} committed updates were never revealed"
                if found.updates and not found.cosignatures:
                    yield f"{name}, round {number}: nobody cosigned the head it was closed over"
            for number, times in sorted(tally.again.items()):
                how = "trained again" if times == 1 else f"trained again {times} times"
                yield f"{name}, round {number}: {how} after updates of it were revealed, so they could be copied"
