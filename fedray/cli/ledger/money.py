"""``fedray ledger transfer``, ``stake`` and ``unstake``: moving money, each movement once."""

from typing import TYPE_CHECKING, Any

import click

from fedray.cli.ledger.people import person
from fedray.cli.ledger.places import Place, load_key
from fedray.cli.ledger.recording import state, statement_options

if TYPE_CHECKING:
    from ledger.state import State
    from ledger.statements import Statement

_amount = click.option("--amount", type=click.IntRange(min=1), required=True, metavar="N", help="How many units.")


@click.command()
@statement_options
@click.option("--to", "receiver", metavar="WHO", required=True, help="A registered name or a key.")
@_amount
def transfer(place: Place, key: str, receiver: str, amount: int, sign_only: bool, output: str) -> None:
    """Give N units to another account."""
    _move(place, key, "transfer", amount, sign_only, output, receiver)


@click.command()
@statement_options
@_amount
def stake(place: Place, key: str, amount: int, sign_only: bool, output: str) -> None:
    """Put N units where they can be lost for misbehaviour."""
    _move(place, key, "stake", amount, sign_only, output)


@click.command()
@statement_options
@_amount
def unstake(place: Place, key: str, amount: int, sign_only: bool, output: str) -> None:
    """Take N units back from the stake."""
    _move(place, key, "unstake", amount, sign_only, output)


def _move(
    place: Place, key: str, kind: str, amount: int, sign_only: bool, output: str, receiver: str | None = None
) -> None:
    from ledger.statements import sign

    signer = load_key(key, place.keys)

    def say(now: "State") -> list["Statement"]:
        fields: dict[str, Any] = {"amount": amount, "nonce": now.nonce(signer.who) + 1}
        if receiver is not None:
            fields["to"] = person(now, receiver).who
        return [sign(signer, kind, now.log, **fields)]

    state(place, say, sign_only, output)
