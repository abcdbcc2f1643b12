"""``fedray config APP``: the full recipe in force."""

import json
from pathlib import Path

import click

from fedray.cli.options import app_argument, recipe_options


@click.command()
@app_argument
@recipe_options
@click.option("--format", "output", type=click.Choice(["yaml", "json"]), default="yaml")
def command(app: Path, recipe: str | None, overrides: tuple[str, ...], output: str) -> None:
    """Print every key of the recipe that 'fedray submit' with the same arguments would use."""
    from fedray.app import App
    from fedray.run.recipe import read_recipe
    from fedray.run.start import load_task, recipe_text

    found = App.find(app)
    full = read_recipe(found, load_task(found), recipe, overrides)
    click.echo(
        recipe_text(full) if output == "yaml" else json.dumps(full.model_dump(mode="json"), indent=2),
        nl=output == "json",
    )
