"""Sharing bundles out to worker processes, and taking what they found back in order.

Workers come from a fork server, for the caller may have threads: a program that verifies with jobs > 1 needs the usual
`if __name__ == "__main__":`.
"""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from ledger.errors import LedgerIOError
from ledger.source import Source
from ledger.verify.bundles import Found, Job, check_bundle, check_bundles

_BUNDLES_A_TASK = 8
_TASKS_AHEAD = 3  # a process; what is done and not yet taken is held in memory


def check_all(source: Source, jobs: Iterable[Job], processes: int) -> Iterator[Found]:
    """What was found in each bundle, in order, by so many processes; 1 is this one."""
    if processes <= 1:
        for job in jobs:
            yield check_bundle(source, job)
        return
    jobs = iter(jobs)
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        running: deque[Future[list[Found]]] = deque()
        try:
            while True:
                while len(running) < processes * _TASKS_AHEAD and (task := list(islice(jobs, _BUNDLES_A_TASK))):
                    running.append(pool.submit(check_bundles, source, task))
                if not running:
                    return
                yield from running.popleft().result()
        except BrokenProcessPool as error:
            raise LedgerIOError("a worker process died, perhaps for want of memory; use fewer jobs.") from error
        finally:
            for future in running:
                future.cancel()
