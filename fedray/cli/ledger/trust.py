"""Whom a command trusts: log keys, or a policy (C2SP tlog-policy) that also names witnesses."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fedray.cli.ledger.places import GivenFile, content

if TYPE_CHECKING:
    from ledger.policy import Policy

Command = TypeVar("Command", bound=Callable[..., Any])


def trust_options(command: Command, *names: str) -> Command:
    """--log (and other `names` for it) and --policy, for `trusted`."""
    log = click.option(
        "--log", *names, "logs", metavar="VKEY", multiple=True, help="A log key you trust; may be repeated."
    )
    policy = click.option("--policy", metavar="FILE", type=GivenFile, help="A trust policy (C2SP tlog-policy).")
    return log(policy(command))


def key_or_policy(command: Command) -> Command:
    """The same, where no key of one's own is asked for: --key is the log's, too."""
    return trust_options(command, "--key")


def trusted(logs: tuple[str, ...], policy: Path | None) -> "Policy | None":
    """The policy that --policy and --log give; None when neither does."""
    from ledger.errors import Refused
    from ledger.policy import Policy
    from ledger.vkey import VerifierKey

    if logs and policy:
        raise Refused("--log and --policy both say whom to trust; give one of them.")
    if policy:
        return Policy.parse(content(policy))
    return Policy(tuple(map(VerifierKey.parse, logs))) if logs else None
