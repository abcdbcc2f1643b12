"""Watching a run: live progress on a terminal, one JSON line an event otherwise, and how it ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from fedray.errors import EXIT_INTERRUPTED, EXIT_STOPPED
from fedray.run.ending import Stopped
from fedray.run.events import CohortDone, RunStarted, Sink, as_record
from fedray.run.storage import to_json


@contextmanager
def watching(as_json: bool) -> Iterator[Sink]:
    """A sink for the run's events. Ctrl-C and 'fedray stop' end the command with one sentence and their exit codes."""
    from fedray.cli.screen import Screen

    screen = None if as_json else Screen()
    begun: list[str] = []

    def sink(event: object) -> None:
        if isinstance(event, RunStarted):
            begun.append(event.folder)
        (screen.show if screen else _print_json)(event)

    ending: tuple[str, int] | None = None
    try:
        yield sink
    except KeyboardInterrupt:
        ending = ("Stopped by Ctrl-C", EXIT_INTERRUPTED)
    except Stopped:
        ending = ("Stopped on request", EXIT_STOPPED)
    finally:
        if screen:
            screen.close()
    if ending:
        after = f". Go on with it: fedray resume {begun[0]}" if begun else " before the run began; nothing was lost."
        click.echo(ending[0] + after, err=True)
        raise click.exceptions.Exit(ending[1])


def _print_json(event: object) -> None:
    if isinstance(event, CohortDone):
        return
    try:
        click.echo(to_json(as_record(event)))
    except BrokenPipeError:  # the reader has gone ('| head'); the run goes on
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
