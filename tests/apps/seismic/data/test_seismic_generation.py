"""Generation survives what happens to long jobs: kill -9, Ctrl-C, a full disk, a second process, other parameters."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from apps.seismic.data import generate as generate_module
from apps.seismic.data.amplitudes import Amplitude
from apps.seismic.data.file_pairs import family_files
from apps.seismic.data.folder_lock import folder_lock
from apps.seismic.data.generate import generate
from apps.seismic.data.generation import cache_key
from apps.seismic.data.openfwi import OpenFWIFiles
from apps.seismic.physics.deepwave_engine import shot_gathers
from apps.seismic.physics.geometry import MINI, OPENFWI
from fedray.errors import InvalidInput, StorageError

FAMILIES = ("flatvel-a", "style-b")
SURVEY = replace(MINI, nt=40)

APP = Path(generate_module.__file__).parent.parent
SCRIPT = """
import importlib.util, sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
spec = ModuleSpec("fedray_app_seismic", None, is_package=True)
spec.submodule_search_locations = ["{app}"]
sys.modules["fedray_app_seismic"] = importlib.util.module_from_spec(spec)
from fedray_app_seismic.data.generate import generate
from fedray_app_seismic.physics.geometry import MINI
{before}
def progress(what, done, total):
    print(done, flush=True)
