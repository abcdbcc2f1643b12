"""The same recipe ends with the same bytes, whatever runs it and in whatever order results arrive."""

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from jobs import make_app, submit_and_finish, weights_hash

FAST = ("-c", "task.seconds=0", "-c", "rounds=3")
PLACES = {
    "in-process, 1 worker": ("runtime=in-process", "workers=1"),
    "in-process, 4 workers": ("runtime=in-process", "workers=4"),
    "virtual clock, results in another order": ("runtime=in-process", "clock=virtual", "devices.spread=2"),
    "Ray, 1 worker": ("runtime=ray", "workers=1"),
    "Ray, 2 workers": ("runtime=ray", "workers=2"),
    "Ray, 4 workers": ("runtime=ray", "workers=4"),
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("reference")
    app = make_app(folder / "slow-spirals")
    running = submit_and_finish(app, folder, *FAST, "-c", "runtime=in-process")
    return app, weights_hash(running)


@pytest.mark.parametrize("place", PLACES)
def test_final_weights_are_bitwise_equal(place: str, reference: tuple[Path, str], tmp_path: Path) -> None:
    app, expected = reference
    options = [part for option in PLACES[place] for part in ("-c", option)]
    running = submit_and_finish(app, tmp_path, *FAST, *options)
    assert weights_hash(running) == expected
    (ended,) = running.of("run_ended")
    model = tmp_path / ended["folder"] / "model.safetensors"
    assert sha256(model.read_bytes()).hexdigest() == expected


def test_the_seed_decides(reference: tuple[Path, str], tmp_path: Path) -> None:
    app, expected = reference
    assert weights_hash(submit_and_finish(app, tmp_path, *FAST, "-c", "runtime=in-process", "-c", "seed=1")) != expected


def test_cohort_size_is_part_of_the_recipe_not_of_the_machine(reference: tuple[Path, str], tmp_path: Path) -> None:
    """Cohorts of 2 give one definite result too, at any number of workers."""
    app, _ = reference
    hashes = {
        weights_hash(submit_and_finish(app, tmp_path, *FAST, "-c", "users.cohort_size=2", "-c", place))
        for place in ("runtime=in-process", "runtime=ray")
    }
    assert len(hashes) == 1


def test_nothing_of_ray_is_left_running(reference: tuple[Path, str], tmp_path: Path) -> None:
    app, _ = reference
    before = _ray_processes()
    submit_and_finish(app, tmp_path, *FAST, "-c", "runtime=ray")
    assert _ray_processes() - before == set()


def _ray_processes() -> set[str]:
    found = subprocess.run(["pgrep", "-f", "raylet|gcs_server"], capture_output=True, text=True)
    return set(found.stdout.split())
