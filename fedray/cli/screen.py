"""A run on a terminal: where results go, a live bar, one line a round, and the result beside its baselines."""

import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from fedray.cli.tables import metrics_table, number
from fedray.run.events import (
    CohortDone,
    Evaluated,
    Notice,
    Preparing,
    RoundClosed,
    RoundStarted,
    RunEnded,
    RunStarted,
    RuntimeStarted,
    WorkerDied,
)


class Screen:
    """Shows events as they come. Works without colour and on a narrow terminal."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._started = time.monotonic()
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._preparing: str | None = None
        self._run: RunStarted | None = None
        self._closed: dict[int, RoundClosed] = {}
        self._tested: dict[int, dict[str, float]] = {}
        self._sent = 0

    def show(self, event: Any) -> None:
        """Show one event."""
        match event:
            case Preparing():
                self._prepare(event)
            case RunStarted():
                self._start(event)
            case RuntimeStarted():
                self._start_workers(event)
            case RoundStarted():
                self._describe(f"round {event.round}/{self._rounds()} · {event.users} users")
            case CohortDone():
                self._advance(event.users)
            case RoundClosed():
                self._sent += event.bytes_sent
                self._closed[event.round] = event
                self._lines()
            case Evaluated():
                self._tested[event.round] = event.metrics
                self._lines()
            case Notice():
                self._print(f"[yellow]{escape(event.text)}[/]")
            case WorkerDied():
                self._print(f"[yellow]worker {event.worker} died; its users are trained again elsewhere[/]")
            case RunEnded():
                self._end(event)

    def close(self) -> None:
        """Take the live bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _prepare(self, event: Preparing) -> None:
        if self._preparing != event.what:
            self.close()
            self._preparing = event.what
            self._open(event.what, event.total or None)
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, completed=event.done)

    def _start(self, event: RunStarted) -> None:
        self.close()
        self._run = event
        again = f", going on after round {event.resumed_from}" if event.resumed_from else ""
        self._print(f"[bold]{event.app}[/] → {event.folder}")
        self._print(
            f"{_count(event.rounds, 'round')}{again}, {event.users_per_round} of {event.users} users a round, "
            f"{event.parameters:,} parameters"
        )

    def _start_workers(self, event: RuntimeStarted) -> None:
        self.close()
        rounds = self._run.rounds - self._run.resumed_from if self._run else 0
        self._open(f"starting {_count(event.workers, 'worker')} ({event.runtime})", rounds * self._users())

    def _open(self, what: str, total: int | None) -> None:
        bar = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24))
        times = (TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn(), TextColumn("eta"), TimeRemainingColumn())
        plain = not self._console.is_terminal
        self._progress = Progress(*bar, *times, console=self._console, transient=True, disable=plain)
        self._bar = self._progress.add_task(what, total=total)
        self._progress.start()

    def _describe(self, text: str) -> None:
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, description=f"{text} · {_size(self._sent)} sent")

    def _advance(self, users: int) -> None:
        if self._progress is not None and self._bar is not None:
            self._progress.advance(self._bar, users)

    def _lines(self) -> None:
        """One line a round, in order, each when its evaluation is in or none is due."""
        for round, closed in sorted(self._closed.items()):
            if closed.evaluated and round not in self._tested:
                return
            del self._closed[round]
            self._line(closed, self._tested.pop(round, {}))

    def _line(self, closed: RoundClosed, tested: dict[str, float]) -> None:
        metrics = "  ".join(f"{name} {number(value)}" for name, value in tested.items())
        self._print(
            f"round {closed.round:>{len(str(self._rounds()))}}/{self._rounds()}  "
            f"train loss {closed.train_loss:.4f}  {f'test {metrics}  ' if metrics else ''}"
            f"[dim]{closed.seconds:.1f}s{f'  {_size(closed.bytes_sent)}' if self._console.width >= 100 else ''}[/]"
        )

    def _end(self, event: RunEnded) -> None:
        self.close()
        if event.metrics:
            self._console.print(metrics_table(event.metrics, event.baselines))
        self._print(f"model    {event.folder}/model.safetensors  [dim]sha256 {event.model[:16]}…[/]")
        if event.ledger_head:
            self._print(f"ledger   fedray ledger verify {event.folder}")
        if event.figures:
            self._print(f"figures  {event.folder}/figures: {', '.join(name.split('/')[-1] for name in event.figures)}")
        seconds = time.monotonic() - self._started
        self._print(f"[bold green]done[/] in {seconds:.0f} s, {_size(self._sent)} sent; results in {event.folder}")

    def _users(self) -> int:
        return self._run.users_per_round if self._run else 0

    def _rounds(self) -> int:
        return self._run.rounds if self._run else 0

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
