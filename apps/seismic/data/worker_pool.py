"""Simulates pairs of files on all cores. No worker outlives the process that started it."""

import multiprocessing
import os
import runpy
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_bool
from functools import partial
from pathlib import Path

import torch

from fedray.errors import FedrayError

from .generation import PairJob
from .simulate import write_pair
from .worker import work

OnDone = Callable[[PairJob], None]


def simulate_all(jobs: Sequence[PairJob], folder: Path, workers: int | None, on_done: OnDone) -> None:
    """Writes the files of every job, calling ``on_done`` after each; on any error stops the others first.

    Raises ``StorageError`` when a file cannot be written and ``FedrayError`` when a worker was killed.
    """
    workers = min(workers or available_cores(), len(jobs))
    if workers <= 1:
        _simulate_here(jobs, folder, on_done)
    else:
        _simulate_in_processes(jobs, folder, workers, on_done)


def available_cores() -> int:
    """The cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _simulate_here(jobs: Sequence[PairJob], folder: Path, on_done: OnDone) -> None:
    """On one thread, like a worker: on a busy machine more threads mostly wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for job in jobs:
            write_pair(job, folder)
            on_done(job)
    finally:
        torch.set_num_threads(threads)


def _simulate_in_processes(jobs: Sequence[PairJob], folder: Path, workers: int, on_done: OnDone) -> None:
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's locked thread pools
    stop = context.RawValue(c_bool, False)
    package, app = __name__.removesuffix(".data.worker_pool"), Path(__file__).resolve().parent.parent
    given = {"package": package, "folder": str(app), "stop": stop}
    initializer = partial(runpy.run_path, str(app / "data" / "worker_start.py"), given)
    with ProcessPoolExecutor(workers, context, initializer) as pool:
        try:
            futures = {pool.submit(work, job, folder): job for job in jobs}
            for future in as_completed(futures):
                future.result()
                on_done(futures[future])
        except BrokenProcessPool as error:
            raise FedrayError(
                "A process simulating seismic data died, perhaps for want of memory: run again with fewer "
                "workers; finished files are kept."
            ) from error
        finally:
            stop.value = True
            pool.shutdown(cancel_futures=True)
