"""``fedray ledger account``: register, rotate, revoke and list accounts."""

from typing import TYPE_CHECKING

import click

from fedray.cli.ledger.balance import account_facts, show_accounts
from fedray.cli.ledger.output import print_json
from fedray.cli.ledger.people import check_name
from fedray.cli.ledger.places import Place, ledger_argument, load_key
from fedray.cli.ledger.reading import replay
from fedray.cli.ledger.recording import state, statement_options
from fedray.cli.options import format_option, wants_json

if TYPE_CHECKING:
    from ledger.state import State
    from ledger.statements import Statement

ROLES = ("end-user", "node", "server", "evaluator", "witness")  # ledger.forms.ROLES, which help must not import


@click.group()
def command() -> None:
    """Accounts: a participant is a key that has registered."""


@command.command()
@statement_options
@click.option("--name", required=True, help="The name that tables show; nobody else may have it.")
@click.option("--role", type=click.Choice(ROLES), default="end-user", show_default=True)
def register(place: Place, key: str, name: str, role: str, sign_only: bool, output: str) -> None:
    """Register your key under a name."""
    from ledger.statements import sign

    check_name(name)
    signer = load_key(key, place.keys)
    state(place, lambda now: [sign(signer, "account.register", now.log, name=name, role=role)], sign_only, output)


@command.command()
@statement_options
@click.option("--new", metavar="NAME|FILE", required=True, help="The new key; make it first: fedray ledger key new.")
def rotate(place: Place, key: str, new: str, sign_only: bool, output: str) -> None:
    """Move your account to a new key; the old one is never heard again."""
    from ledger.statements import rotation_proof, sign

    old, successor = load_key(key, place.keys), load_key(new, place.keys)

    def say(now: "State") -> list["Statement"]:
        proof = rotation_proof(successor, now.log, old.who)
        nonce = now.nonce(old.who) + 1
        return [sign(old, "account.rotate", now.log, new=successor.who, proof=proof, nonce=nonce)]

    state(place, say, sign_only, output)


@command.command()
@statement_options
def revoke(place: Place, key: str, sign_only: bool, output: str) -> None:
    """Close your account's mouth for ever, as after a theft of the key; what it has stays where it is."""
    from ledger.statements import sign

    signer = load_key(key, place.keys)

    def say(now: "State") -> list["Statement"]:
        return [sign(signer, "account.revoke", now.log, nonce=now.nonce(signer.who) + 1)]

    state(place, say, sign_only, output)


@command.command("list")
@ledger_argument
@format_option
def list_(place: Place, output: str) -> None:
    """List every account."""
    accounts = list(replay(place).accounts)
    if wants_json(output):
        for account in accounts:
            print_json(account_facts(account))
    else:
        show_accounts(accounts)
