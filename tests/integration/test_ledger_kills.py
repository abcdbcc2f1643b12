"""kill -9 of workers and drivers, as the ledger sees it: nothing acknowledged is lost, every round has witnesses."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jobs import job, make_app, submit_and_finish, weights_hash

from ledger.audit import audit_dir
from ledger.verify import verify_dir
from ledger.witness.unrevealed import Unrevealed

pytestmark = pytest.mark.slow
ROUNDS, USERS, QUORUM = 6, 6, 4  # a majority of six
Said = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("undisturbed")
    app = make_app(folder / "slow-spirals")
    running = submit_and_finish(app, folder, "-c", "runtime=in-process", "-c", "task.seconds=0")
    return app, weights_hash(running)


def check_ledger(run: Path, said_in: Said) -> None:
    """It stands up to an audit, and each round that counts has been seen by a majority of its users."""
    audit = audit_dir(run / "ledger", keys=run / "keys")
    assert audit.ok, audit.problems
    users = {body["who"] for body in said_in(run / "ledger", "account.register", role="end-user")}
    closes = said_in(run / "ledger", "round.close")
    assert len(users) == USERS and {close["round"] for close in closes} == set(range(1, ROUNDS + 1))
    for close in closes:
        assert len(users & {cosigned["who"] for cosigned in close["cosignatures"]}) >= QUORUM
        assert close["updates"] == USERS


def written_down(run: Path, round: int) -> bool:
    """Whether all users of a round could reveal, if their processes died now."""
    kept = Unrevealed(run / "participants" / "memory").of_run(run.name)
    return sum(commitment.round == round for commitment in kept) == USERS


@pytest.mark.parametrize("delay", [0.0, 0.03])
def test_a_worker_killed_between_commit_and_reveal_is_asked_again(
    delay: float, undisturbed: tuple[Path, str], tmp_path: Path, said_in: Said
) -> None:
    """As soon as a round is merged, its users are asked to look and reveal; at that moment one of two workers dies."""
    app, expected = undisturbed
    with job("submit", app, "-c", "workers=2", "-c", "task.seconds=0.003", cwd=tmp_path) as running:
        alive: dict[int, int] = {}
        for event in running.follow():
            match event["event"]:
                case "run_started":
                    run = tmp_path / event["folder"]
                case "worker_started":
                    alive[event["worker"]] = event["process"]
                case "round_closed" if event["round"] in (2, 4, 6) and alive:
                    while not written_down(run, event["round"]):
                        time.sleep(0.001)
                    time.sleep(delay)
                    _, process = alive.popitem()
                    os.kill(process, signal.SIGKILL)
        assert running.process.wait() == 0, running.errors()
        assert running.of("worker_died")
        assert weights_hash(running) == expected
    check_ledger(run, said_in)
    reveals = said_in(run / "ledger", "update.reveal")
    assert len(reveals) == len(said_in(run / "ledger", "update.commit")) == ROUNDS * USERS


@pytest.mark.parametrize(("runtime", "after"), [("in-process", 1), ("in-process", 6), ("ray", 3)])
def test_a_killed_driver_loses_no_acknowledged_entry(
    runtime: str, after: int, undisturbed: tuple[Path, str], tmp_path: Path, said_in: Said
) -> None:
    app, expected = undisturbed
    options = ("-c", f"runtime={runtime}", "-c", "task.seconds=0.003")
    with job("submit", app, *options, cwd=tmp_path) as running:
        running.wait_for("round_closed", count=after)
        time.sleep(random.uniform(0, 0.1))
        running.process.kill()
        running.process.wait()
    [run] = (tmp_path / "runs").iterdir()
    [head] = [file.read_bytes() for file in (run / "keys").glob("*.head")]  # entries in here have been acknowledged
    shown = (run / "ledger" / "log" / "checkpoint").read_bytes()
    before = said_in(shutil.copytree(run / "ledger", tmp_path / "copy"))
    with job("resume", "latest", cwd=tmp_path) as resumed:
        assert resumed.finish() == 0, resumed.errors()
        assert weights_hash(resumed) == expected
    check_ledger(run, said_in)
    for known in (head, shown):
        report = verify_dir(run / "ledger", since=known, keys=run / "keys")
        assert report.ok, report.problems
    assert said_in(run / "ledger")[: len(before)] == before


def test_everything_killed_again_and_again_still_ends_in_one_ledger(
    undisturbed: tuple[Path, str], tmp_path: Path, said_in: Said
) -> None:
    """The driver dies three times, at random, and a worker before it."""
    app, expected = undisturbed
    command: tuple[str | Path, ...] = ("submit", app, "-c", "workers=2", "-c", "task.seconds=0.003")
    for _ in range(3):
        with job(*command, cwd=tmp_path) as running:
            process = running.wait_for("worker_started")["process"]
            running.wait_for("round_started")
            time.sleep(random.uniform(0, 0.3))
            os.kill(process, signal.SIGKILL)
            time.sleep(random.uniform(0, 0.3))
            running.process.kill()
            running.process.wait()
        command = ("resume", "latest")
    with job(*command, cwd=tmp_path) as resumed:
        assert resumed.finish() == 0, resumed.errors()
        assert weights_hash(resumed) == expected
    [run] = (tmp_path / "runs").iterdir()
    check_ledger(run, said_in)
