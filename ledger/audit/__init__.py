"""Auditing a ledger: verifying it, and going over what it comes to, from its entries alone.

Nothing that is derived is believed: the state is replayed from the first entry, money is counted a second time by other
code, and a snapshot is only compared with what came out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.audit.books import Books
from ledger.audit.runs import RunAudit, Runs
from ledger.canonical import decode
from ledger.errors import LedgerError, Refused, Tampered
from ledger.fs import read
from ledger.log.snapshot import load_snapshot
from ledger.policy import Policy
from ledger.schemas import Body
from ledger.source import open_source
from ledger.state import State
from ledger.verify.report import Report
from ledger.verify.verification import Options, Verification


@dataclass(frozen=True)
class AuditReport:
    """What verifying found (`report`), and the rest: `problems`, its included, are not allowed, `findings` are.

    `state_root` (hex) is that of the state after all entries that were good, `quorum` the genesis's word on how many of
    a round's participants must cosign its close, which verifying has held every round to.
    """

    report: Report
    state_root: str
    quorum: str
    minted: int
    conserved: bool
    runs: tuple[RunAudit, ...]
    problems: tuple[LedgerError, ...]
    findings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing bad was found."""
        return not self.problems

    @property
    def exit_code(self) -> int:
        """As a report's."""
        return Report(problems=self.problems).exit_code


def audit_dir(
    path: str | Path,
    policy: Policy | None = None,
    since: bytes | None = None,
    *,
    keys: str | Path | None = None,
    jobs: int = 1,
) -> AuditReport:
    """Audit the ledger in a folder, or the log served at an address; what is given and raised is as for verify_dir."""
    return _Audit(path, Options(policy, since, keys, jobs=jobs)).run()


class _Audit:
    def __init__(self, path: str | Path, options: Options) -> None:
        source, folder = open_source(path)
        self._verification = Verification(source, folder, options, self._watch)
        self._books, self._runs = Books(), Runs()
        self._snapshot = folder / "state" / "snapshot" if folder else None
        self._snapshot_size = _size(self._snapshot)
        self._root_then = ""

    @property
    def _state(self) -> State:
        return self._verification.replay.state

    def run(self) -> AuditReport:
        report = self._verification.run()
        differences = tuple(self._books.differences(self._state))
        problems = (*report.problems, *(Tampered("the money", difference) for difference in differences))
        return AuditReport(
            report=report,
            state_root=self._state.root(),
            quorum=self._state.quorum,
            minted=self._books.minted,
            conserved=not differences,
            runs=tuple(self._runs.audits()),
            problems=(*problems, *self._snapshot_problems()),
            findings=tuple(self._runs.findings()),
        )

    def _watch(self, number: int, body: Body) -> None:
        self._books.enter(number, body)
        self._runs.enter(body)
        if number + 1 == self._snapshot_size:
            self._root_then = self._state.root()

    def _snapshot_problems(self) -> Iterator[Tampered]:
        """A snapshot that its operator signed, of a state that the entries before it do not come to.

        Opening the ledger would go on from it. One that is damaged, or signed by an earlier operator, is not used then.
        """
        if self._snapshot is None or not self._root_then:
            return
        claimed = load_snapshot(self._snapshot, self._state.log, self._state.operator, self._snapshot_size)
        if claimed.size and claimed.root() != self._root_then:
            yield Tampered("state/snapshot", f"it is not what the first {claimed.size} entries come to")


def _size(snapshot: Path | None) -> int:
    """How many entries a snapshot claims to cover; 0 when there is none that can be read."""
    data = None if snapshot is None else read(snapshot)
    try:
        value: Any = decode(data or b"")
        size = value["snapshot"]["size"]
    except (Refused, KeyError, TypeError):
        return 0
    return size if type(size) is int else 0
