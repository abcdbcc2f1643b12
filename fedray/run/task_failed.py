"""A user's task raised: shown once, the user's own lines first, and never more than a screen of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedray.errors import FedrayError
from fedray.runtime.failure import Failure

FRAMES_SHOWN = 6


class TaskFailed(FedrayError):
    """Code of the task raised an exception, in this process or in a worker."""

    def __init__(self, failure: Failure, app: Path) -> None:
        self.failure = failure
        self.exit_code = failure.exit_code
        super().__init__(failure.message if failure.expected else _report(failure, app))

    def add_full_report(self, file: Path) -> None:
        """Say where the whole call stack was written."""
        if not self.failure.expected:
            self.args = (f"{self.args[0]}\nThe whole traceback is in {file}.",)


@contextmanager
def shown_once(app: Path, where: str) -> Iterator[None]:
    """Turn an exception of the task's code into TaskFailed, with ``where`` as its context."""
    try:
        yield
    except FedrayError:
        raise
    except (Exception, SystemExit) as error:
        error.add_note(where)
        raise TaskFailed(Failure.of(error), app) from error


def _report(failure: Failure, app: Path) -> str:
    where = f" for {failure.context}" if failure.context.startswith("user") else f" {failure.context}".rstrip()
    lines = [f"The task failed{where}: {failure.kind}: {_short(failure.message)}"]
    frames = failure.own_first(app)
    for frame in frames[:FRAMES_SHOWN]:
        lines += [f"  {_relative(frame.file)}:{frame.line} in {frame.function}", f"      {frame.source}"]
    if len(frames) > FRAMES_SHOWN:
        lines.append(f"  ... and {len(frames) - FRAMES_SHOWN} more")
    return "\n".join(lines)


def full_report(failure: Failure) -> str:
    """Every frame, outermost first, as Python prints a traceback; for the run folder."""
    lines = [
        f'  File "{frame.file}", line {frame.line}, in {frame.function}\n    {frame.source}' for frame in failure.frames
    ]
    return "\n".join(
        [
            *([failure.causes, "After that:", ""] if failure.causes else []),
            "Traceback (most recent call last):",
            *lines,
            f"{failure.kind}: {failure.message}",
            failure.context,
            "",
        ]
    )


def _short(message: str) -> str:
    lines = message.strip().splitlines() or [""]
    return lines[0][:500] + (" ..." if len(lines) > 1 else "")


def _relative(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
