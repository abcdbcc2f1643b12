"""``fedray ledger checkpoint``: the newest signed checkpoint, as it is published."""

from pathlib import Path

import click

from fedray.cli.ledger.output import head_of, json_flag, print_json
from fedray.cli.ledger.places import File, Place, ledger_argument
from fedray.cli.ledger.reading import head, tree
from fedray.cli.ledger.trust import trust_options, trusted


@click.command()
@ledger_argument
@trust_options
@click.option("-o", "--out", metavar="FILE", type=File, help="Write it to FILE instead of printing it.")
@json_flag
def command(place: Place, logs: tuple[str, ...], policy: Path | None, out: Path | None, as_json: bool) -> None:
    """Print the newest signed checkpoint. Keep it elsewhere: verify --since tells then whether the log was rolled back.

    With --policy or --log it is checked first: exit code 2 when no trusted log signed it, 3 without the quorum.
    """
    from ledger.fs import DISK

    data = tree(place).signed
    checkpoint = head(data)
    trust = trusted(logs, policy)
    if trust is not None:
        trust.open(data)
    if out:
        DISK.replace(out, data)
    if as_json:
        print_json({**head_of(checkpoint), "checkpoint": data.decode()})
    elif not out:
        click.echo(data, nl=False)
    else:
        click.echo(f"Wrote the checkpoint of {checkpoint.origin} at size {checkpoint.size} to {out}.")
