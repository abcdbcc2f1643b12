"""A small app on disk, and a way to train it in this process, for every test that needs one."""

import json
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: waiting threads would burn a shared machine

settings.register_profile("unhurried", deadline=None)  # a loaded machine is no failure
settings.load_profile("unhurried")

BLOBS = '''
"""Which of two blobs does a point belong to?"""

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from fedray.task import Task, TaskOptions


class Options(TaskOptions):
    examples: int = 60
    hidden: int = 0


class Blobs(Task):
    Options = Options
    headline = "accuracy"

    def train_data(self):
        return blobs(self.options.examples, seed=0)

    def test_data(self):
        return blobs(30, seed=1)

    def labels(self):
        return self.train_data().tensors[1].numpy()

    def model(self):
        width = self.options.hidden
        if not width:
            return nn.Linear(2, 2)
        return nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 2))

    def loss(self, model, batch):
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    def metrics(self, model, batch):
        scores = model(batch[0])
        return {
            "accuracy": (scores.argmax(1) == batch[1]).float(),
            "loss": nn.functional.cross_entropy(scores, batch[1], reduction="none"),
        }

    def baselines(self):
        return {"coin": {"accuracy": 0.5}}


def blobs(count, seed):
    rng = np.random.default_rng(seed)
    label = np.arange(count) % 2
    points = rng.normal(0, 1, (count, 2)) + 1.5 * label[:, None]
    return TensorDataset(torch.from_numpy(points.astype(np.float32)), torch.from_numpy(label))
'''

RECIPE: dict[str, Any] = {
    "rounds": 3,
    "runtime": "in-process",
    "users": {"count": 5, "partition": {"name": "dirichlet", "alpha": 1.0}},
    "training": {"batch_size": 8, "learning_rate": 0.1, "optimizer": {"name": "sgd", "momentum": 0.9}},
}


@pytest.fixture(autouse=True)
def _no_runs_folder_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEDRAY_RUNS", raising=False)


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., Path]:
    """``make_app(code, task=...)``: an app folder with the blobs task and ``code`` after it."""

    def make(
        code: str = "", *, task: str = "Blobs", name: str = "blobs", recipe: dict[str, Any] | None = None, **more: Any
    ) -> Path:
        folder = tmp_path / "apps" / name
        folder.mkdir(parents=True)
        (folder / "task.py").write_text(BLOBS + "\n\n" + code)
        file = {"name": name, "task": f"task:{task}", "recipe": RECIPE | (recipe or {})} | more
        (folder / "app.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
        return folder

    return make


@dataclass
class Trained:
    """A run that has ended: its folder, what it came to, and all it told."""

    folder: Any
    ended: Any
    events: list[Any]


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Trained]:
    """``train(app, "rounds=2", ...)``: submit in this process; more watchers as ``sinks``."""
    from fedray.run.folder import RunFolder
    from fedray.run.start import submit

    def submit_it(app: Path, *overrides: str, sinks: tuple[Callable[[Any], None], ...] = ()) -> Trained:
        events: list[Any] = []
        ended = submit(app, tmp_path / "runs", [events.append, *sinks], overrides=overrides)
        return Trained(RunFolder(Path(ended.folder)), ended, events)

    return submit_it


def _said_in(ledger: Path, kind: str | None = None, **fields: Any) -> list[dict[str, Any]]:
    """What the published entries of a ledger's folder say, as its format is documented, nothing verified.

    Bundles of up to 256 entries (C2SP tlog-tiles), each behind its length in two bytes, each JSON. There are fewer than
    256,000 entries here.
    """
    size = int((ledger / "log" / "checkpoint").read_text().splitlines()[1])
    bodies = []
    for first in range(0, size, 256):
        file = ledger / "log" / "tile" / "entries" / f"{first // 256:03d}"
        data = (file if size - first >= 256 else file.with_name(f"{file.name}.p") / str(size - first)).read_bytes()
        while data:
            end = 2 + int.from_bytes(data[:2], "big")
            bodies.append(json.loads(data[2:end])["body"])
            data = data[end:]
    wanted = fields if kind is None else fields | {"kind": kind}
    return [body for body in bodies if all(body.get(name) == value for name, value in wanted.items())]


@pytest.fixture
def said_in() -> Callable[..., list[dict[str, Any]]]:
    """``said_in(ledger, "round.close", round=2)``: the published statements of a kind, as a stranger reads them."""
    return _said_in


@pytest.fixture
def small_files() -> Callable[[int], AbstractContextManager[None]]:
    """``with small_files(1000)``: the system refuses to let a file of this process grow beyond that many bytes."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


class OrdinaryUser:
    """``with ordinary_user()``: without the powers of root, whoever runs the tests. ``folder`` can be reached so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def __call__(self) -> Iterator[None]:
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)


@pytest.fixture
def ordinary_user() -> Iterator[OrdinaryUser]:
    """A folder outside pytest's own, which are closed to others, and a way to be nobody."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield OrdinaryUser(folder)
    folder.chmod(0o755)
    shutil.rmtree(folder)