generate(("flatvel-a", "style-b"), {samples}, replace(MINI, nt={nt}), 7, Path(sys.argv[1]), progress, {workers}, 25)
"""


def silent(what: str, done: int, total: int) -> None:
    pass


def make(folder: Path, samples: int = 5, seed: int = 7, samples_per_file: int = 2) -> Path:
    generate(FAMILIES, samples, SURVEY, seed, folder, silent, workers=1, samples_per_file=samples_per_file)
    return folder


def heed_ctrl_c() -> None:
    """What a terminal gives a command: a shell's background job would be born with Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(folder: Path, samples: int = 100, nt: int = 400, workers: int = 2, before: str = "") -> subprocess.Popen[str]:
    script = SCRIPT.format(samples=samples, nt=nt, workers=workers, before=before, app=APP)
    command = [sys.executable, "-c", script, str(folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_ctrl_c)


def wait_for_a_file(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) > 0:
            return
    raise AssertionError(process.stderr and process.stderr.read())


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def is_running(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_files_have_openfwis_layout_and_hold_what_the_engine_gives(tmp_path: Path) -> None:
    make(tmp_path)
    names = [f"{stem}{number}.npy" for stem in ("data", "model") for number in (1, 2, 3)]
    assert sorted(path.name for path in (tmp_path / "style-b").iterdir()) == names
    model, data = np.load(tmp_path / "style-b/model3.npy"), np.load(tmp_path / "style-b/data3.npy")
    assert model.shape == (1, 1, 35, 35) and data.shape == (1, 5, 10, 35)
    torch.testing.assert_close(torch.from_numpy(data), shot_gathers(torch.from_numpy(model[:, 0]), SURVEY))
    files = OpenFWIFiles({family: family_files(tmp_path, family) for family in FAMILIES}, SURVEY, Amplitude(-107, 218))
    assert files.family_index.tolist() == [0] * 5 + [1] * 5


def test_progress_counts_samples_and_ends_complete(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    generate(FAMILIES, 5, SURVEY, 7, tmp_path, lambda what, done, total: seen.append((done, total)), 1, 3)
    assert seen == [(0, 10), (3, 10), (5, 10), (8, 10), (10, 10)]


def test_seeds_families_and_files_all_differ(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one", seed=1), make(tmp_path / "two", seed=2)
    models = [path.read_bytes() for folder in (one, two) for path in folder.rglob("model[12].npy")]
    assert len(models) == len(set(models)) == 8


def test_a_damaged_or_missing_file_is_made_again_and_nothing_else(tmp_path: Path) -> None:
    before = contents(make(tmp_path))
    kept = tmp_path / "style-b/data2.npy"
    untouched = kept.stat().st_mtime_ns
    (tmp_path / "style-b/model1.npy").unlink()
    (tmp_path / "flatvel-a/data2.npy").write_bytes(b"half")
    (tmp_path / "flatvel-a/data2.npy.99.tmp").write_bytes(b"left by a killed process")
    assert contents(make(tmp_path)) == before
    assert kept.stat().st_mtime_ns == untouched


def test_killed_by_kill_9_and_started_again_gives_the_bytes_of_an_undisturbed_run(tmp_path: Path) -> None:
    process = start(tmp_path / "killed")
    wait_for_a_file(process)
    orphans = workers_of(process)
    process.kill()
    process.wait()
    done = len(list((tmp_path / "killed").rglob("model*.npy")))
    assert len(orphans) == 2 and 1 <= done < 8
    for _ in range(100):
        if not any(is_running(pid) for pid in orphans):
            break
        time.sleep(0.1)
    assert not any(is_running(pid) for pid in orphans)
    survey = replace(MINI, nt=400)
    for folder in ("killed", "undisturbed"):
        generate(FAMILIES, 100, survey, 7, tmp_path / folder, silent, workers=1, samples_per_file=25)
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")


def test_ctrl_c_stops_soon_and_leaves_no_half_written_file(tmp_path: Path) -> None:
    process = start(tmp_path, samples=1000)
    wait_for_a_file(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert {path.suffix for path in tmp_path.rglob("*.*")} == {".npy", ".json", ""}


def test_a_killed_worker_ends_the_generation_with_a_clear_error(tmp_path: Path) -> None:
    process = start(tmp_path, samples=1000)
    wait_for_a_file(process)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "FedrayError: A process simulating seismic data died" in errors


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_fills_up_ends_with_a_clear_error_and_no_half_written_file(tmp_path: Path, workers: int) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    process = start(tmp_path, samples=50, nt=200, workers=workers, before=limit)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "StorageError: Could not write into" in errors and "File too large" in errors
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".npy", ".tmp")]


def test_too_little_space_is_refused_before_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(generate_module.shutil, "disk_usage", lambda folder: usage(50_000_000))
    with pytest.raises(StorageError, match=r"needs 71 GB but only 0\.05 GB are free") as refusal:
        generate(["flatvel-a"], 50_000, OPENFWI, 0, tmp_path / "new", silent)
    assert str(tmp_path / "new") in str(refusal.value)
    assert not list(tmp_path.rglob("*.npy"))


def test_a_second_process_waits_for_the_first_and_says_for_whom(tmp_path: Path) -> None:
    tmp_path.mkdir(exist_ok=True)
    waiting, seen = threading.Event(), []

    def progress(what: str, done: int, total: int) -> None:
        seen.append(what)
        waiting.set()

    second = threading.Thread(target=generate, args=(FAMILIES, 2, SURVEY, 7, tmp_path, progress, 1))
    with folder_lock(tmp_path, on_wait=lambda holder: None):
        second.start()
        assert waiting.wait(10)
        assert seen == [f"waiting for process {os.getpid()} on {os.uname().nodename}, simulating seismic data"]
        assert not list(tmp_path.rglob("*.npy"))
    second.join()
    assert len(list(tmp_path.rglob("*.npy"))) == 4


def test_a_folder_made_with_other_parameters_is_refused_with_the_difference(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(InvalidInput, match="seed 7, asked for 8"):
        make(tmp_path, seed=8)
    (tmp_path / "generated.json").write_text("{")
    with pytest.raises(InvalidInput, match="damaged"):
        make(tmp_path)


def test_the_manifest_records_everything_and_the_cache_key_tells_all_of_it_apart(tmp_path: Path) -> None:
    manifest = json.loads((make(tmp_path) / "generated.json").read_text())
    assert manifest["seed"] == 7 and manifest["families"] == list(FAMILIES) and manifest["survey"]["dx"] == 20.0
    keys = {
        cache_key(FAMILIES, 5, MINI, 0),
        cache_key(FAMILIES[:1], 5, MINI, 0),
        cache_key(FAMILIES, 6, MINI, 0),
        cache_key(FAMILIES, 5, OPENFWI, 0),
        cache_key(FAMILIES, 5, MINI, 1),
        cache_key(FAMILIES, 5, MINI, 0, samples_per_file=2),
    }
    assert len(keys) == 6 and cache_key(list(FAMILIES), 5, MINI, 0) in keys


@pytest.mark.parametrize(
    ("families", "samples", "seed", "per_file", "named"),
    [
        ((), 5, 0, 2, "flatvel-a"),
        (("salt",), 5, 0, 2, "salt"),
        (("style-a", "style-a"), 5, 0, 2, "style-a"),
        (FAMILIES, 0, 0, 2, "samples_per_family"),
        (FAMILIES, 5, -1, 2, "seed"),
        (FAMILIES, 5, 0, 0, "samples_per_file"),
    ],
)
def test_parameters_that_cannot_work_are_refused(
    tmp_path: Path, families: tuple[str, ...], samples: int, seed: int, per_file: int, named: str
) -> None:
    with pytest.raises(InvalidInput, match=named):
        generate(families, samples, SURVEY, seed, tmp_path, silent, 1, per_file)


def test_a_finished_folder_can_be_used_where_nothing_may_be_written(tmp_path: Path) -> None:
    make(tmp_path / "cache")
    (tmp_path / "cache/.lock").unlink()
    make(tmp_path / "cache")
    assert not (tmp_path / "cache/.lock").exists()


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        make(tmp_path / "file" / "cache")


@pytest.mark.slow
def test_the_mini_data_set_takes_at_most_three_hundredths_of_a_cpu_second_a_sample(tmp_path: Path) -> None:
    started = time.process_time()
    generate(["curvevel-b"], 200, MINI, 0, tmp_path, silent, workers=1)
    assert (time.process_time() - started) / 200 < 0.03
