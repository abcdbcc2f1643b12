"""How results are printed: JSON for programs; for people lines and tables, never folding what will be copied."""

import json
import os
import shutil
import textwrap
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from ledger.checkpoint import Checkpoint


def json_flag(command: Any) -> Any:
    """--json, for a verb that prints a document to be piped on as it is."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")(command)


def print_json(facts: Mapping[str, Any]) -> None:
    """One object on one line."""
    click.echo(json.dumps(facts))


def printable(text: str) -> str:
    """The text without what could steer a terminal: a log is written by strangers."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def facts(pairs: Mapping[str, object]) -> None:
    """`  name  value` lines, names aligned; text is folded under itself, what has no blanks can be copied."""
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        room = max(columns() - width - 4, 20)
        folded = textwrap.wrap(printable(str(value)), room, break_long_words=False, break_on_hyphens=False) or [""]
        click.echo(f"  {_style(f'{name:<{width}}', bold=True)}  " + f"\n{'':{width + 4}}".join(folded))


def _style(text: str, **how: Any) -> str:
    """The text in colour and bold, but where the person or the terminal wants none (as rich does it)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return text if plain else click.style(text, **how)


def columns() -> int:
    """How wide the terminal is."""
    return shutil.get_terminal_size((100, 24)).columns


def sentence(label: str, text: str, colour: str | None = None) -> None:
    """`label: text`, folded to the terminal's width under its beginning."""
    start = f"{label}: "
    folded = textwrap.fill(
        printable(f"{start}{text}"), columns(), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    click.echo(folded.replace(label, _style(label, fg=colour, bold=True), 1))


def verdict(good: bool, text: str) -> None:
    """One line, green or red; without colour its first word says which."""
    headline(printable(text), fg="green" if good else "red")


def headline(text: str, fg: str | None = None) -> None:
    """One line in bold."""
    click.echo(_style(text, fg=fg, bold=True))


def table(table: "Table") -> None:
    """A rich table at the terminal's width."""
    from rich.console import Console

    Console().print(table)


def count(number: int, noun: str) -> str:
    """`1 entry`, `1,204 entries`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def head_of(checkpoint: "Checkpoint") -> dict[str, Any]:
    """A checkpoint as JSON."""
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}


def moment(milliseconds: int) -> str:
    """A time as people read it, in UTC."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def ranges(numbers: Iterable[int]) -> str:
    """`1-3, 5`: sorted numbers, each run of neighbours as one."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans)
