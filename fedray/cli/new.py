"""``fedray new NAME``: make an app folder that runs at once, without a network."""

import re
import shutil
from importlib.resources import files
from pathlib import Path

import click


@click.command()
@click.argument("name")
def command(name: str) -> None:
    """Make the app folder NAME (a name or a path), with a small task to start from."""
    from fedray.errors import InvalidInput, StorageError
    from fedray.run.storage import writing

    folder = Path(name)
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", folder.name):
        raise InvalidInput(
            f"'{folder.name}' cannot name an app; use lower-case letters, digits, '-' and '_', first a letter."
        )
    if folder.exists():
        raise InvalidInput(f"'{folder}' exists already and is left as it is; choose another name.")
    with writing(str(folder)):
        folder.mkdir(parents=True)
    try:
        _fill(folder)
    except StorageError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    click.echo(f"Made {folder}. Train it:\n\n    fedray submit {folder}\n\nThen edit {folder / 'task.py'}.")


def _fill(folder: Path) -> None:
    from fedray.run.storage import write_whole

    for template in sorted(files("fedray").joinpath("templates/app").iterdir(), key=lambda entry: entry.name):
        if template.name.endswith((".py", ".yaml", ".md")):
            text = template.read_text(encoding="utf-8")
            text = text if template.name.endswith(".py") else text.format(name=folder.name, folder=folder)
            write_whole(folder / template.name, text.encode())
