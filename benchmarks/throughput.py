"""Trained examples a second at one worker, against a plain PyTorch FedAvg loop on the same users, model and batches.

    python -m benchmarks.throughput

The loop is what a careful researcher would write, in a fresh process with one torch thread: one model, state dicts
copied in place, a fresh optimiser for each user. Two jobs: small rounds (a LeNet, 10 users, about 70 ms a round) and
the main job's (the mini InversionNet, 2 users, about 2 s). Everything is wall time a round, the best of a few.
"""

import multiprocessing
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.job import APPS, round_seconds, run
from fedray.app import App
from fedray.architectures.cohorts import select_users
from fedray.data.examples import examples_of
from fedray.data.partition import Iid

REPEATS = 3


@dataclass(frozen=True)
class Job:
    """What both sides train."""

    name: str
    app: Path
    rounds: int
    users: int
    per_round: int
    batch: int
    task: tuple[str, ...] = ()


LENET = Job("LeNet, 10 of 100 users", APPS / "lenet", 30, 100, 10, 10)
SEISMIC = Job(
    "InversionNet, 2 of 4 users", APPS.parents[1] / "apps/seismic", 6, 4, 2, 16,
    ("task.train_samples=400", "task.test_samples=100"),
)  # fmt: skip


def main() -> None:
    for job in (LENET, SEISMIC):
        plain, ours, ray = (
            min(measure(job) for _ in range(REPEATS)) for measure in (plain_loop, in_process, one_ray_worker)
        )
        print(f"{job.name} (load {os.getloadavg()[0]:.1f}), ms a round")
        print(f"  plain PyTorch loop       {plain * 1e3:8.1f}")
        print(f"  fedray in-process        {ours * 1e3:8.1f}   throughput {plain / ours:.2f}x")
        print(f"  fedray on one Ray worker {ray * 1e3:8.1f}   throughput {plain / ray:.2f}x", flush=True)


def in_process(job: Job) -> float:
    """Median seconds a round of fedray in this process."""
    return _fedray(job, "runtime=in-process")


def one_ray_worker(job: Job) -> float:
    """Median seconds a round of fedray on one Ray worker."""
    return _fedray(job, "runtime=ray", "workers=1")


def _fedray(job: Job, *where: str) -> float:
    shape = (f"rounds={job.rounds}", f"users.count={job.users}", f"users.per_round={job.per_round}")
    training = (f"training.batch_size={job.batch}", "training.local_epochs=1", "training.optimizer={name: sgd}")
    bare = ("users.partition.name=iid", "evaluation.every=0", "ledger.enabled=false", "checkpoints.every=0")
    return statistics.median(round_seconds(run(job.app, *shape, *training, *bare, *job.task, *where), skip=2))


def plain_loop(job: Job) -> float:
    """Median seconds a round of the loop, in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_plain_loop, job).result()


def _plain_loop(job: Job) -> float:
    torch.set_num_threads(1)
    kind = App.find(job.app).load_task()
    options = {key.removeprefix("task."): int(value) for key, value in (text.split("=") for text in job.task)}
    task: Any = kind(kind.Options.model_validate(options))
    task.prepare(lambda what, done, total: None)
    examples = examples_of(task.train_data())
    partition = Iid().divide(len(examples), None, job.users, 0)
    torch.manual_seed(0)
    model = task.model()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    walls = []
    for number in range(1, job.rounds + 1):
        started = time.perf_counter()
        total = {name: torch.zeros_like(value) for name, value in weights.items()}
        count = 0
        for user in select_users(0, number, job.users, job.per_round):
            mine = partition.of(user)
            model.load_state_dict(weights)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
            shuffled, generator = np.random.default_rng(user).permutation(mine), torch.Generator().manual_seed(user)
            for start in range(0, len(mine), job.batch):
                batch = task.augment(examples.batch(shuffled[start : start + job.batch]), generator)
                optimizer.zero_grad()
                task.loss(model, batch).backward()
                optimizer.step()
            for name, value in model.state_dict().items():
                total[name] += value * len(mine)
            count += len(mine)
        weights = {name: value / count for name, value in total.items()}
        walls.append(time.perf_counter() - started)
    return statistics.median(walls[2:])


if __name__ == "__main__":
    main()
