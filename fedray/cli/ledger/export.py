"""``fedray ledger export``: the public part of a ledger, verified first, whole or not at all."""

from pathlib import Path

import click

from fedray.cli.ledger.output import count, print_json
from fedray.cli.ledger.places import Place, ledger_argument
from fedray.cli.ledger.verify import report_facts
from fedray.cli.options import format_option, wants_json


@click.command()
@ledger_argument
@click.argument("target", type=click.Path(path_type=Path))
@format_option
def command(place: Place, target: Path, output: str) -> None:
    """Copy what is public of a ledger, the log and its checkpoints, to TARGET: a new folder, or a file .tar.gz.

    It is verified first, and no key goes with it: what anybody needs to verify it is in it.
    """
    from ledger.errors import Refused
    from ledger.export import export

    if isinstance(place.where, str):
        raise Refused("a served log has no history to export; give the ledger's folder, or mirror the log's files.")
    report = export(place.where, target, keys=place.keys)
    if wants_json(output):
        print_json({"target": str(target), **report_facts(report)})
        return
    click.echo(f"Wrote {count(report.size, 'entry')} of {report.origin} to {target}; root {report.root}")
    if target.is_dir():
        click.echo(f"Whoever gets it checks it with: fedray ledger verify {target}")
