"""The group of verbs. A verb's module is imported only when that verb runs, so that help is instant."""

import importlib
from typing import Any

import click

from fedray.cli.ledger.output import printable

_SECTIONS = {
    "Read": {
        "show": "List who contributed what in which round.",
        "verify": "Check every hash, link, signature and rule.",
        "audit": "Replay everything; what the runs and balances come to.",
        "balance": "Who has an account, and what is in it.",
        "checkpoint": "Print the newest signed checkpoint.",
        "prove": "Write the receipt of an entry.",
        "receipt": "Verify a receipt, without the ledger.",
        "policy": "Print whom a ledger names, as a policy to verify with.",
        "compare": "Does one checkpoint continue the other, or is the log forked?",
    },
    "Take part": {
        "key": "Make, show and rotate keys.",
        "account": "Register, rotate, revoke and list accounts.",
        "contribute": "State data, a model, an update, compute or an algorithm.",
        "transfer": "Give money to another account.",
        "stake": "Put money at stake.",
        "unstake": "Take money back from the stake.",
        "witness": "Cosign checkpoints, once or as a server.",
    },
    "Operate": {
        "init": "Make a new ledger and its operator's key.",
        "append": "Record signed statements from a file or a pipe.",
        "serve": "Serve the published log over HTTP.",
        "export": "Copy the public part, verified first.",
        "repair": "Bring a damaged or restored ledger back into order.",
    },
}
_VERBS = {verb: text for section in _SECTIONS.values() for verb, text in section.items()}
_MODULES = {"transfer": "money", "stake": "money", "unstake": "money", "init": "create"}


class _Ledger(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        module = importlib.import_module(f"fedray.cli.ledger.{_MODULES.get(name, name)}")
        command: click.Command = getattr(module, name if name in _MODULES else "command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, verbs in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(list(verbs.items()), col_max=16)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # help and usage need no ledger
        except Exception as error:
            from ledger.errors import LedgerError

            if not isinstance(error, LedgerError):
                raise
            click.echo(f"Error: {printable(str(error))}", err=True)
            raise click.exceptions.Exit(error.exit_code) from None


@click.group(
    cls=_Ledger,
    epilog="Exit codes: 0 good, 1 tampered, 2 usage or refused, 3 rolled back, forked or without a quorum, "
    "4 disk, lock or network.",
)
def command() -> None:
    """Keep, read, prove and verify the record of who contributed what.

    LEDGER is a ledger's folder, or a run (its name, its beginning, its path or 'latest'); for those who only read, also
    the http(s) address of a served log.
    """
