"""Watching a run: live progress on a terminal, one JSON line an event otherwise, and how it ends."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from fedray.errors import EXIT_STOPPED
from fedray.run.events import CohortDone, Sink, as_record
from fedray.run.start import Stopped


@contextmanager
def watching(as_json: bool) -> Iterator[Sink]:
    """A sink for the run's events. Ctrl-C and 'fedray stop' end the command with one sentence and their exit codes."""
    from fedray.cli.screen import Screen

    screen = None if as_json else Screen()
    sink: Sink = screen.show if screen else _print_json
    try:
        yield sink
    except KeyboardInterrupt:
        _close(screen)
        click.echo("Stopped by Ctrl-C. Go on with the run: fedray resume latest", err=True)
        raise click.exceptions.Exit(130) from None
    except Stopped:
        _close(screen)
        click.echo("Stopped on request. Go on with the run: fedray resume latest", err=True)
        raise click.exceptions.Exit(EXIT_STOPPED) from None
    finally:
        _close(screen)


def _close(screen: object) -> None:
    if screen is not None:
        screen.close()  # type: ignore[attr-defined]


def _print_json(event: object) -> None:
    if not isinstance(event, CohortDone):
        click.echo(json.dumps(as_record(event)))
