"""``fedray ledger balance``: accounts and what is in them."""

from typing import TYPE_CHECKING, Any

import click

from fedray.cli.ledger.output import facts, print_json, table
from fedray.cli.ledger.people import called, person, short
from fedray.cli.ledger.places import Place, ledger_argument
from fedray.cli.ledger.reading import replay
from fedray.cli.options import format_option, wants_json

if TYPE_CHECKING:
    from rich.table import Table

    from ledger.state import Account


@click.command()
@ledger_argument
@click.argument("who", required=False)
@format_option
def command(place: Place, who: str | None, output: str) -> None:
    """Show every account, or that of WHO (a registered name, a key or its beginning)."""
    state = replay(place)
    accounts = list(state.accounts) if who is None else [person(state, who)]
    if wants_json(output):
        for account in accounts:
            print_json(account_facts(account))
    else:
        show_accounts(accounts)


def account_facts(account: "Account") -> dict[str, Any]:
    """An account as JSON."""
    fields = ("who", "name", "role", "balance", "stake", "nonce", "revoked")
    return {name: getattr(account, name) for name in fields}


def show_accounts(accounts: list["Account"]) -> None:
    """A table of accounts; an only one with its whole key, to be copied."""
    if len(accounts) == 1:
        facts(account_facts(accounts[0]) | {"revoked": "yes" if accounts[0].revoked else "no"})
    else:
        table(_table(accounts))


def _table(accounts: list["Account"]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    rows = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("name", "role", "balance", "stake", "key", ""):
        rows.add_column(column, justify="right" if column in ("balance", "stake") else "left", no_wrap=column != "name")
    for account in accounts:
        note = "[red]revoked[/]" if account.revoked else ""
        rows.add_row(
            escape(called(account)),
            account.role,
            f"{account.balance:,}",
            f"{account.stake:,}",
            short(account.who),
            note,
        )
    return rows
