"""How a run ends: in order when asked to, and written down whichever way it does."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fedray.errors import EXIT_STOPPED
from fedray.run.folder import RunFolder, timestamp
from fedray.run.storage import write_whole
from fedray.run.task_failed import TaskFailed, full_report


class Stopped(BaseException):
    """The run was asked to stop; it can be resumed. No Exception, so that no task can take it for one of its own."""

    exit_code = EXIT_STOPPED


@contextmanager
def status_written(folder: RunFolder) -> Iterator[None]:
    """Write down how the run ended, whichever way it does."""
    try:
        yield
    except (KeyboardInterrupt, Stopped):
        folder.update(status="stopped", ended=timestamp())
        raise
    except TaskFailed as error:
        write_whole(folder.path / "error.txt", full_report(error.failure).encode())
        error.add_full_report(folder.path / "error.txt")
        folder.update(status="failed", ended=timestamp(), error=str(error).splitlines()[0])
        raise
    except Exception as error:
        folder.update(status="failed", ended=timestamp(), error=(str(error) or repr(error)).splitlines()[0])
        raise
    folder.update(status="finished", ended=timestamp())


@contextmanager
def stop_signals() -> Iterator[None]:
    """Let SIGTERM ('fedray stop') and SIGHUP (a lost terminal) end the run in order, resumable."""

    def stop(number: int, _: FrameType | None) -> None:
        raise Stopped("The run was asked to stop.")

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers; whoever runs us in another one has their own
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
