"""``fedray ledger init``: a new ledger, its operator's key and its genesis."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fedray.cli.ledger.output import facts, headline, print_json
from fedray.cli.ledger.places import keys_option
from fedray.cli.options import format_option, wants_json

if TYPE_CHECKING:
    from ledger.canonical import Value
    from ledger.keyring import KeyRing
    from ledger.keys import SigningKey

_MOST_NAME = 255  # bytes, on every usual file system


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--origin", required=True, metavar="NAME", help="The log's name for ever, such as example.org/training.")
@click.option("--quorum", default="none", metavar="none|all|majority|K", show_default=True,
              help="How many of a round's committers must cosign before it closes.")  # fmt: skip
@click.option("--allocate", "allocations", metavar="KEY=AMOUNT", multiple=True,
              help="Money for a key (ed25519:…) from the start; may be repeated.")  # fmt: skip
@keys_option
@format_option
def init(folder: Path, origin: str, quorum: str, allocations: tuple[str, ...], keys: Path | None, output: str) -> None:
    """Make the new folder DIR a ledger, with its operator's key in the key folder."""
    from fedray import __version__
    from ledger.keyring import KeyRing
    from ledger.log import Log
    from ledger.state import State
    from ledger.statements import sign

    ring = KeyRing(keys)
    _check_length(ring, origin)
    key = _operator_key(ring, origin)
    given = [_allocation(text) for text in allocations]
    said = sign(key, "genesis", origin, created_by=f"fedray {__version__}", quorum=quorum, allocations=given)
    State().apply(said.body)  # refused now, or never: a ledger without its genesis is of no use
    with Log.create(folder, origin, key, keys=keys) as log:
        log.append_now(said)
    _report(folder, ring, origin, key, wants_json(output))


def _check_length(ring: "KeyRing", origin: str) -> None:
    """Refused when the key folder's files, and the drafts of them, would have names that no disk takes."""
    from ledger.errors import Refused

    longest = len(f".{ring.next_key_file(origin).name}.{'0' * 8}")
    if longest > _MOST_NAME:
        raise Refused(
            f"the origin is too long: its key's file name would have {longest} bytes, and {_MOST_NAME} are allowed; "
            "take a shorter one (in a file name, a character such as / counts for three, and é for six)."
        )


def _operator_key(ring: "KeyRing", origin: str) -> "SigningKey":
    """The key that an earlier, failed attempt has kept, or a new one."""
    from ledger.keys import SigningKey

    return ring.key(origin) if ring.key_file(origin).exists() else SigningKey.generate()


def _allocation(text: str) -> "Value":
    from ledger.errors import Refused

    who, _, amount = text.partition("=")
    if not (amount.isascii() and amount.isdigit() and len(amount) <= 16):
        raise Refused(f"--allocate {text!r} is not KEY=AMOUNT; write it like ed25519:1f…=1000.")
    return {"to": who, "amount": int(amount)}


def _report(folder: Path, ring: "KeyRing", origin: str, key: "SigningKey", as_json: bool) -> None:
    from ledger.note import NoteSigner

    vkey, key_file = str(NoteSigner(origin, key).vkey), ring.key_file(origin)
    head = key_file.with_suffix(".head")
    if as_json:
        print_json({"ledger": str(folder), "origin": origin, "vkey": vkey, "who": key.who,
                    "key_file": str(key_file), "head_file": str(head)})  # fmt: skip
        return
    headline(f"Made the ledger {origin} in {folder}.")
    facts({"log key": vkey, "key file": key_file, "head file": head})
    click.echo(
        "Publish the log key: whoever has it can check every checkpoint and receipt.\n"
        "Back up the key file and keep it secret: who has it can sign for this log, and without it nothing is added.\n"
        "Leave the head file alone: it is what tells a rolled-back ledger, so never restore an old copy of it."
    )
