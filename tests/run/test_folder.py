"""A run's folder: who holds it, how it stands, and finding it by name."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fedray.errors import FedrayError, InvalidInput, StorageError
from fedray.run.folder import RunFolder, runs_folder

HOLD = """
import sys
from pathlib import Path
from fedray.run.folder import RunFolder
RunFolder(Path(sys.argv[1])).lock()
print("held", flush=True)
sys.stdin.read()
"""
PROBE = """
import sys
from pathlib import Path
from fedray.run.folder import RunFolder
folder = RunFolder(Path(sys.argv[1]))
print(sum(folder.process() is not None for _ in range(15_000)))
"""


def made(runs: Path, name: str, **info) -> RunFolder:
    folder = RunFolder(runs / name)
    folder.checkpoints.mkdir(parents=True)
    folder.update(status="finished", app="blobs", **info)
    return folder


@pytest.fixture
def holder(tmp_path):
    """Another process that runs the run in ``tmp_path / "held"``."""
    made(tmp_path, "held", rounds=3).update(status="running")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "held")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_new_run_is_named_by_app_and_time_and_held_by_this_process(tmp_path):
    before = time.strftime("%Y%m%d-%H%M%S")
    folder = RunFolder.create(tmp_path / "runs", "blobs")
    app, day, clock, letters = folder.path.name.split("-")
    assert app == "blobs" and before <= f"{day}-{clock}" <= time.strftime("%Y%m%d-%H%M%S") and len(letters) == 4
    assert folder.checkpoints.is_dir()
    assert folder.process() == os.getpid()
    assert socket.gethostname() in (folder.path / "lock").read_text()


def test_two_runs_at_once_have_folders_of_their_own(tmp_path):
    assert len({RunFolder.create(tmp_path, "blobs").path for _ in range(5)}) == 5


def test_a_run_that_another_process_runs_cannot_be_taken(tmp_path, holder):
    folder = RunFolder(tmp_path / "held")
    assert folder.process() == holder.pid
    assert folder.status() == "running"
    with pytest.raises(FedrayError, match="Run held is running already"):
        folder.lock()
    assert folder.process() == holder.pid, "a refused lock must not overwrite the holder's name"


def test_a_run_whose_process_was_killed_is_interrupted_and_can_be_taken(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    folder = RunFolder(tmp_path / "held")
    assert folder.process() is None and folder.status() == "interrupted"
    folder.lock()
    assert folder.status() == "running" and folder.process() == os.getpid()


def test_waiting_for_a_run_ends_when_its_process_does(tmp_path, holder):
    folder, ended = RunFolder(tmp_path / "held"), threading.Event()
    waiter = threading.Thread(target=lambda: (folder.wait_until_released(), ended.set()))
    waiter.start()
    assert not ended.wait(0.2)
    holder.kill()
    waiter.join(timeout=30)
    assert ended.is_set()


def test_people_who_look_at_a_run_do_not_take_each_other_for_its_process(tmp_path):
    """``fedray runs`` in two terminals: neither may show a run as running that nobody runs."""
    folder = made(tmp_path, "over")
    (folder.path / "lock").write_text("1 somewhere\n")
    command = [sys.executable, "-c", PROBE, str(folder.path)]
    lookers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [looker.communicate()[0] for looker in lookers] == ["0\n", "0\n"]


def test_a_lock_file_without_a_name_yet_is_no_crash(tmp_path):
    """The holder writes its process id a moment after it has taken the lock."""
    folder = made(tmp_path, "starting")
    with (folder.path / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        folder.process()
        assert folder.status() == "finished"


def test_a_run_is_found_by_name_beginning_path_or_as_the_latest(tmp_path):
    older = made(tmp_path, "blobs-20260101-000000-aaaa")
    newer = made(tmp_path, "adder-20260102-000000-0000")
    assert RunFolder.find(tmp_path, older.path.name).path == older.path
    assert RunFolder.find(tmp_path, "blobs").path == older.path
    assert RunFolder.find(tmp_path / "nowhere", str(newer.path)).path == newer.path
    assert RunFolder.find(tmp_path, "latest").path == newer.path


def test_a_whole_name_is_not_taken_for_the_beginning_of_another(tmp_path):
    short, _ = made(tmp_path, "blobs"), made(tmp_path, "blobs-again")
    assert RunFolder.find(tmp_path, "blobs").path == short.path


def test_the_beginning_of_several_names_is_refused_with_those_names(tmp_path):
    made(tmp_path, "blobs-20260101-000000-aaaa"), made(tmp_path, "blobs-20260101-000001-bbbb")
    made(tmp_path, "other-20260101-000000-cccc")
    with pytest.raises(InvalidInput, match=r"'blobs' begins several runs .*aaaa, .*bbbb\)") as refused:
        RunFolder.find(tmp_path, "blobs")
    assert "other" not in str(refused.value)


@pytest.mark.parametrize("name", ["nothing", "latest"])
def test_a_name_that_is_no_run_is_refused(tmp_path, name):
    with pytest.raises(InvalidInput, match=f"'{name}' is no run in .*runs there: none yet"):
        RunFolder.find(tmp_path, name)


def test_all_runs_are_listed_by_age_whatever_their_app_and_nothing_else_is(tmp_path):
    names = ["zeta-20260101-000000-aaaa", "alpha-beta-20260101-000001-aaaa", "mid-20260102-000000-0000"]
    for name in reversed(names):
        made(tmp_path, name)
    (tmp_path / "notes").mkdir()
    (tmp_path / "README").write_text("mine")
    assert [folder.path.name for folder in RunFolder.all(tmp_path)] == names
    assert RunFolder.all(tmp_path / "nowhere") == []


def test_what_a_run_says_of_itself_is_changed_entry_by_entry(tmp_path):
    folder = made(tmp_path, "run", rounds=3)
    folder.update(status="failed", error="no")
    assert folder.info() == {"status": "failed", "app": "blobs", "rounds": 3, "error": "no"}
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == folder.info()


@pytest.mark.parametrize("content", ["", '{"status": "fin', "not json"])
def test_a_damaged_description_is_a_storage_error_that_names_the_file(tmp_path, content):
    folder = made(tmp_path, "run")
    (tmp_path / "run" / "run.json").write_text(content)
    with pytest.raises(StorageError, match=r"Cannot read .*run\.json .*restore it or remove the run"):
        folder.info()


def test_runs_are_kept_where_one_says_else_where_the_environment_says_else_here(monkeypatch):
    assert runs_folder(None) == Path("runs")
    monkeypatch.setenv("FEDRAY_RUNS", "/elsewhere")
    assert runs_folder(None) == Path("/elsewhere")
    assert runs_folder(Path("here")) == Path("here")
