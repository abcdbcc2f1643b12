"""``fedray ledger receipt``: verifying a receipt, for which no ledger is needed."""

from pathlib import Path

import click

from fedray.cli.ledger.output import count, facts, head_of, print_json, verdict
from fedray.cli.ledger.places import GivenFile, content
from fedray.cli.ledger.trust import key_or_policy, trusted
from fedray.cli.options import format_option, wants_json


@click.group()
def command() -> None:
    """Receipts (C2SP tlog-proof): an entry is in a log, provable without the log."""


@command.command()
@click.argument("receipt", type=GivenFile)
@click.argument("entry", type=GivenFile)
@key_or_policy
@format_option
def verify(receipt: Path, entry: Path, logs: tuple[str, ...], policy: Path | None, output: str) -> None:
    """Check that RECEIPT proves ENTRY (the entry's bytes, as fedray ledger prove --entry writes them)."""
    from ledger.errors import NoQuorum, Refused, Tampered
    from ledger.receipt import parse_receipt

    trust = trusted(logs, policy)
    if trust is None:
        raise Refused("nobody is trusted; give the log's key with --log, or a policy with --policy.")
    parsed = parse_receipt(content(receipt))
    try:
        checkpoint = parsed.verify(trust, content(entry))
    except (Refused, NoQuorum) as error:
        _fail(str(error), wants_json(output), Tampered.exit_code if isinstance(error, Refused) else error.exit_code)
    if wants_json(output):
        print_json({"ok": True, "index": parsed.index, **head_of(checkpoint)})
        return
    verdict(True, f"proven: {entry} is entry {parsed.index} of {checkpoint.origin}")
    facts({"checkpoint": count(checkpoint.size, "entry"), "root": checkpoint.root.hex()})


def _fail(reason: str, as_json: bool, exit_code: int) -> None:
    if as_json:
        print_json({"ok": False, "reason": reason})
    else:
        verdict(False, f"NOT PROVEN: {reason}")
    raise click.exceptions.Exit(exit_code)
