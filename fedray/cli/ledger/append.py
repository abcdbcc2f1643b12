"""``fedray ledger append``: record statements that participants have signed."""

from pathlib import Path

import click

from fedray.cli.ledger.lines import parse_lines
from fedray.cli.ledger.places import Folder, Place, ledger_argument
from fedray.cli.ledger.recording import record, writer
from fedray.cli.options import format_option, wants_json


@click.command()
@ledger_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--receipts", metavar="FOLDER", type=Folder, help="Also write each receipt to FOLDER/INDEX.receipt.")
@format_option
def command(place: Place, file: str, receipts: Path | None, output: str) -> None:
    """Record the signed statements in FILE ('-': from a pipe), and give a receipt for each.

    One a line, as --sign-only prints them: {"body":{…},"sig":"<base64>"}. A file with a line that is none, or
    whose signature is wrong, is not recorded at all; otherwise statements are recorded in order, up to the first that
    the ledger's rules refuse.
    """
    from ledger.errors import Refused
    from ledger.fs import reported

    with reported(f"reading {file}"), click.open_file(file, "rb") as stream:
        statements = list(parse_lines(stream.read()))
    if not statements:
        raise Refused(f"{file} holds no statement; write one a line, as --sign-only prints them.")
    with writer(place) as log:
        record(place, log, statements, wants_json(output), receipts)
