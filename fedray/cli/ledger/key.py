"""``fedray ledger key``: make, show and rotate keys."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fedray.cli.ledger.output import facts, headline, json_flag, print_json
from fedray.cli.ledger.places import Place, key_file, key_name, keys_option, ledger_argument, load_key, new_key_file
from fedray.cli.ledger.reading import operator_keys, replay
from fedray.cli.ledger.recording import writer
from fedray.cli.options import format_option, wants_json

if TYPE_CHECKING:
    from ledger.keys import SigningKey


@click.group()
def command() -> None:
    """Keys: files of mode 0600. Whoever has one speaks as its owner."""


@command.command()
@click.argument("name", metavar="NAME|FILE")
@keys_option
@format_option
def new(name: str, keys: Path | None, output: str) -> None:
    """Make a key: under NAME in the key folder, or as FILE (a path, or what ends in .key)."""
    from ledger.fs import DISK
    from ledger.keyring import KeyRing
    from ledger.keys import SigningKey

    path, key = new_key_file(name, keys), SigningKey.generate()
    if path.parent == KeyRing(keys).folder and not path.parent.is_dir():
        DISK.make_folder(path.parent)
        path.parent.chmod(0o700)
    key.save(path)
    if wants_json(output):
        print_json({"file": str(path), "who": key.who})
        return
    headline("Made a key.")
    facts({"file": path, "who": key.who})
    click.echo("Keep the file secret and backed up. 'who' is your public name in every ledger you register it in.")


@command.command()
@click.argument("key", metavar="NAME|FILE")
@click.option("--name", help="Name in the verifier keys [default: the key's].")
@keys_option
@json_flag
def show(key: str, name: str | None, keys: Path | None, as_json: bool) -> None:
    """Print the public side of a key: a name in the key folder (an operator's is its log's origin), or a file."""
    found, path = load_key(key, keys), key_file(key, keys)
    told = {"file": str(path), "who": found.who, **_verifier_keys(found, name or key_name(path))}
    if as_json:
        print_json(told)
    else:
        facts(told)


@command.command()
@ledger_argument
@json_flag
def of(place: Place, as_json: bool) -> None:
    """Print the log keys that a ledger names, oldest first, for --log and for policies.

    They are the ledger's own word: compare them with what its operator publishes elsewhere.
    """
    state = replay(place)
    for key, (since, who) in zip(operator_keys(state), state.operators, strict=True):
        if as_json:
            print_json({"origin": state.log, "vkey": str(key), "who": who, "since": since})
        else:
            click.echo(str(key))


@command.command()
@ledger_argument
@format_option
def rotate(place: Place, output: str) -> None:
    """Hand a ledger over to a new operator key; the checkpoint of the hand-over is signed by both."""
    from ledger.keyring import KeyRing
    from ledger.keys import SigningKey

    successor = SigningKey.generate()
    with writer(place) as log:
        receipt, origin = log.rotate(successor), log.origin
    vkey = _verifier_keys(successor, origin)["log"]
    path = KeyRing(place.keys).key_file(origin)
    if wants_json(output):
        print_json({"index": receipt.index, "origin": origin, "who": successor.who, "vkey": vkey, "file": str(path)})
        return
    headline(f"{origin} was handed over to a new key in entry {receipt.index}.")
    facts({"log key": vkey, "key file": path})
    click.echo("Publish the new log key beside the old one, which older receipts need; and back up the new key file.")


def _verifier_keys(key: "SigningKey", name: str) -> dict[str, str]:
    """As the key of a log, and as the key of a witness."""
    from ledger.cosignature import Cosigner
    from ledger.note import NoteSigner

    return {"log": str(NoteSigner(name, key).vkey), "witness": str(Cosigner(name, key).vkey)}
