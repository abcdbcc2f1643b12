"""kill -9 at random moments, 20 times: every run must end with the weights of an undisturbed one.

    python -m benchmarks.random_kills [--app FOLDER] [--kills 20] [-c key=value ...]

Half of the kills hit a random worker of a Ray run, half hit the driver, which 'fedray resume' then takes up again.
The moment is uniform over the time an undisturbed run takes, start-up included. Exit code 1 when any run differs.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.job import APPS


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--app", type=Path, default=APPS / "lenet")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-c", dest="overrides", action="append", default=[])
    given = parser.parse_args()
    rng = random.Random(given.seed)
    options = [part for override in given.overrides for part in ("-c", override)]
    command = ["submit", str(given.app.resolve()), "-c", "workers=2", *options]
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        expected = _Job(command, Path(folder)).finish()
        duration = time.monotonic() - started
        print(f"undisturbed: {duration:.1f} s, weights {expected[:16]}", flush=True)
        good = 0
        for number in range(given.kills):
            moment, driver = rng.uniform(0, duration), number % 2 == 1
            found = (
                _driver_killed(command, Path(folder), moment)
                if driver
                else _worker_killed(command, Path(folder), moment, rng)
            )
            good += found == expected
            who = "driver" if driver else "worker"
            print(
                f"{number + 1:2} {who} killed after {moment:5.1f} s: {'same weights' if found == expected else found}",
                flush=True,
            )
    print(f"{good} of {given.kills} ended with the undisturbed run's weights")
    return 0 if good == given.kills else 1


class _Job:
    """A running command; a thread reads its events."""

    def __init__(self, arguments: list[str], cwd: Path) -> None:
        command = [sys.executable, "-m", "fedray", *arguments, "--format", "json"]
        self.process = subprocess.Popen(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.events: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def finish(self) -> str:
        """Wait for the end; the weights' hash, or what went wrong."""
        code = self.process.wait()
        self._reader.join()
        ended = [event["model"] for event in self.events if event["event"] == "run_ended"]
        assert self.process.stderr is not None
        return str(ended[0]) if code == 0 and ended else f"exit {code}: {self.process.stderr.read()[-300:]}"

    def workers(self) -> list[int]:
        """Process ids of the workers that are alive, as far as events tell."""
        alive: dict[int, int] = {}
        for event in list(self.events):
            if event["event"] == "worker_started":
                alive[event["worker"]] = event["process"]
        return list(alive.values())


def _worker_killed(command: list[str], cwd: Path, moment: float, rng: random.Random) -> str:
    job = _Job(command, cwd)
    time.sleep(moment)
    while job.process.poll() is None and not job.workers():
        time.sleep(0.05)
    if job.workers():
        try:
            os.kill(rng.choice(job.workers()), signal.SIGKILL)
        except ProcessLookupError:
            print("   (the run had ended)")
    return job.finish()


def _driver_killed(command: list[str], cwd: Path, moment: float) -> str:
    job = _Job(command, cwd)
    time.sleep(moment)
    job.process.kill()
    begun = job.finish()
    runs = [event["run"] for event in job.events if event["event"] == "run_started"]
    if not begun.startswith("exit"):
        print("   (the run had ended)")
        return begun
    return _Job(["resume", runs[0]] if runs else command, cwd).finish()


if __name__ == "__main__":
    sys.exit(main())
