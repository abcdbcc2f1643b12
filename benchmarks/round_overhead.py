"""What an empty round costs: 20 users, a 0.64 MB model, 2 Ray workers; beside the same exchange in plain Ray.

    python -m benchmarks.round_overhead

The floor does in the fewest lines what any Ray framework must: put the model, call two persistent actors, add their
partial sums. fedray adds scheduling, cohorts of a fixed size (10 messages instead of 2), metrics, and, in the second
line, the ledger (20 signed updates and a durable append) and a durable checkpoint every round.
"""

import logging
import os
import statistics
import time
from typing import Any

import numpy as np
import ray

from benchmarks.job import round_seconds, run

USERS, WORKERS, ROUNDS = 20, 2, 200
SIZE = 160_000


def main() -> None:
    bare = ("runtime=ray", f"workers={WORKERS}", "ledger.enabled=false", "checkpoints.every=0")
    results = {
        "fedray, empty round": round_seconds(run("empty", *bare)),
        "fedray with ledger and checkpoint": round_seconds(run("empty", "runtime=ray", f"workers={WORKERS}")),
        "plain Ray floor": floor(),
        "fedray in-process": round_seconds(run("empty", "runtime=in-process", *bare[2:])),
    }
    print(f"{'20 users, 0.64 MB, ms a round':<36}{'median':>8}{'p95':>8}   load {os.getloadavg()[0]:.1f}")
    for name, seconds in results.items():
        ordered = sorted(seconds)
        print(f"{name:<36}{statistics.median(ordered) * 1e3:8.1f}{ordered[int(len(ordered) * 0.95)] * 1e3:8.1f}")


def floor() -> list[float]:
    """Seconds of each round of the plainest possible exchange."""
    ray.init(
        address="local", num_cpus=WORKERS, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False
    )

    @ray.remote
    class Worker:
        def train(self, weights: Any, users: int) -> Any:
            total = np.zeros_like(weights)
            for _ in range(users):
                total += weights.copy()
            return total

    workers = [Worker.remote() for _ in range(WORKERS)]
    weights, seconds = np.zeros(SIZE, np.float32), []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        shared = ray.put(weights)
        parts = ray.get([worker.train.remote(shared, USERS // WORKERS) for worker in workers])
        weights = sum(parts) / USERS
        seconds.append(time.perf_counter() - started)
    ray.shutdown()
    return seconds[10:]


if __name__ == "__main__":
    main()
