"""Options that several verbs share."""

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
    command = click.option("--recipe", "-r", metavar="NAME", help="A recipe of the app's recipes/ folder.")(command)
    return click.option(
        "--config", "-c", "overrides", metavar="KEY=VALUE", multiple=True, help="Override a key, e.g. -c rounds=5."
    )(command)


def runs_option(command: Command) -> Command:
    """--runs."""
    return click.option(
        "--runs",
        "runs",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        help="Where runs are kept [default: $FEDRAY_RUNS, else ./runs].",
    )(command)


def format_option(command: Command) -> Command:
    """--format text|json."""
    return click.option(
        "--format",
        "output",
        type=click.Choice(["auto", "text", "json"]),
        default="auto",
        help="auto: text on a terminal, JSON when piped.",
    )(command)


def wants_json(output: str) -> bool:
    """Whether to print JSON."""
    return output == "json" or (output == "auto" and not click.get_text_stream("stdout").isatty())
