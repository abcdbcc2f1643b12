"""``fedray ledger compare``: two signed heads of one log. Do they fit together, or has the log forked?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fedray.cli.ledger.output import facts, head_of, print_json, verdict
from fedray.cli.ledger.places import File, Place, content, find
from fedray.cli.ledger.reading import operators, replay, tree
from fedray.cli.ledger.trust import key_or_policy, trusted
from fedray.cli.options import format_option, runs_option, wants_json

if TYPE_CHECKING:
    from ledger.compare import Verdict
    from ledger.note import VerifierKey
    from ledger.verify.heads import Operators


@click.command()
@click.argument("a")
@click.argument("b", required=False)
@key_or_policy
@click.option("-o", "--out", metavar="FILE", type=File, help="Where to write the proof of a fork.")
@runs_option
@format_option
def command(
    a: str, b: str | None, logs: tuple[str, ...], policy: Path | None, out: Path | None, runs: Path | None, output: str
) -> None:
    """Compare two heads of one log: A and B are checkpoints, receipts, ledgers or addresses of served logs.

    Exit code 0 when they are the same or one extends the other; 3 when the log has forked or nobody can tell. A fork's
    proof is printed or written: with it anybody sees that the log has signed both. Without B, A is such a proof, and is
    checked. Without --policy or --log, the keys that a ledger among the two names itself are believed.
    """
    from ledger.fs import DISK

    found = _proven(Path(a), _trusted(logs, policy)) if b is None else _compared((a, b), logs, policy, runs)
    if out and found.proof:
        DISK.replace(out, found.proof.format())
    if wants_json(output):
        print_json(_facts(found))
    else:
        _print(found, out)
    raise click.exceptions.Exit(found.exit_code)


def _compared(heads: tuple[str, str], logs: tuple[str, ...], policy: Path | None, runs: Path | None) -> "Verdict":
    from ledger.compare import compare

    places = [find(text, runs, None) for text in heads if not Path(text).is_file()]
    trees = [tree(place) for place in places]
    published = iter(tree.signed for tree in trees)
    a, b = (content(Path(text)) if Path(text).is_file() else next(published) for text in heads)
    return compare(a, b, _operators(places) if places and not (logs or policy) else _trusted(logs, policy), trees)


def _proven(proof: Path, keys: tuple["VerifierKey", ...]) -> "Verdict":
    """What a proof of a fork proves; Refused when it proves nothing."""
    from ledger.compare import Verdict
    from ledger.fork import parse_fork

    fork = parse_fork(content(proof))
    older, newer = fork.verify(keys)
    return Verdict("forked", older, newer, "the log has signed both of these, and neither continues the other.", fork)


def _trusted(logs: tuple[str, ...], policy: Path | None) -> tuple["VerifierKey", ...]:
    """The keys that may have signed; Refused when nobody says which."""
    from ledger.errors import Refused

    trust = trusted(logs, policy)
    if trust is None:
        raise Refused("neither is a ledger that names its key; give the log's key with --log, or a policy.")
    return trust.logs


def _operators(places: list[Place]) -> tuple["Operators", ...]:
    return tuple(operators(replay(place)) for place in places)


def _facts(found: "Verdict") -> dict[str, Any]:
    proof = found.proof.format().decode() if found.proof else None
    return {"relation": found.relation, "exit_code": found.exit_code, "reason": found.reason,
            "older": head_of(found.older), "newer": head_of(found.newer), "proof": proof}  # fmt: skip


def _print(found: "Verdict", out: Path | None) -> None:
    verdict(
        found.exit_code == 0, f"{found.relation if found.exit_code == 0 else found.relation.upper()}: {found.reason}"
    )
    heads = {"older": found.older, "newer": found.newer}
    facts({"log": found.older.origin} | {name: f"{head.size} {head.root.hex()}" for name, head in heads.items()})
    if found.proof and out:
        click.echo(f"Wrote the proof to {out}; show it to everybody who relies on this log.")
    elif found.proof:
        click.echo("The proof, which everybody who relies on this log should see:\n")
        click.echo(found.proof.format(), nl=False)
