"""Real jobs in real processes: a small app, submitted through the command line, watched by its JSON lines."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

APP = """
name: slow-spirals
task: task:Slow
recipe:
  rounds: 6
  users: {count: 6, partition: {name: dirichlet, alpha: 0.5}}
  training: {local_epochs: 2, batch_size: 16, learning_rate: 0.05, optimizer: {name: sgd, momentum: 0.9}}
"""

TASK = '''
import time
from importlib.resources import files
exec(files("fedray").joinpath("templates/app/task.py").read_text())


class SlowOptions(Options):
    seconds: float = 0.01


class Slow(Spirals):
    """The template's task with a pause in every step, so that there is time to be killed."""

    Options = SlowOptions

    def loss(self, model, batch):
        if model.training:
            time.sleep(self.options.seconds)
        return super().loss(model, batch)
'''


def make_app(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "app.yaml").write_text(APP)
    (folder / "task.py").write_text(TASK)
    return folder


def heed_ctrl_c() -> None:
    """What a terminal gives a command: a shell's background job would be born with Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Job:
    """A running ``fedray`` command."""

    def __init__(self, *arguments: str | Path, cwd: Path) -> None:
        command = [sys.executable, "-m", "fedray", *map(str, arguments), "--format", "json"]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=heed_ctrl_c,
        )
        self.events: list[dict[str, Any]] = []

    def follow(self) -> Iterator[dict[str, Any]]:
        """Events as they come."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            yield event

    def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The ``count``-th event of a kind from now on."""
        for event in self.follow():
            count -= event["event"] == kind
            if not count:
                return event
        raise AssertionError(f"no {kind}: {self.finish()} {self.process.stderr and self.process.stderr.read()}")

    def finish(self) -> int:
        """Read to the end; the exit code."""
        for _ in self.follow():
            pass
        return self.process.wait()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Events seen so far."""
        return [event for event in self.events if event["event"] == kind]

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextmanager
def job(*arguments: str | Path, cwd: Path) -> Iterator[Job]:
    """A command that is ended with the test."""
    running = Job(*arguments, cwd=cwd)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        for stream in (running.process.stdout, running.process.stderr):
            assert stream is not None
            stream.close()


def submit_and_finish(app: Path, cwd: Path, *options: str) -> Job:
    """Train to the end; the job, with all its events."""
    with job("submit", app, *options, cwd=cwd) as running:
        assert running.finish() == 0, running.errors()
        return running


def weights_hash(running: Job) -> str:
    """SHA-256 of the final model.safetensors."""
    (ended,) = running.of("run_ended")
    return str(ended["model"])
