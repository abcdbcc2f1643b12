"""``fedray ledger``: show and verify the record of contributions."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from fedray.cli.options import format_option, runs_option, wants_json

EXIT_GOOD, EXIT_TAMPERED, EXIT_USAGE, EXIT_IO = 0, 1, 2, 4


@click.group()
def command() -> None:
    """Show and verify the record of who contributed what.

    RUN is a run's name, its beginning, its path, 'latest', or the path of any ledger folder.
    """


@command.command()
@click.argument("run")
@click.option("--head", metavar="HASH", help="A head you noted earlier: detects a ledger that was rolled back.")
@runs_option
@format_option
def verify(run: str, head: str | None, runs: Path | None, output: str) -> None:
    """Check every link, signature and rule of a ledger. Exit codes: 0 good, 1 tampered, 2 no ledger, 4 unreadable."""
    import ledger

    with _exits():
        report = ledger.verify(_folder(run, runs), head)
    if wants_json(output):
        click.echo(json.dumps(_facts(report)))
    else:
        _print(report)
    raise click.exceptions.Exit(EXIT_GOOD if report.ok else EXIT_TAMPERED)


@command.command()
@click.argument("run")
@click.option("--kind", metavar="KIND", help="Only entries of one kind, e.g. update.commit.")
@click.option("--user", type=int, help="Only entries about one user.")
@click.option("--round", "number", type=int, help="Only entries of one round.")
@runs_option
@format_option
def show(run: str, kind: str | None, user: int | None, number: int | None, runs: Path | None, output: str) -> None:
    """List entries: who stated what in which round. Nothing is proved here; see verify."""
    import ledger

    with _exits():
        rows = list(ledger.rows(_folder(run, runs), kind=kind, user=user, round=number))
    if wants_json(output):
        for row in rows:
            click.echo(json.dumps(row))
    else:
        _table(rows)


def _folder(run: str, runs: Path | None) -> Path:
    from fedray.errors import InvalidInput
    from fedray.run.folder import RunFolder, runs_folder

    if (Path(run) / "entries.jsonl").exists():
        return Path(run)
    folder = RunFolder.find(runs_folder(runs), run)
    if not folder.ledger.exists():
        raise InvalidInput(f"Run {folder.path.name} kept no ledger; train with -c ledger.enabled=true to have one.")
    return folder.ledger


@contextmanager
def _exits() -> Iterator[None]:
    import ledger

    try:
        yield
    except ledger.LedgerError as error:
        codes = {ledger.Tampered: EXIT_TAMPERED, ledger.LedgerIOError: EXIT_IO}
        click.echo(f"Error: {error}", err=True)
        raise click.exceptions.Exit(codes.get(type(error), EXIT_USAGE)) from None


def _facts(report: Any) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "origin": report.origin,
        "entries": report.entries,
        "head": report.head.hash if report.head else None,
        "participants": len(report.participants),
        "kinds": dict(report.kinds),
        "problems": [{"seq": problem.seq, "reason": problem.reason} for problem in report.problems],
        "not_ruled_out": list(report.not_ruled_out),
    }


def _print(report: Any) -> None:
    verdict = "good" if report.ok else "TAMPERED"
    click.secho(f"{verdict}: {report.entries} entries of {len(report.participants)} participants in {report.origin}",
                fg="green" if report.ok else "red", bold=True)  # fmt: skip
    for problem in report.problems:
        click.echo(f"  {problem}")
    if report.head:
        click.echo(f"head {report.head.hash}")
    click.echo("  ".join(f"{kind} {count}" for kind, count in report.kinds.items()))
    for sentence in report.not_ruled_out:
        click.echo(f"not ruled out: {sentence}")


def _table(rows: list[Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("seq", "time (UTC)", "round", "kind", "who", "says", box=None, header_style="bold")
    for row in rows:
        number = "" if row["round"] is None else str(row["round"])
        time = row["time"].replace("T", " ").removesuffix("+00:00")
        table.add_row(*map(escape, (str(row["seq"]), time, number, row["kind"], row["who"], row["summary"])))
    Console().print(table)
