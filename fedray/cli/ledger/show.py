"""``fedray ledger show``: who contributed what in which round."""

from collections import deque
from typing import TYPE_CHECKING

import click

from fedray.cli.ledger.output import count, print_json
from fedray.cli.ledger.places import Place, ledger_argument
from fedray.cli.options import format_option, wants_json

if TYPE_CHECKING:
    from ledger.show import Row

_SHOWN = 50


@click.command()
@ledger_argument
@click.option("--kind", metavar="KIND", help="Only entries of one kind, such as update.commit.")
@click.option("--who", metavar="WHO", help="Only entries by one participant: a registered name, or a key's beginning.")
@click.option("--run", metavar="NAME", help="Only entries of one run.")
@click.option("--round", "number", type=click.IntRange(min=0), metavar="N", help="Only entries of one round.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Only the newest N, 0 for all [default: {_SHOWN}; in JSON all].",
)
@click.option("--by", type=click.Choice(["who", "round"]), help="A line for each participant or round instead.")
@format_option
def command(
    place: Place, kind: str | None, who: str | None, run: str | None, number: int | None, limit: int | None,
    by: str | None, output: str,
) -> None:  # fmt: skip
    """List entries: who stated what in which round. Nothing is proved here; see verify."""
    from ledger.show import rows

    as_json = wants_json(output)
    most = (0 if as_json or by else _SHOWN) if limit is None else limit
    found, total = deque["Row"](maxlen=most or None), 0
    for row in rows(place.where, kind=kind, who=who, run=run, round=number):
        found.append(row)
        total += 1
    if by is not None:
        _summary(list(found), by, as_json)
    elif as_json:
        for row in found:
            print_json(row)
    else:
        from fedray.cli.ledger.row_tables import print_rows

        print_rows(list(found))
        if total > len(found):
            click.echo(f"{count(total - len(found), 'earlier entry')} not shown; --limit 0 shows all.")


def _summary(rows: list["Row"], by: str, as_json: bool) -> None:
    from fedray.cli.ledger import row_tables

    lines = row_tables.by_who(rows) if by == "who" else row_tables.by_round(rows)
    if as_json:
        for line in lines:
            print_json(line)
    else:
        row_tables.print_lines(lines, by)
