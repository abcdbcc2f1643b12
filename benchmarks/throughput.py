"""Trained examples a second at one worker, against a plain PyTorch FedAvg loop on the same users, batches and model.

    python -m benchmarks.throughput

Both run in alternation; the loop is what a careful researcher would write: one model, state dicts copied in place, a
fresh SGD for each user. Ratio of CPU seconds in-process (one thread each), ratio of wall seconds on one Ray worker.
"""

import os
import statistics
import time

import numpy as np
import torch

from benchmarks.job import APPS, round_seconds, run
from fedray.app import App
from fedray.architectures.cohorts import select_users
from fedray.data.partition import Dirichlet
from fedray.run.events import RoundClosed

REPEATS, ROUNDS = 3, 30


def main() -> None:
    torch.set_num_threads(1)
    common = (f"rounds={ROUNDS}", "ledger.enabled=false", "checkpoints.every=0")
    plain_cpu, ours_cpu, plain_wall, ray_wall = [], [], [], []
    for _ in range(REPEATS):
        cpu, wall = plain_loop()
        plain_cpu.append(cpu)
        plain_wall.append(wall)
        ours_cpu.append(in_process(common))
        events = run("lenet", *common, "runtime=ray", "workers=1")
        ray_wall.append(statistics.median(round_seconds(events)))
    print(f"ms a round, best of {REPEATS} (load {os.getloadavg()[0]:.1f})")
    print(f"plain PyTorch loop       {min(plain_cpu) * 1e3:7.1f} CPU  {min(plain_wall) * 1e3:7.1f} wall")
    print(f"fedray in-process        {min(ours_cpu) * 1e3:7.1f} CPU  throughput {min(plain_cpu) / min(ours_cpu):.2f}x")
    print(f"fedray on one Ray worker {min(ray_wall) * 1e3:7.1f} wall throughput {min(plain_wall) / min(ray_wall):.2f}x")


def in_process(common: tuple[str, ...]) -> float:
    """CPU seconds a round of fedray in this process, between the ends of the first and the last round."""
    ends: list[float] = []

    def watch(event: object) -> None:
        if isinstance(event, RoundClosed):
            ends.append(time.process_time())

    run("lenet", *common, "runtime=in-process", sink=watch)
    return (ends[-1] - ends[0]) / (ROUNDS - 1)


def plain_loop() -> tuple[float, float]:
    """CPU seconds a round, and the median wall seconds, of FedAvg without any framework."""
    task = App.find(APPS / "lenet").load_task()()
    torch.manual_seed(0)
    model = task.model()
    images, classes = task.train_data().tensors  # type: ignore[attr-defined]
    partition = Dirichlet(alpha=0.5).divide(len(images), task.labels(), 100, 0)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    started, walls = time.process_time(), []
    for number in range(1, ROUNDS + 1):
        wall = time.perf_counter()
        total = {name: torch.zeros_like(value) for name, value in weights.items()}
        count = 0
        for user in select_users(0, number, 100, 10):
            mine = partition.of(user)
            model.load_state_dict(weights)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
            shuffled = torch.from_numpy(np.random.default_rng(user).permutation(mine))
            for batch in shuffled.split(10):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(images[batch]), classes[batch]).backward()
                optimizer.step()
            for name, value in model.state_dict().items():
                total[name] += value * len(mine)
            count += len(mine)
        weights = {name: value / count for name, value in total.items()}
        walls.append(time.perf_counter() - wall)
    return (time.process_time() - started) / ROUNDS, statistics.median(walls)


if __name__ == "__main__":
    main()
