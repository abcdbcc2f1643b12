"""``fedray ledger policy``: whom the ledger names as its operator and participants, as a policy to verify with."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from fedray.cli.ledger.places import Place, ledger_argument
from fedray.cli.ledger.reading import operator_keys, replay

if TYPE_CHECKING:
    from ledger.note import VerifierKey
    from ledger.state import Account

_ROLES = ("end-user", "node", "witness", "evaluator")
_RESERVED = ("none", "all", "any")


@click.command()
@ledger_argument
@click.option("--quorum", default="majority", show_default=True, metavar="majority|all|K",
              help="How many of them must have cosigned.")  # fmt: skip
def command(place: Place, quorum: str) -> None:
    """Print a trust policy (C2SP tlog-policy) with the ledger's log keys and its participants as witnesses.

    It is the ledger's own word: keep it, and delete those you have no reason to trust. Whoever keeps one from today can
    hold the ledger to it tomorrow: fedray ledger verify LEDGER --policy FILE
    """
    from ledger.errors import Refused

    state = replay(place)
    witnesses = list(
        _witnesses([account for account in state.accounts if account.role in _ROLES and not account.revoked])
    )
    if not witnesses:
        raise Refused(f"{state.log} has no participants yet, who could be witnesses; register some first.")
    counts = {"majority": len(witnesses) // 2 + 1, "all": len(witnesses)}
    needed = counts.get(quorum) or (int(quorum) if quorum.isascii() and quorum.isdigit() and len(quorum) < 16 else 0)
    if not 1 <= needed <= len(witnesses):
        allowed = f"give majority, all or a number from 1 to {len(witnesses)}"
        raise click.BadParameter(f"{quorum!r} is no quorum of {len(witnesses)} participants; {allowed}.")
    for key in operator_keys(state):
        click.echo(f"log {key}")
    for key in witnesses:
        click.echo(f"witness {key.name} {key}")
    group = "participants"
    while group in {key.name for key in witnesses}:
        group += "+"
    click.echo(f"group {group} {needed} {' '.join(key.name for key in witnesses)}\nquorum {group}")


def _witnesses(accounts: "list[Account]") -> Iterator["VerifierKey"]:
    """The accounts' keys as witnesses; those whose name cannot stand in a note never cosign, and some mean more."""
    from ledger.errors import Refused
    from ledger.vkey import cosigner_vkey

    for account in accounts:
        if account.name in _RESERVED:
            continue
        try:
            yield cosigner_vkey(account.name, account.who)
        except Refused:
            continue
