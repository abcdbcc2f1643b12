"""``fedray submit APP``: train."""

from pathlib import Path

import click

from fedray.cli.options import app_argument, format_option, recipe_options, runs_option, wants_json


@click.command()
@app_argument
@recipe_options
@runs_option
@format_option
def command(app: Path, recipe: str | None, overrides: tuple[str, ...], runs: Path | None, output: str) -> None:
    """Train the app in folder APP and keep everything in a new run folder.

    Ctrl-C stops the run; 'fedray resume latest' goes on with it.
    """
    from fedray.cli.watch import watching
    from fedray.run.folder import runs_folder
    from fedray.run.start import submit

    with watching(wants_json(output)) as sink:
        submit(app, runs_folder(runs), [sink], recipe, overrides)
