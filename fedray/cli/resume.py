"""``fedray resume RUN``: go on with a run."""

from pathlib import Path

import click

from fedray.cli.options import format_option, runs_option, wants_json


@click.command()
@click.argument("run")
@runs_option
@format_option
def command(run: str, runs: Path | None, output: str) -> None:
    """Go on with RUN (a name, its beginning, a path, or 'latest') from its newest checkpoint.

    The final model is the same, bit for bit, as if the run had never been interrupted.
    """
    from fedray.cli.watch import watching
    from fedray.run.folder import RunFolder, runs_folder
    from fedray.run.start import resume

    folder = RunFolder.find(runs_folder(runs), run)
    with watching(wants_json(output)) as sink:
        resume(folder, [sink])
