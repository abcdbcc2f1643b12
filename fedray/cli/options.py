"""Options that several verbs share."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def app_argument(command: Command) -> Command:
    """APP: a folder with an app.yaml."""
    return click.argument("app", type=click.Path(path_type=Path))(command)


def recipe_options(command: Command) -> Command:
    """--recipe and -c."""
    override = "Override a key of the recipe, e.g. -c rounds=5. May be repeated."
    command = click.option("--config", "-c", "overrides", metavar="KEY=VALUE", multiple=True, help=override)(command)
    return click.option("--recipe", "-r", metavar="NAME", help="A recipe of the app's recipes/ folder.")(command)


def runs_option(command: Command) -> Command:
    """--runs."""
    help_text = "Where runs are kept [default: $FEDRAY_RUNS, else ./runs]."
    return click.option("--runs", metavar="FOLDER", type=click.Path(path_type=Path), help=help_text)(command)


def format_option(command: Command) -> Command:
    """--format text|json, and --json."""
    command = click.option("--json", "output", flag_value="json", help="The same as --format json.")(command)
    return click.option(
        "--format",
        "output",
        type=click.Choice(["auto", "text", "json"]),
        default="auto",
        help="auto: text on a terminal, JSON when piped.",
    )(command)


def wants_json(output: str) -> bool:
    """Whether to print JSON."""
    return output == "json" or (output == "auto" and not sys.stdout.isatty())
