"""``fedray runs``: list runs."""

import json
from pathlib import Path
from typing import Any

import click

from fedray.cli.options import format_option, runs_option, wants_json


@click.command()
@runs_option
@format_option
def command(runs: Path | None, output: str) -> None:
    """List runs, oldest first."""
    from fedray.run.folder import RunFolder, runs_folder

    where = runs_folder(runs)
    rows = [_row(folder) for folder in RunFolder.all(where)]
    if wants_json(output):
        for row in rows:
            click.echo(json.dumps(row))
    elif not rows:
        click.echo(f"No runs in {where} yet. Start one: fedray submit apps/seismic")
    else:
        _print(rows)


def _row(folder: Any) -> dict[str, Any]:
    from fedray.errors import StorageError

    try:
        info, rounds = folder.info(), folder.history.rounds()
    except StorageError:
        return {"run": folder.path.name, "status": "damaged", "rounds": "?", "started": None, "metrics": {},
                "path": str(folder.path)}  # fmt: skip
    return {
        "run": folder.path.name,
        "status": folder.status(),
        "rounds": f"{max((line['round'] for line in rounds), default=0)}/{info.get('rounds', '?')}",
        "started": info.get("started"),
        "metrics": info.get("metrics", {}),
        "path": str(folder.path),
    }


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from fedray.cli.tables import number

    table = Table(box=None, header_style="bold")
    for column in ("run", "status", "rounds", "started (UTC)", "test metrics"):
        table.add_column(column, no_wrap=column == "run")
    colours = {
        "finished": "green",
        "running": "cyan",
        "failed": "red",
        "stopped": "yellow",
        "interrupted": "yellow",
        "damaged": "red",
    }
    for row in rows:
        metrics = "  ".join(f"{name} {number(value)}" for name, value in row["metrics"].items())
        started = (row["started"] or "")[5:16].replace("T", " ")
        status = f"[{colours[row['status']]}]{row['status']}[/]"
        table.add_row(row["run"], status, row["rounds"], started, metrics)
    Console().print(table)
