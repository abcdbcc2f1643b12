"""A worker process of the pool: one thread, deaf to Ctrl-C, obedient to the stop flag, dead with its parent."""

import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import Any

import torch

from .generation import PairJob
from .simulate import write_pair

_stop: Any = None
"""A ctypes bool shared with the parent, which has no public type."""


def start(stop: Any) -> None:
    """Called once, before the first job."""
    global _stop
    _stop = stop
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and sets the stop flag
    threading.Thread(target=_die_with_parent, daemon=True).start()


def work(job: PairJob, folder: Path) -> None:
    """Writes the files of ``job``; see ``write_pair`` for what it raises."""
    write_pair(job, folder, stopped=lambda: bool(_stop.value))


def _die_with_parent() -> None:
    """Workers of a killed process would otherwise wait for jobs for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
