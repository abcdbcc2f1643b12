"""``fedray ledger contribute``: state data, a model, an update, compute or an algorithm, signed by who made it."""

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

import click

from fedray.cli.ledger.digests import app_digest, data_digests, file_digest, is_digest
from fedray.cli.ledger.participant import Participant, participant_options
from fedray.cli.ledger.places import GivenFile
from fedray.cli.ledger.secret import Secret

Command = TypeVar("Command", bound=Callable[..., Any])
_Any = click.Path(path_type=Path, exists=True)
_count = click.IntRange(min=0)
_round = click.option("--round", "number", type=_count, metavar="N", help="The round [default: the open one].")
_parent = click.option("--parent", metavar="DIGEST", help="The model it was made from [default: the newest].")


def _duration(context: click.Context, option: click.Parameter, seconds: float) -> float:
    if not (isfinite(seconds) and seconds >= 0):
        raise click.BadParameter(f"{seconds} is no length of time.")
    return seconds


@click.group()
def command() -> None:
    """State what you contribute to a run: the digest of a file, never the file, signed with your key.

    A key that has no account is registered first.
    """


@command.command()
@participant_options
@click.argument("path", type=_Any)
@click.option("--examples", type=_count, metavar="N", help="How many examples it holds [default: one a file].")
def data(me: Participant, path: Path, examples: int | None) -> None:
    """Bind yourself to data, the folder or file PATH.

    Stated is the Merkle root over the SHA-256 of each file of the folder, in the order of their names. A PATH that is a
    file counts as one example.
    """
    from ledger.merkle import data_root

    digests = data_digests(path)
    held = len(digests) if examples is None else examples
    me.state("data.register", lambda: {"root": data_root(digests), "examples": held})


@command.command()
@participant_options
@click.argument("file", type=GivenFile)
@_round
@_parent
def model(me: Participant, file: Path, number: int | None, parent: str | None) -> None:
    """Publish a model, FILE (.safetensors), by its SHA-256.

    The operator publishes the initial one (--round 0); anybody publishes links of chained training.
    """
    digest = file_digest(file).hex()

    def fields() -> dict[str, Any]:
        at = me.round(number)
        return {"round": at, "model": digest, "parent": "" if at == 0 else parent or me.model()}

    me.state("model.publish", fields)


@command.command()
@participant_options
@click.argument("file", type=GivenFile)
@_round
@_parent
@click.option("--examples", type=_count, metavar="N", help="How many it was trained on [default: all you registered].")
@click.option("--reveal", is_flag=True, help="Show what you committed to before.")
@click.option("--memory", type=click.Path(path_type=Path), help="Where the salt waits [default: beside the key].")
def update(
    me: Participant, file: Path, number: int | None, parent: str | None, examples: int | None,
    reveal: bool, memory: Path | None,
) -> None:  # fmt: skip
    """Commit to an update, FILE (.safetensors); later, show what it was with --reveal.

    The commitment is a salted digest that tells nobody anything. Once everybody has committed, --reveal shows the
    update's SHA-256 and the salt.
    """
    secret = Secret(memory or me.memory, me.who, file_digest(file).hex())

    def commit() -> dict[str, Any]:
        at = me.round(number)
        held = me.examples(examples)
        return {
            "round": at,
            "parent": parent or me.model(at - 1),
            "commitment": secret.commit(me.log, me.run, at),
            "examples": held,
        }

    def show() -> dict[str, Any]:
        at = me.round(number)
        return {"round": at, "update": secret.digest, "salt": secret.salt(me.run, at)}

    me.state(*(("update.reveal", show) if reveal else ("update.commit", commit)))
    if reveal and not me.sign_only:
        secret.forget()


@command.command()
@participant_options
@_round
@click.option("--cohort", type=_count, default=0, show_default=True, metavar="N", help="Which cohort of the round.")
@click.option("--work", type=_count, required=True, metavar="N", help="Examples computed, each pass counted.")
@click.option("--examples", type=_count, required=True, metavar="N", help="Examples the cohort has.")
@click.option("--users", type=_count, default=1, show_default=True, metavar="N", help="Users the cohort has.")
@click.option("--seconds", type=float, callback=_duration, required=True, metavar="S", help="How long it took.")
def compute(
    me: Participant, number: int | None, cohort: int, work: int, examples: int, users: int, seconds: float
) -> None:
    """Claim the work you did for a cohort of a round."""
    facts = {"cohort": cohort, "work": work, "examples": examples, "users": users, "seconds_us": round(seconds * 1e6)}
    me.state("compute.report", lambda: {**facts, "round": me.round(number)})


@command.command()
@participant_options
@click.argument("app", type=_Any)
@click.option("--recipe", metavar="FILE|DIGEST", help="The recipe it runs with [default: the open run's].")
def algorithm(me: Participant, app: Path, recipe: str | None) -> None:
    """Publish the code of the app folder APP: the digest of its .py and .yaml files."""
    name, code = app_digest(app)
    given = recipe if recipe is None or is_digest(recipe) else file_digest(Path(recipe)).hex()
    me.state("algorithm.publish", lambda: {"app": name, "code": code, "recipe": me.recipe(given)})
