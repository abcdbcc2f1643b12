"""``fedray stop RUN``: end a running run in order."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import click

from fedray.cli.options import runs_option


@click.command()
@click.argument("run")
@runs_option
def command(run: str, runs: Path | None) -> None:
    """End RUN (a name, its beginning, a path, or 'latest') and wait until it has; it can be resumed."""
    from fedray.errors import InvalidInput
    from fedray.run.folder import RunFolder, runs_folder

    folder = RunFolder.find(runs_folder(runs), run)
    process = folder.process()
    if process is None:
        raise InvalidInput(f"Run {folder.path.name} is not running on this machine (it is {folder.status()}).")
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)
    folder.wait_until_released()
    click.echo(f"Stopped {folder.path.name}. Go on with it: fedray resume {folder.path}")
