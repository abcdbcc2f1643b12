"""``fedray ledger repair``: bring a ledger back into order after a crash, damage to derived files, or a move."""

import click

from fedray.cli.ledger.output import print_json
from fedray.cli.ledger.places import Place, ledger_argument
from fedray.cli.options import format_option, wants_json


@click.command()
@ledger_argument
@click.option("--adopt-head", is_flag=True,
              help="The key folder has lost its head file: take the published checkpoint for it.")  # fmt: skip
@format_option
def command(place: Place, adopt_head: bool, output: str) -> None:
    """Recover a ledger: finish what a crash interrupted and rebuild missing or damaged tiles. Entries never change.

    --adopt-head gives up the protection against a rolled-back ledger for what was signed before: be sure that this copy
    is the newest.
    """
    from ledger.repair import repair

    done = repair(place.folder, place.keys, adopt_head)
    if wants_json(output):
        print_json({"ledger": str(place), "done": list(done)})
        return
    for sentence in done:
        click.echo(sentence)
    if not done:
        click.echo("Nothing was wrong.")
