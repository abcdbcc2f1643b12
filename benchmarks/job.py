"""Running a benchmark's app in this process and keeping its events."""

import tempfile
from pathlib import Path
from typing import Any

from fedray.run.events import RoundClosed, Sink
from fedray.run.start import submit

APPS = Path(__file__).parent / "apps"


def run(app: str | Path, *overrides: str, sink: Sink | None = None) -> list[Any]:
    """Train an app of ``benchmarks/apps`` (or any path) with these overrides; its events."""
    events: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        submit(APPS / app, Path(folder), [events.append, *([sink] if sink else [])], None, overrides)
    return events


def round_seconds(events: list[Any], skip: int = 10) -> list[float]:
    """Seconds of each round, without the first ``skip``, in which processes warm up."""
    return [event.seconds for event in events if isinstance(event, RoundClosed)][skip:]
