"""Does memory grow? 300 rounds on Ray with the ledger on; resident memory of driver and workers, and the object store.

    python -m benchmarks.memory

Growth is the slope of a straight line through the rounds after the first 100, times 100 rounds.
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.job import run
from fedray.run.events import RoundClosed, WorkerStarted

ROUNDS, WARM_UP = 300, 100


def main() -> None:
    watch = _Watch()
    run("empty", f"rounds={ROUNDS}", "runtime=ray", "workers=2", sink=watch)
    for name, megabytes in watch.resident.items():
        rounds = np.arange(len(megabytes))[WARM_UP:]
        slope = np.polyfit(rounds, np.array(megabytes)[WARM_UP:], 1)[0]
        print(
            f"{name:<10} {megabytes[WARM_UP]:7.1f} MB -> {megabytes[-1]:7.1f} MB   {slope * 100:+.2f} MB per 100 rounds"
        )
    store = np.array(watch.store[WARM_UP:])
    print(f"object store after each round: median {np.median(store) / 1e6:.2f} MB, last {store[-1] / 1e6:.2f} MB")


class _Watch:
    """Notes memory at the end of every round."""

    def __init__(self) -> None:
        self.resident: dict[str, list[float]] = {"driver": []}
        self.store: list[int] = []
        self._processes = {"driver": "self"}

    def __call__(self, event: Any) -> None:
        if isinstance(event, WorkerStarted):
            self._processes[f"worker {event.worker}"] = str(event.process)
            self.resident[f"worker {event.worker}"] = []
        if isinstance(event, RoundClosed):
            for name, process in self._processes.items():
                self.resident[name].append(_resident_megabytes(process))
            self.store.append(_object_store_bytes())


def _resident_megabytes(process: str) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1000
    raise AssertionError("the kernel reports no RssAnon")


def _object_store_bytes() -> int:
    from ray._private.internal_api import get_memory_info_reply, get_state_from_address

    reply = get_memory_info_reply(get_state_from_address(None))
    return int(reply.store_stats.object_store_bytes_used)


if __name__ == "__main__":
    main()
