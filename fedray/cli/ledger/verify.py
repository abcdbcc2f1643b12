"""``fedray ledger verify``: check everything, trusting neither who wrote the ledger nor who keeps it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fedray.cli.ledger.output import count, facts, print_json, sentence, verdict
from fedray.cli.ledger.places import GivenFile, Place, content, ledger_argument
from fedray.cli.ledger.trust import trust_options, trusted
from fedray.cli.options import format_option, wants_json

if TYPE_CHECKING:
    from ledger.errors import LedgerError
    from ledger.verify.report import Report


@click.command()
@ledger_argument
@trust_options
@click.option("--since", metavar="FILE", type=GivenFile,
              help="An older checkpoint or receipt, kept elsewhere; only what is new is read.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="With --since: check the older entries again, too.")
@click.option("--fast", is_flag=True, help="Leave out the statements' signatures and rules.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes to use.")
@click.option("--foreign", is_flag=True, help="Any C2SP tlog-tiles log: its entries are not looked into.")
@format_option
def command(
    place: Place, logs: tuple[str, ...], policy: Path | None, since: Path | None, everything: bool, fast: bool,
    jobs: int, foreign: bool, output: str,
) -> None:  # fmt: skip
    """Check every byte, hash, link, signature and rule of a ledger, and say what that could not rule out.

    Exit codes: 0 good, 1 tampered with, 2 no ledger, 3 rolled back, forked or without the quorum, 4 unreadable.
    """
    from ledger.verify import verify_dir
    from ledger.verify.new import verify_new

    trust, older = trusted(logs, policy), content(since) if since else None
    if older is None or everything or foreign:
        report = verify_dir(place.where, trust, older, keys=place.keys, fast=fast, jobs=jobs, foreign=foreign)
    else:
        report = verify_new(place.where, trust, older, keys=place.keys, fast=fast)
    if wants_json(output):
        print_json(report_facts(report))
    else:
        print_report(report)
    raise click.exceptions.Exit(report.exit_code)


def report_facts(report: "Report") -> dict[str, Any]:
    """The report as JSON."""
    return {
        "ok": report.ok,
        "exit_code": report.exit_code,
        "origin": report.origin,
        "size": report.size,
        "root": report.root,
        "participants": report.participants,
        "kinds": dict(report.kinds),
        "checkpoints": report.checkpoints,
        "cosigned": report.cosigned,
        "problems": [problem_facts(problem) for problem in report.problems],
        "notes": list(report.notes),
        "not_ruled_out": list(report.not_ruled_out),
    }


def print_report(report: "Report") -> None:
    """The verdict, what is bad first, the head, and what was not ruled out."""
    print_verdict(report.exit_code, report)
    for number, problem in enumerate(report.problems):
        sentence("first" if number == 0 else "then", str(problem), "red")
    told = {"root": report.root} if report.root else {}
    if report.ok:
        cosigned = f", the newest cosigned by {count(report.cosigned, 'witness')}" if report.cosigned else ""
        told |= {"by": count(report.participants, "participant"),
                 "heads": count(report.checkpoints, "signed checkpoint") + cosigned}  # fmt: skip
        told |= {"kinds": ", ".join(f"{kind} {number:,}" for kind, number in report.kinds.items())}
    facts(told)
    for note in report.notes:
        sentence("note", note)
    for text in report.not_ruled_out:
        sentence("not ruled out", text, "yellow")


def print_verdict(exit_code: int, report: "Report") -> None:
    """Good or not, and of which log."""
    words = {0: "good", 1: "TAMPERED", 3: "ROLLED BACK, FORKED OR UNWITNESSED"}
    log = report.origin or "no log that can be read"
    verdict(exit_code == 0, f"{words.get(exit_code, 'BAD')}: {log}, {count(report.size, 'entry')}")


def problem_facts(problem: "LedgerError") -> dict[str, Any]:
    """A problem as JSON; `where` is the file or entry, if one is to blame."""
    kind, where = type(problem).__name__, getattr(problem, "where", None)
    return {"error": kind, "where": where, "reason": str(problem)}
