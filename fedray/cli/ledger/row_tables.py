"""Entries as tables: one by one, or added up by participant or round. Readable at 80 columns and without colour."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
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
_WIDE = 100  # columns from which the time of every entry is shown


def print_rows(rows: Sequence["Row"]) -> None:
    """A line an entry, cut where the terminal ends. What all rows share stands above the table, once."""
    console = Console()
    wide = console.width >= _WIDE
    runs = {row["run"] for row in rows if row["run"]}
    shown = {
        "entry": [str(row["seq"]) for row in rows],
        "time (UTC)": [row["time"][5:19].replace("T", " ") for row in rows] if wide else [],
        "run": [row["run"] or "" for row in rows] if len(runs) > 1 else [],
        "round": ["" if row["round"] is None else str(row["round"]) for row in rows],
        "kind": [row["kind"] for row in rows],
        "who": [row["who"] for row in rows],
        "says": [row["summary"] for row in rows],
    }
    widths = _widths({name: cells for name, cells in shown.items() if cells}, console.width)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, width in widths.items():
        justify: Any = "right" if name in ("entry", "round") else "left"
        table.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", width=width)
    for cells in zip(*(shown[name] for name in widths), strict=True):
        table.add_row(*map(escape, cells))
    if rows:
        run = f"run {next(iter(runs))}, " if len(runs) == 1 else ""
        console.print(escape(f"{run}{_span(rows[0]['time'], rows[-1]['time'])}"), style="dim", highlight=False)
    console.print(table if rows else "No entries.")


def _widths(columns: dict[str, list[str]], available: int) -> dict[str, int]:
    """How wide each column is: as it needs, names up to a point; what is said gets the rest and is cut first."""
    name = 24 if available >= _WIDE else 16
    most = {"who": name, "run": name}
    widths = {title: min(max(map(cell_len, [title, *cells])), most.get(title, available))
              for title, cells in columns.items()}  # fmt: skip
    if "says" in widths:
        others = sum(width for title, width in widths.items() if title != "says")
        widths["says"] = max(min(widths["says"], available - others - 2 * (len(widths) - 1)), 10)
    return widths


def _span(first: str, last: str) -> str:
    """`2026-11-20 13:50:01 to 13:55:12 UTC`."""
    day, end = first[:10], last[:10]
    until = last[11:19] if day == end else f"{end} {last[11:19]}"
    return f"{day} {first[11:19]}" + ("" if first[:19] == last[:19] else f" to {until}") + " UTC"


def by_who(rows: Sequence["Row"]) -> list[dict[str, Any]]:
    """For each participant, in order of appearance: how many statements of each sort, and in which rounds."""
    lines: dict[str, dict[str, Any]] = {}
    for row in rows:
        line = lines.setdefault(row["who"], {"who": row["who"], "counts": Counter(), "rounds": set()})
        line["counts"][_COUNTED.get(row["kind"], _OTHER)] += 1
        if row["round"] is not None:
            line["rounds"].add(row["round"])
    return [{"who": line["who"], **line["counts"], "rounds": ranges(line["rounds"])} for line in lines.values()]


def by_round(rows: Sequence["Row"]) -> list[dict[str, Any]]:
    """For each round of each run: how many statements of each sort, whether it was closed, and who contributed."""
    lines: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        if row["round"] is None:
            continue
        key = (row["run"] or "", row["round"])
        line = lines.setdefault(key, {"closed": False, "counts": Counter(), "who": {}})
        line["closed"] |= row["kind"] == "round.close"
        if row["kind"] in _COUNTED:
            line["counts"][_COUNTED[row["kind"]]] += 1
            line["who"][row["who"]] = None
    return [{"run": run, "round": number, "closed": line["closed"] or number == 0,
             **line["counts"], "who": list(line["who"])} for (run, number), line in sorted(lines.items())]  # fmt: skip


def print_lines(lines: Sequence[dict[str, Any]]) -> None:
    """A table of sums: only the columns that anybody has something in."""
    order = ("who", "run", "round", "closed", *_COUNTED.values(), _OTHER, "rounds")
    used = [name for name in order if any(name in line for line in lines)]
    if lines and isinstance(lines[0]["who"], list):
        used = [*(name for name in used if name != "who"), "who"]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in used:
        justify: Any = "right" if name in (*_COUNTED.values(), _OTHER, "round") else "left"
        table.add_column(name, justify=justify, no_wrap=name not in ("who", "run", "rounds"), overflow="fold")
    for line in lines:
        table.add_row(*(escape(_cell(line.get(name))) for name in used))
    Console().print(table if lines else "No entries.")


def _cell(value: Any) -> str:
    if isinstance(value, list):
        more = f", and {len(value) - _NAMES} more" if len(value) > _NAMES else ""
        return ", ".join(value[:_NAMES]) + more
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
