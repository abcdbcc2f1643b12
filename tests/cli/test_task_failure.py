"""A task that raises, seen from the terminal: short, the user's own line first, and everything kept for later."""

import subprocess
import sys

import pytest

from fedray.run.folder import RunFolder

DEEP = """
class Deep(Blobs):
    def loss(self, model, batch):
        if model.training:
            self.fall(40)
        return super().loss(model, batch)

    def fall(self, depth):
        if depth == 0:
            raise ArithmeticError("the ground\\nand a second line that nobody needs to see")
        self.fall(depth - 1)
"""


@pytest.fixture
def failed(make_app, tmp_path):
    app = make_app(DEEP, task="Deep", recipe={"users": {"count": 5}})
    command = [sys.executable, "-m", "fedray", "submit", app, "--runs", tmp_path / "runs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    return done, app


def test_a_task_that_raises_is_told_on_less_than_a_screen_with_the_users_own_line_first_and_once(failed, tmp_path):
    done, app = failed
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert lines[0] == "Error: The task failed for user 0 in round 1: ArithmeticError: the ground ..."
    raised = (
        (app / "task.py")
        .read_text()
        .splitlines()
        .index('            raise ArithmeticError("the ground\\nand a second line that nobody needs to see")')
    )
    assert lines[1] == f"  apps/blobs/task.py:{raised + 1} in fall"
    assert done.stderr.count("raise ArithmeticError") == 1
    assert len(lines) <= 25
    assert "site-packages" not in done.stderr and "Traceback" not in done.stderr

    folder = RunFolder.find(tmp_path / "runs", "latest")
    report = (folder.path / "error.txt").read_text()
    assert report.startswith("Traceback (most recent call last):")
    assert report.count("in fall") == 41 and "fedray/training/local.py" in report
    assert "and a second line that nobody needs to see" in report and "user 0 in round 1" in report
    assert folder.status() == "failed" and "user 0 in round 1: ArithmeticError" in folder.info()["error"]
