"""``fedray ledger export``: the public part of a ledger, verified first, whole or not at all."""

from pathlib import Path

import click

from fedray.cli.ledger.output import print_json
from fedray.cli.ledger.places import Place, ledger_argument
from fedray.cli.options import format_option, wants_json


@click.command()
@ledger_argument
@click.argument("target", type=click.Path(path_type=Path))
@format_option
def command(place: Place, target: Path, output: str) -> None:
    """Copy what is public of a ledger, the log and its checkpoints, to the new folder TARGET or TARGET.tar.gz.

    It is verified first, and no key goes with it: what anybody needs to verify it is in it.
    """
    from ledger.export import export

    export(place.folder, target)
    if wants_json(output):
        print_json({"ledger": str(place), "target": str(target)})
    else:
        click.echo(f"Wrote {target}. Who gets it checks it with: fedray ledger verify (of an archive: unpack it first)")
