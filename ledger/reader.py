"""Reading a ledger's file: one entry a line, and perhaps a last line that a crash tore off."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger.chain import MAX_ENTRY_BYTES
from ledger.errors import NotALedger
from ledger.fs import reported


@dataclass(frozen=True)
class Line:
    """`data` is the line without its newline; a `torn` line is the end of the file and never got one."""

    data: bytes
    torn: bool


def entries_file(path: str | Path) -> Path:
    """The file of the ledger in the folder `path`, whether it is there or not."""
    return Path(path) / "entries.jsonl"


def existing_file(path: str | Path) -> Path:
    """The same, where there is one; NotALedger otherwise."""
    file = entries_file(path)
    with reported(f"looking for the ledger {path}"):
        if not file.is_file():
            raise NotALedger(f"{path} holds no {file.name}; name a ledger's folder, or make one with Ledger.create.")
    return file


def read_lines(path: str | Path) -> Iterator[Line]:
    """Every line of the ledger in the folder `path`, oldest first, in bounded memory.

    Only a newline ends a line. A line too long to be an entry comes in pieces, none of which can pass for one.
    Raises NotALedger where there is none or nothing in it, LedgerIOError when it cannot be read.
    """
    empty = True
    with reported(f"reading the ledger {path}"), existing_file(path).open("rb") as file:
        # One byte more than an entry and its newline, so that no piece of a longer line is short enough for an entry.
        while data := file.readline(MAX_ENTRY_BYTES + 2):
            empty = False
            whole = data.endswith(b"\n")
            yield Line(data.removesuffix(b"\n"), torn=not whole and len(data) < MAX_ENTRY_BYTES + 2)
    if empty:
        raise NotALedger(f"{path} holds an empty file; restore it, or remove it and make a new ledger.")
