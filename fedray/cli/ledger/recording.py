"""Recording what somebody signs: into the ledger on this machine, or as a line to send to its operator."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fedray.cli.ledger.lines import format_line
from fedray.cli.ledger.output import count, print_json
from fedray.cli.ledger.places import Place, key_option, ledger_argument
from fedray.cli.ledger.reading import replay
from fedray.cli.options import format_option, wants_json

if TYPE_CHECKING:
    from ledger.log import Log
    from ledger.note import Signature
    from ledger.receipt import Receipt
    from ledger.state import State
    from ledger.statements import Statement

Command = TypeVar("Command", bound=Callable[..., Any])
Say = Callable[["State"], Sequence["Statement"]]
"""The statements to record, given what the ledger's entries come to so far."""


def statement_options(command: Command) -> Command:
    """LEDGER, --key, --sign-only and --format: what every verb takes that states something."""
    text = "Record nothing: print the signed statement, to send to the operator (fedray ledger append)."
    command = click.option("--sign-only", is_flag=True, help=text)(format_option(command))
    return ledger_argument(key_option(command))


def state(place: Place, say: Say, sign_only: bool, output: str) -> None:
    """Sign what `say` gives, and record or print it; Refused when the ledger does not allow it."""
    if sign_only:
        for statement in say(replay(place)):
            click.echo(format_line(statement))
        return
    with writer(place) as log:
        statements = say(log.state)
        record(place, log, statements, wants_json(output))


@contextmanager
def writer(place: Place) -> Iterator["Log"]:
    """The ledger, open for appending; Refused where its operator's key is not at hand."""
    from ledger.errors import Refused
    from ledger.folder import LedgerFolder
    from ledger.keyring import KeyRing
    from ledger.log import Log
    from ledger.log.recovery import origin_of

    folder, ring = LedgerFolder(place.folder), KeyRing(place.keys)
    folder.check_exists()
    key = ring.key_file(origin_of(folder))
    if not key.exists():
        raise Refused(
            f"only the operator can append to {place}, and its key is not here ({key} does not exist); name the key "
            "folder with --keys, or sign with --sign-only and send the line to the operator."
        )
    with Log.open(place.folder, keys=place.keys) as log:
        yield log


def record(
    place: Place, log: "Log", statements: Sequence["Statement"], as_json: bool, receipts: Path | None = None
) -> None:
    """Append, and tell which entries they are; Refused names the first statement that may not stand there.

    Their signatures were made or checked by this process.
    """
    from ledger.errors import Refused

    before, refused, made = log.size, None, list["Receipt"]()
    try:
        made = log.append_now(*statements, check=False)
    except Refused as error:
        refused, made = error, _proved(place, log, range(before, log.size))
    recorded = statements[: log.size - before]
    for at, statement in enumerate(recorded):
        receipt = made[at] if made else None
        _tell(before + at, statement, receipt, as_json)
        if receipt is not None and receipts is not None:
            _keep(receipt, receipts)
    if refused is not None:
        raise _explained(refused, statements, len(recorded))
    if not as_json and recorded:
        head = log.head()
        click.echo(f"{log.origin} has {count(head.size, 'entry')} now, root {head.root.hex()}")


def _proved(place: Place, log: "Log", recorded: range) -> list["Receipt"]:
    """Receipts for entries that stand, though a later statement of the same caller was refused."""
    from ledger.errors import LedgerError
    from ledger.folder import LedgerFolder
    from ledger.receipt import Receipt

    if not recorded:
        return []
    try:
        log.publish().result()
        checkpoint, signed = log.published()
        found = LedgerFolder(place.folder).prove(recorded, checkpoint.size)
    except LedgerError:  # they stand, and can be proved later; the refusal is what matters
        return []
    return [Receipt(one.place, one.path, signed) for one in found]


def add_cosignatures(place: Place, size: int, lines: Sequence["Signature"]) -> None:
    """Put verified cosignatures under a published checkpoint; LedgerIOError while another process writes."""
    from ledger.folder import LedgerFolder
    from ledger.fs import DISK, lock
    from ledger.log.publish import Publisher

    folder = LedgerFolder(place.folder)
    folder.check_exists()
    held = lock(folder.journal)
    try:
        Publisher(folder, DISK).cosign(size, lines)
    finally:
        os.close(held)


def _tell(index: int, statement: "Statement", receipt: "Receipt | None", as_json: bool) -> None:
    kind, who = str(statement.body["kind"]), str(statement.body["who"])
    if as_json:
        text = receipt.format().decode() if receipt else None
        print_json({"index": index, "kind": kind, "who": who, "receipt": text})
    else:
        click.echo(f"recorded {kind} of {who[:16]}… as entry {index}")


def _keep(receipt: "Receipt", folder: Path) -> None:
    from ledger.fs import DISK

    DISK.make_folder(folder)
    DISK.replace(folder / f"{receipt.index}.receipt", receipt.format())


def _explained(error: Exception, statements: Sequence["Statement"], recorded: int) -> Exception:
    """The refusal; of several statements, also which one it is and that those before it stand."""
    from ledger.errors import Refused

    if len(statements) == 1:
        return error
    kind = statements[recorded].body.get("kind")
    before = f" The {count(recorded, 'statement')} before it stand." if recorded else ""
    return Refused(f"statement {recorded + 1} of {len(statements)}, {kind}, is refused: {error}{before}")
