"""``fedray ledger witness``: cosigning by the tlog-witness rule, once, as a server, or asking others to."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fedray.cli.ledger.output import count, head_of, json_flag, print_json
from fedray.cli.ledger.places import (
    File,
    GivenFile,
    Place,
    content,
    key_file,
    key_name,
    key_option,
    keys_option,
    ledger_argument,
    load_key,
)
from fedray.cli.ledger.reading import as_damage, head, operator_keys, operators, tree
from fedray.cli.ledger.recording import add_cosignatures
from fedray.cli.ledger.trust import trust_options, trusted
from fedray.cli.options import format_option, wants_json

if TYPE_CHECKING:
    from ledger.cosignature import Cosigner
    from ledger.note import Signature, VerifierKey
    from ledger.published import PublishedTree
    from ledger.state import State
    from ledger.witness.cosigner import Consistency

_name = click.option("--name", metavar="NAME", help="The witness's name [default: the key's].")
_memory = click.option("--memory", type=File, help="Where the last heads are remembered [default: beside the key].")


@click.group()
def command() -> None:
    """Cosign checkpoints: only what continues the last one you cosigned, so that no log can show you two histories."""


@command.command()
@ledger_argument
@key_option
@trust_options
@_name
@_memory
@click.option("--sign-only", is_flag=True, help="Only print the cosignature, to send to the operator.")
@json_flag
def cosign(
    place: Place, key: str, logs: tuple[str, ...], policy: Path | None, name: str | None, memory: Path | None,
    sign_only: bool, as_json: bool,
) -> None:  # fmt: skip
    """Cosign the newest checkpoint; exit code 3 when it does not continue the one you remember.

    The cosignature is added to the checkpoint, or, with --sign-only and for a served log, printed. Without --policy or
    --log, the operator keys that the log itself names are believed.
    """
    from ledger.note import format_signature

    log = tree(place)
    trust = trusted(logs, policy)
    cosigner = _cosigner(key, place.keys, name)
    memory = memory or key_file(key, place.keys).with_suffix(".memory")
    now = _replayed(place, log)
    _check_cosigner(cosigner, now)
    line = _cosigned(log, cosigner, trust.logs if trust else operator_keys(now), memory)
    added = not sign_only and isinstance(place.where, Path)
    if added:
        add_cosignatures(place, log.size, [line])
    if as_json:
        text = format_signature(line).decode()
        print_json({**head_of(head(log.signed)), "witness": str(cosigner.vkey), "cosignature": text, "added": added})
    elif added:
        click.echo(f"{cosigner.vkey.name} cosigned {log.origin} at size {log.size}, root {log.root_at(log.size).hex()}")
    else:
        click.echo(format_signature(line), nl=False)


@command.command()
@ledger_argument
@click.option("--policy", metavar="FILE", type=GivenFile, required=True, help="Whom to ask: its witnesses with a URL.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=10.0, show_default=True, metavar="SECONDS")
@format_option
def feed(place: Place, policy: Path, timeout: float, output: str) -> None:
    """Ask the witnesses of a policy to cosign the newest checkpoint, and add what they sign.

    Exit code 3 when the policy's quorum is not reached.
    """
    from ledger.checkpoint import add_signatures
    from ledger.policy import Policy
    from ledger.witness.feeder import feed, peers

    trust = Policy.parse(content(policy))
    log = tree(place)
    checkpoint, data = head(log.signed), log.signed
    fed = feed(data, _consistency(log), peers(trust), timeout)
    if fed.signatures:
        add_cosignatures(place, checkpoint.size, fed.signatures)
    signed = [line.name for line in fed.signatures]
    if wants_json(output):
        refusals = {name: str(error) for name, error in fed.errors.items()}
        print_json({**head_of(checkpoint), "cosigned": signed, "refused": refusals})
    else:
        click.echo(f"{count(len(signed), 'witness')} cosigned {checkpoint.origin} at size {checkpoint.size}")
        for error in fed.errors.values():
            click.echo(f"  {error}", err=True)
    trust.open(add_signatures(data, fed.signatures))


@command.command()
@key_option
@trust_options
@_name
@_memory
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 [default]: any free one.")
@click.option("--prefix", default="", metavar="/PATH", help="A path before add-checkpoint.")
@keys_option
def serve(
    key: str, logs: tuple[str, ...], policy: Path | None, name: str | None, memory: Path | None, host: str, port: int,
    prefix: str, keys: Path | None,
) -> None:  # fmt: skip
    """Cosign over HTTP (C2SP tlog-witness) for the logs of --log or --policy, until Ctrl-C.

    Prints the line `witness NAME VKEY URL` for the policies of others.
    """
    from ledger.errors import Refused
    from ledger.witness.cosigner import Witness
    from ledger.witness.memory import Memory
    from ledger.witness.server import serve as answer

    trust = trusted(logs, policy)
    if trust is None:
        raise Refused("a witness needs to know its logs; give their keys with --log, or a policy with --policy.")
    remembered = Memory(memory or key_file(key, keys).with_suffix(".memory"))
    witness = Witness(_cosigner(key, keys, name), remembered, trust.logs)
    asyncio.run(answer(witness, host, port, prefix))


def _cosigner(key: str, keys: Path | None, name: str | None) -> "Cosigner":
    from ledger.cosignature import Cosigner

    return Cosigner(name or key_name(key_file(key, keys)), load_key(key, keys))


def _cosigned(log: "PublishedTree", cosigner: "Cosigner", known: Sequence["VerifierKey"], memory: Path) -> "Signature":
    from ledger.witness.cosigner import Participants
    from ledger.witness.memory import Memory

    return Participants(Memory(memory), known).cosign(log.signed, [cosigner], _consistency(log))[cosigner.vkey.name]


def _replayed(place: Place, log: "PublishedTree") -> "State":
    """What the entries come to; Tampered unless the checkpoint is over just these, and by whom they say operates it."""
    from ledger.entry import encode_entry
    from ledger.errors import Refused, Tampered
    from ledger.merkle import CompactRange, leaf_hash
    from ledger.note import parse_note
    from ledger.show import entries
    from ledger.source import open_source
    from ledger.state import State
    from ledger.verify.heads import reason

    state, read = State(), CompactRange()
    for entry in islice(entries(open_source(place.where)[0]), log.size):
        read.append(leaf_hash(encode_entry(entry)))
        with as_damage(f"entry {state.size}"):
            state.apply(entry.statement.body)
    if (read.size, read.root()) != (log.size, head(log.signed).root):
        raise Tampered("log/checkpoint", "its root is not that of the entries")
    if state.size:  # an empty log has no genesis to say who must sign
        try:
            operators(state).check(parse_note(log.signed), log.size)
        except Refused as error:
            raise Tampered("log/checkpoint", reason(error)) from error
    return state


def _check_cosigner(cosigner: "Cosigner", now: "State") -> None:
    """Refused for a key whose owner has closed its account: whoever uses it may be a thief."""
    from ledger.errors import Refused

    who = f"ed25519:{cosigner.vkey.public.hex()}"
    account = now.account(who)
    if account is not None and account.revoked:
        raise Refused(
            f"the account {account.name!r} of {now.log} is revoked, and its key cosigns no more; use another."
        )


def _consistency(log: "PublishedTree") -> "Consistency":
    """From an older size to the proof that the newest checkpoint continues that one."""
    return lambda old: log.consistency_path(old, log.size)
