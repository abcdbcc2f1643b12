"""``fedray ledger audit``: verify, replay everything, count the money a second time."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fedray.cli.ledger.output import count, facts, print_json, sentence
from fedray.cli.ledger.places import GivenFile, Place, content, ledger_argument
from fedray.cli.ledger.trust import trust_options, trusted
from fedray.cli.ledger.verify import print_verdict, problem_facts, report_facts
from fedray.cli.options import format_option, wants_json

if TYPE_CHECKING:
    from ledger.audit import AuditReport
    from ledger.audit.runs import RunAudit


@click.command()
@ledger_argument
@trust_options
@click.option("--since", metavar="FILE", type=GivenFile, help="An older checkpoint or receipt, kept elsewhere.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes to use.")
@format_option
def command(
    place: Place, logs: tuple[str, ...], policy: Path | None, since: Path | None, jobs: int, output: str
) -> None:
    """Verify a ledger, and go over what its entries come to: every run and round, every balance, counted twice.

    Exit codes are those of verify. Findings are allowed by the rules, but worth knowing.
    """
    from ledger.audit import audit_dir

    trust, older = trusted(logs, policy), content(since) if since else None
    found = audit_dir(place.where, trust, older, keys=place.keys, jobs=jobs)
    if wants_json(output):
        print_json(_facts(found))
    else:
        _print(found)
    raise click.exceptions.Exit(found.exit_code)


def _facts(found: "AuditReport") -> dict[str, Any]:
    return report_facts(found.report) | {
        "ok": found.ok,
        "exit_code": found.exit_code,
        "state_root": found.state_root,
        "quorum": found.quorum,
        "minted": found.minted,
        "conserved": found.conserved,
        "runs": [asdict(run) for run in found.runs],
        "problems": [problem_facts(problem) for problem in found.problems],
        "findings": list(found.findings),
    }


def _print(found: "AuditReport") -> None:
    report = found.report
    print_verdict(found.exit_code, report)
    for number, problem in enumerate(found.problems):
        sentence("first" if number == 0 else "then", str(problem), "red")
    money = f"{found.minted:,} minted, " + ("every unit accounted for" if found.conserved else "NOT CONSERVED")
    facts({"root": report.root, "state": found.state_root, "money": money,
           "quorum": f"{found.quorum} (who must cosign a round's close)"})  # fmt: skip
    for run in found.runs:
        sentence(f"run {run.name}", _run(run))
    for text in found.findings:
        sentence("finding", text, "yellow")
    for text in report.notes:
        sentence("note", text)
    for text in report.not_ruled_out:
        sentence("not ruled out", text, "yellow")


def _run(run: "RunAudit") -> str:
    work = run.work
    done = ", ".join([
        count(run.rounds, "round") + (f" ({run.superseded} more superseded)" if run.superseded else ""),
        f"{count(work.updates, 'update')} ({work.revealed:,} revealed)",
        count(work.reports, "compute report"),
        *([count(work.links, "link")] if work.links else []),
        count(work.cosignatures, "cosignature"),
    ])  # fmt: skip
    return f"{done}; {'closed' if run.closed else 'not closed'}"
