"""``fedray ledger prove``: the receipt of an entry (C2SP tlog-proof), provable without the ledger."""

from pathlib import Path

import click

from fedray.cli.ledger.output import json_flag, print_json
from fedray.cli.ledger.places import File, Place, ledger_argument
from fedray.cli.ledger.reading import as_damage, entry, tree


@click.command()
@ledger_argument
@click.argument("index", type=click.IntRange(min=0))
@click.option("-o", "--out", metavar="FILE", type=File, help="Write the receipt to FILE instead of printing it.")
@click.option(
    "--entry", "entry_file", metavar="FILE", type=File, help="Also write the entry itself, which the receipt proves."
)
@json_flag
def command(place: Place, index: int, out: Path | None, entry_file: Path | None, as_json: bool) -> None:
    """Prove that entry INDEX is in the log: its path to the newest signed checkpoint, as a c2sp.org/tlog-proof@v1."""
    from ledger.fs import DISK
    from ledger.receipt import Receipt

    log = tree(place)
    _check_index(index, log.size, log.origin)
    with as_damage("log/tile"):
        receipt = Receipt(index, log.inclusion_path(index, log.size), log.signed).format()
    if entry_file:
        DISK.replace(entry_file, entry(place, index, log.size))
    if out:
        DISK.replace(out, receipt)
    if as_json:
        print_json({"index": index, "origin": log.origin, "size": log.size, "receipt": receipt.decode()})
    elif out:
        click.echo(f"Wrote the receipt of entry {index} of {log.origin} to {out}.")
        click.echo(f"To check it: fedray ledger receipt verify {out} {entry_file or 'ENTRY'} --log VKEY")
        click.echo(f"The log's key, VKEY: fedray ledger key of {place}")
    else:
        click.echo(receipt, nl=False)


def _check_index(index: int, size: int, origin: str) -> None:
    from ledger.errors import Refused

    if index >= size:
        there = f"0 to {size - 1}" if size else "none"
        raise Refused(f"{origin} has no entry {index}; give one that is there ({there}).")
