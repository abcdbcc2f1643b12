"""kill -9 of any worker, or of the driver, at any moment loses nothing and changes nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jobs import job, make_app, submit_and_finish, weights_hash

from ledger.audit import audit_dir


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("undisturbed")
    app = make_app(folder / "slow-spirals")
    running = submit_and_finish(app, folder, "-c", "runtime=in-process", "-c", "task.seconds=0")
    return app, weights_hash(running)


def test_a_killed_worker_costs_no_contribution(undisturbed: tuple[Path, str], tmp_path: Path) -> None:
    """One worker is killed in every round; every round still counts all users, and the result is the same."""
    app, expected = undisturbed
    with job("submit", app, "-c", "workers=2", cwd=tmp_path) as running:
        alive: dict[int, int] = {}
        for event in running.follow():
            match event["event"]:
                case "worker_started":
                    alive[event["worker"]] = event["process"]
                case "worker_died":
                    alive.pop(event["worker"])
                case "round_started":
                    time.sleep(0.1)
                    for process in list(alive.values())[:1]:
                        os.kill(process, signal.SIGKILL)
        assert running.process.wait() == 0, running.errors()
        assert len(running.of("worker_died")) >= 3
        assert [event["users"] for event in running.of("round_closed")] == [6] * 6
        assert weights_hash(running) == expected
        run = tmp_path / running.of("run_ended")[0]["folder"]
        audit = audit_dir(run / "ledger", keys=run / "keys")
        assert audit.ok, audit.problems
        assert audit.report.kinds["update.commit"] == 36


@pytest.mark.parametrize("runtime", ["in-process", "ray"])
@pytest.mark.parametrize("attempt", range(2))
def test_a_killed_driver_resumes_to_the_same_bytes(
    runtime: str, attempt: int, undisturbed: tuple[Path, str], tmp_path: Path
) -> None:
    app, expected = undisturbed
    with job("submit", app, "-c", f"runtime={runtime}", cwd=tmp_path) as running:
        running.wait_for("round_started", count=1 + attempt * 3)
        time.sleep(random.uniform(0, 0.5))
        running.process.kill()
    with job("resume", "latest", cwd=tmp_path) as resumed:
        assert resumed.finish() == 0, resumed.errors()
        assert weights_hash(resumed) == expected
        folder = tmp_path / resumed.of("run_ended")[0]["folder"]
    audit = audit_dir(folder / "ledger", keys=folder / "keys")
    assert audit.ok, audit.problems
    rounds = [line.split('"round": ')[1].split(",")[0] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert sorted(rounds) == sorted([str(number) for number in range(1, 7)] * 2)


def test_stop_ends_a_run_in_order_and_resume_goes_on(undisturbed: tuple[Path, str], tmp_path: Path) -> None:
    app, expected = undisturbed
    with job("submit", app, cwd=tmp_path) as running:
        running.wait_for("round_closed")
        stopped = subprocess.run([sys.executable, "-m", "fedray", "stop", "latest"], cwd=tmp_path, timeout=30)
        assert stopped.returncode == 0
        assert running.finish() == 3
        assert "fedray resume" in running.errors()
    with job("resume", "latest", cwd=tmp_path) as resumed:
        assert resumed.finish() == 0, resumed.errors()
        assert weights_hash(resumed) == expected


def test_ctrl_c_is_resumable_and_says_so(undisturbed: tuple[Path, str], tmp_path: Path) -> None:
    app, _ = undisturbed
    with job("submit", app, "-c", "runtime=in-process", cwd=tmp_path) as running:
        running.wait_for("round_closed")
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == 130
        assert len(running.errors().splitlines()) == 1


def test_a_running_run_cannot_be_resumed_twice(undisturbed: tuple[Path, str], tmp_path: Path) -> None:
    app, _ = undisturbed
    with job("submit", app, "-c", "runtime=in-process", cwd=tmp_path) as running:
        running.wait_for("round_closed")
        with job("resume", "latest", cwd=tmp_path) as second:
            assert second.finish() == 1
            assert "running already" in second.errors()
