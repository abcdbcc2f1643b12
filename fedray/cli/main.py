"""``fedray``: the command group. A verb's module is imported only when that verb runs, so that help is instant."""

import importlib
import os
import sys
from contextlib import suppress
from typing import Any

import click

from fedray import __version__
from fedray.errors import EXIT_INTERRUPTED, EXIT_IO, FedrayError

_EXIT_PIPE = 141  # as a shell has it for what SIGPIPE ended

_VERBS = {
    "submit": "Train an app: fedray submit apps/seismic",
    "resume": "Go on with a stopped, killed or failed run.",
    "stop": "End a running run; it can be resumed.",
    "runs": "List runs.",
    "show": "Show one run: rounds, metrics, files.",
    "config": "Print the full recipe that would be in force.",
    "new": "Make a new app folder that runs at once.",
    "ledger": "Keep, show, prove and verify the record of contributions.",
    "doctor": "Check this machine and this installation.",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        command: click.Command = importlib.import_module(f"fedray.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FedrayError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Stopped by Ctrl-C.", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except OSError as error:
            ctx.exit(_failed(error))
        except SystemExit as end:
            if isinstance(end.__context__, BrokenPipeError):  # rich ends with 1 then
                ctx.exit(_failed(end.__context__))
            raise

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """As click's; it prints the help of `fedray` itself."""
        try:
            return super().make_context(*args, **options)
        except OSError as error:
            sys.exit(_failed(error))

    def main(self, *args: Any, **options: Any) -> Any:
        """As click's, but for an output that takes nothing: no verdict of ours may be read into its exit code."""
        if sys.stdout is None:
            click.echo("Error: standard output is closed; send it somewhere, such as to /dev/null.", err=True)
            sys.exit(EXIT_IO)
        return super().main(*args, **options)


def _failed(error: OSError) -> int:
    """Tell of it, unless whoever read our output has had enough ('| head'); the exit code."""
    if isinstance(error, BrokenPipeError):
        _drop_output()
        return _EXIT_PIPE
    where = f": {error.filename}" if error.filename else ""
    click.echo(f"Error: {error.strerror or error}{where}", err=True)
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    return EXIT_IO


def _drop_output() -> None:
    """Have what is still to be printed go nowhere: Python would try again, and complain, when it ends."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 invalid input, 3 stopped (resumable), 4 disk or permission, 130 Ctrl-C.",
)
@click.version_option(__version__, prog_name="fedray")
def main() -> None:
    """Federated training on Ray, with a ledger of who contributed what."""
