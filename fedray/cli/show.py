"""``fedray show RUN``: one run in full."""

import json
from pathlib import Path
from typing import Any

import click

from fedray.cli.options import format_option, runs_option, wants_json


@click.command()
@click.argument("run")
@runs_option
@format_option
def command(run: str, runs: Path | None, output: str) -> None:
    """Show RUN (a name, its beginning, a path, or 'latest'): its rounds, metrics, baselines and files."""
    from fedray.run.folder import RunFolder, runs_folder

    folder = RunFolder.find(runs_folder(runs), run)
    facts = {"run": folder.path.name, "path": str(folder.path), **folder.info(), "status": folder.status()}
    rounds = folder.history.rounds()
    if wants_json(output):
        click.echo(json.dumps(facts | {"history": rounds}))
    else:
        _print(facts, rounds, folder.path)


def _print(facts: dict[str, Any], rounds: list[dict[str, Any]], path: Path) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from fedray.cli.tables import metrics_table

    console = Console()
    head = Table(box=None, show_header=False)
    for key in ("run", "status", "app", "started", "ended", "resumed", "error", "model", "ledger_head", "path"):
        if facts.get(key):
            head.add_row(f"[bold]{key.replace('_', ' ')}[/]", escape(str(facts[key])))
    console.print(head)
    if rounds:
        console.print(_rounds(rounds))
    if facts.get("metrics"):
        console.print(metrics_table(facts["metrics"], facts.get("baselines", {})))
    figures = sorted(str(file) for file in path.glob("figures/*"))
    if figures:
        console.print("[bold]figures[/]", *figures, sep="\n  ")


def _rounds(rounds: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    columns = list(dict.fromkeys(key for line in rounds for key in line))
    table = Table(*columns, box=None, header_style="bold")
    for line in rounds:
        table.add_row(*(_cell(line.get(column)) for column in columns))
    return table


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
