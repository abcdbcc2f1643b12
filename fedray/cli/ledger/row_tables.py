"""Entries as tables: one by one, or added up by participant or round. Readable at 80 columns and without colour."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fedray.cli.ledger.output import ranges

if TYPE_CHECKING:
    from ledger.show import Row

# What is counted under which heading; everything else is the operator's or the accounts' own business.
_COUNTED = {
    "data.register": "data",
    "update.commit": "updates",
    "update.reveal": "revealed",
    "compute.report": "compute",
    "model.publish": "models",
    "algorithm.publish": "algorithms",
    "evaluation": "evaluations",
    "transfer": "transfers",
}
_OTHER = "other"
_NAMES = 5  # participants named for a round


def print_rows(rows: Sequence["Row"]) -> None:
    """A line an entry. What all rows share (the day, the run) stands above the table once."""
    days, runs = {row.time[:10] for row in rows}, {row.run for row in rows if row.run}
    one_day, one_run = len(days) == 1, len(runs) == 1
    shared = [f"[bold]run[/] {escape(next(iter(runs)))}"] if one_run else []
    shared += [f"[bold]day[/] {next(iter(days))}, UTC"] if one_day else []
    columns = {"entry": "right", "time" if one_day else "time, UTC": "left", "run": "left", "round": "right",
               "kind": "left", "who": "left", "says": "left"}  # fmt: skip
    if len(runs) < 2:
        del columns["run"]
    table = _table(columns)
    for row in rows:
        time = row.time[11:19] if one_day else row.time[5:16].replace("T", " ")
        run = [row.run or ""] if "run" in columns else []
        number = "" if row.round is None else str(row.round)
        table.add_row(*map(escape, (str(row.seq), time, *run, number, row.kind, row.who, row.summary)))
    console = Console()
    if shared:
        console.print(*shared, sep="   ")
    console.print(table if rows else "No entries.")


def by_who(rows: Sequence["Row"]) -> list[dict[str, Any]]:
    """For each participant, in order of appearance: how many statements of each sort, and in which rounds."""
    lines: dict[str, dict[str, Any]] = {}
    for row in rows:
        line = lines.setdefault(row.who, {"who": row.who, "counts": Counter(), "rounds": set()})
        line["counts"][_COUNTED.get(row.kind, _OTHER)] += 1
        if row.round is not None:
            line["rounds"].add(row.round)
    return [{"who": line["who"], **line["counts"], "rounds": ranges(line["rounds"])} for line in lines.values()]


def by_round(rows: Sequence["Row"]) -> list[dict[str, Any]]:
    """For each round of each run: how many statements of each sort, whether it was closed, and who contributed."""
    lines: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        if row.round is None:
            continue
        key = (row.run or "", row.round)
        line = lines.setdefault(key, {"closed": False, "counts": Counter(), "who": {}})
        line["closed"] |= row.kind == "round.close"
        if row.kind in _COUNTED:
            line["counts"][_COUNTED[row.kind]] += 1
            line["who"][row.who] = None
    return [{"run": run, "round": number, "closed": "yes" if line["closed"] or number == 0 else "no",
             **line["counts"], "who": list(line["who"])} for (run, number), line in sorted(lines.items())]  # fmt: skip


def print_lines(lines: Sequence[dict[str, Any]]) -> None:
    """A table of sums: only the columns that anybody has something in."""
    order = ("who", "run", "round", "closed", *_COUNTED.values(), _OTHER, "rounds")
    used = [name for name in order if any(name in line for line in lines)]
    if lines and isinstance(lines[0]["who"], list):
        used = [*(name for name in used if name != "who"), "who"]
    table = _table({name: "right" if name in (*_COUNTED.values(), _OTHER, "round") else "left" for name in used})
    for line in lines:
        table.add_row(*(escape(_cell(line.get(name))) for name in used))
    Console().print(table if lines else "No entries.")


def _cell(value: Any) -> str:
    if isinstance(value, list):
        more = f", and {len(value) - _NAMES} more" if len(value) > _NAMES else ""
        return ", ".join(value[:_NAMES]) + more
    return "" if value is None else str(value)


def _table(columns: dict[str, Any]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in columns.items():
        table.add_column(name, justify=justify, no_wrap=name not in ("who", "says", "run", "rounds"), overflow="fold")
    return table
