"""Entries as tables: one by one, or added up by participant or round. Readable at 80 columns and without colour."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fedray.cli.ledger.output import printable, ranges

if TYPE_CHECKING:
    from ledger.show import Row

# What is counted under which heading; everything else is the operator's or the accounts' own business.
_COUNTED = {
    "data.register": "data",
    "algorithm.publish": "code",
    "model.publish": "models",
    "update.commit": "updates",
    "update.reveal": "revealed",
    "compute.report": "compute",
    "evaluation": "tests",
    "transfer": "paid",
}
_OTHER = "other"
_NUMBERS = ("entry", "round", *_COUNTED.values(), _OTHER)
_WIDE = 100  # columns from which the time of every entry is shown


def print_rows(rows: Sequence["Row"]) -> None:
    """A line an entry, cut where the terminal ends. What all rows share stands above the table, once."""
    shown = {
        "entry": [str(row["seq"]) for row in rows],
        "time (UTC)": [row["time"][5:19].replace("T", " ") for row in rows] if Console().width >= _WIDE else [],
        "run": [row["run"] or "" for row in rows],
        "round": ["" if row["round"] is None else str(row["round"]) for row in rows],
        "kind": [row["kind"] for row in rows],
        "who": [row["who"] for row in rows],
        "says": [row["summary"] for row in rows],
    }
    _print(shown, elastic="says", above=_span(rows[0]["time"], rows[-1]["time"]) if rows else "")


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
        line = lines.setdefault(key, {"closed": key[1] == 0, "counts": Counter(), "who": {}})
        line["closed"] |= row["kind"] == "round.close"
        if row["kind"] in _COUNTED:
            line["counts"][_COUNTED[row["kind"]]] += 1
            line["who"][row["who"]] = None
    return [{"run": run, "round": number, "closed": line["closed"], **line["counts"], "who": list(line["who"])}
            for (run, number), line in sorted(lines.items())]  # fmt: skip


def print_lines(lines: Sequence[dict[str, Any]], by: str) -> None:
    """A table of sums: only the columns that anybody has something in."""
    counts = [*_COUNTED.values(), _OTHER]
    order = ["who", *counts, "rounds"] if by == "who" else ["run", "round", "closed", *counts, "who"]
    shown = {name: [_cell(line.get(name)) for line in lines] for name in order if any(line.get(name) for line in lines)}
    _print(shown, elastic="rounds" if by == "who" else "who")


def _print(shown: dict[str, list[str]], elastic: str, above: str = "") -> None:
    """The columns that have rows; a run that is the only one is named above."""
    console = Console()
    runs = set(shown.get("run", [])) - {""}
    if len(runs) <= 1:
        shown = {name: cells for name, cells in shown.items() if name != "run"}
    above = ", ".join([*(f"run {run}" for run in runs if len(runs) == 1), *([above] if above else [])])
    widths = _widths({name: cells for name, cells in shown.items() if cells}, elastic, console.width)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, width in widths.items():
        justify: Any = "right" if name in _NUMBERS else "left"
        table.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", width=width)
    for cells in zip(*(shown[name] for name in widths), strict=True):
        table.add_row(*(escape(printable(cell)) for cell in cells))
    if above:
        console.print(escape(printable(above)), style="dim", highlight=False)
    console.print(table if widths else "No entries.")


def _widths(columns: dict[str, list[str]], elastic: str, available: int) -> dict[str, int]:
    """How wide each column is: as it needs, names up to a point; the elastic one gets the rest and is cut first."""
    name = 24 if available >= _WIDE else 16
    most = {title: name for title in ("who", "run") if title != elastic}
    widths = {title: min(max(map(cell_len, [title, *cells])), most.get(title, available))
              for title, cells in columns.items()}  # fmt: skip
    if elastic in widths:
        others = sum(width for title, width in widths.items() if title != elastic)
        widths[elastic] = max(min(widths[elastic], available - others - 2 * (len(widths) - 1)), len(elastic))
    return widths


def _span(first: str, last: str) -> str:
    """`2026-11-20 13:50:01 to 13:55:12 UTC`."""
    day, end = first[:10], last[:10]
    until = last[11:19] if day == end else f"{end} {last[11:19]}"
    return f"{day} {first[11:19]}" + ("" if first[:19] == last[:19] else f" to {until}") + " UTC"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return (f"{len(value)}: " if len(value) > 1 else "") + ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
