"""The seismic task fulfils fedray's contract on downloaded and on generated data."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from apps.seismic.data.families import FAMILIES
from apps.seismic.inversionnet import InversionNet
from apps.seismic.mini_inversionnet import MiniInversionNet
from apps.seismic.physics.deepwave_engine import shot_gathers
from apps.seismic.physics.geometry import MINI, OPENFWI
from apps.seismic.task import InversionNetTask, SeismicOptions, is_symmetric, mirror
from fedray.errors import InvalidInput


def quiet(what: str, done: int, total: int) -> None:
    pass


def write_family(folder: Path, family: str, files: int, samples: int = 3) -> None:
    """OpenFWI's layout with random numbers in it."""
    (folder / family).mkdir(parents=True)
    rng = np.random.default_rng(files)
    for number in range(1, files + 1):
        data = rng.normal(size=(samples, *MINI.gather_shape)).astype(np.float32)
        model = rng.uniform(1500, 4500, (samples, 1, MINI.nz, MINI.nx)).astype(np.float32)
        np.save(folder / family / f"data{number}.npy", data)
        np.save(folder / family / f"model{number}.npy", model)


@pytest.fixture
def task(tmp_path: Path) -> InversionNetTask:
    write_family(tmp_path, "curvevel-a", files=3)
    write_family(tmp_path, "flatvel-b", files=2)
    return InversionNetTask(SeismicOptions(folder=str(tmp_path), families=("curvevel-a", "flatvel-b"), test_files=1))


def batch_of(task: InversionNetTask) -> tuple[Tensor, ...]:
    return task.train_data().batch(np.arange(4))


def test_the_options_name_every_family_that_can_be_generated() -> None:
    assert SeismicOptions(families=FAMILIES).families == FAMILIES


def test_downloaded_files_become_normalised_training_and_test_data(task: InversionNetTask) -> None:
    task.prepare(quiet)
    assert len(task.train_data()) == 9
    assert len(task.test_data()) == 6
    assert task.labels().tolist() == [0] * 6 + [1] * 3
    data_BSTR, label_B1ZX = batch_of(task)
    assert data_BSTR.shape == (4, 5, 125, 35)
    assert label_B1ZX.shape == (4, 1, 35, 35)
    assert label_B1ZX.abs().max() <= 1


def test_without_a_number_of_test_files_openfwis_own_split_is_used(tmp_path: Path) -> None:
    write_family(tmp_path, "style-a", files=122, samples=1)
    task = InversionNetTask(SeismicOptions(folder=str(tmp_path), families=("style-a",)))
    assert (len(task.train_data()), len(task.test_data())) == (120, 2)


def test_a_folder_that_leaves_nothing_to_test_on_is_refused(tmp_path: Path) -> None:
    write_family(tmp_path, "style-a", files=1)
    with pytest.raises(InvalidInput, match="cannot be divided for training and testing"):
        InversionNetTask(SeismicOptions(folder=str(tmp_path), families=("style-a",))).prepare(quiet)


def test_a_network_learns_a_batch_by_heart(task: InversionNetTask) -> None:
    torch.manual_seed(0)
    model, batch = task.model(), batch_of(task)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = [float(task.train_step(model, batch, optimizer)) for _ in range(25)]
    assert losses[-1] < 0.8 * losses[0]


def test_metrics_are_one_value_an_example_and_the_headline_is_among_their_summary(task: InversionNetTask) -> None:
    with torch.no_grad():
        values = task.metrics(task.model(), batch_of(task))
    assert all(value_B.shape == (4,) for value_B in values.values())
    summary = task.summarise({name: float(value_B.mean()) for name, value_B in values.items()})
    assert set(summary) == {"mae", "rmse", "ssim", "mae_mps", "rmse_mps"}
    assert task.headline in summary
    assert all(set(scores) == set(summary) for scores in task.baselines().values())


def test_figures_are_written_where_asked(task: InversionNetTask, tmp_path: Path) -> None:
    paths = task.figures(task.model(), tmp_path / "figures")
    assert [path.name for path in paths] == ["gathers.png", "maps.png", "profiles.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_a_model_that_makes_maps_of_another_size_is_refused(task: InversionNetTask) -> None:
    model = nn.Sequential(nn.Conv2d(5, 1, 1), nn.AdaptiveAvgPool2d(70))
    with pytest.raises(InvalidInput, match=r"maps of shape \(1, 70, 70\) but the survey's are \(1, 35, 35\)"):
        task.loss(model, batch_of(task))


def test_only_the_mini_survey_looks_the_same_from_behind() -> None:
    assert is_symmetric(MINI)
    assert not is_symmetric(OPENFWI)


def test_a_mirrored_example_is_what_the_survey_records_over_the_mirrored_map() -> None:
    v_BZX = torch.full((1, 35, 35), 2000.0)
    v_BZX[:, 12:, 9:] = 3500.0
    mirrored_BSTR, _ = mirror((shot_gathers(v_BZX, MINI), v_BZX[:, None]))
    recorded_BSTR = shot_gathers(v_BZX.flip(2), MINI)
    assert (mirrored_BSTR - recorded_BSTR).norm() < 1e-4 * recorded_BSTR.norm()


def test_augmentation_mirrors_some_whole_examples_and_depends_on_its_generator_alone(task: InversionNetTask) -> None:
    batch = task.train_data().batch(np.arange(9))
    first, again = (task.augment(batch, torch.Generator().manual_seed(1)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    reflected = mirror(batch)
    same = [torch.equal(first[0][i], batch[0][i]) and torch.equal(first[1][i], batch[1][i]) for i in range(9)]
    other = [torch.equal(first[0][i], reflected[0][i]) and torch.equal(first[1][i], reflected[1][i]) for i in range(9)]
    assert all(a != b for a, b in zip(same, other, strict=True))
    assert 0 < sum(other) < 9


def test_augmentation_can_be_turned_off() -> None:
    batch = (torch.randn(4, 5, 125, 35), torch.randn(4, 1, 35, 35))
    for options in (SeismicOptions(flip=False), SeismicOptions(survey="openfwi", model="full")):
        assert InversionNetTask(options).augment(batch, torch.Generator()) is batch


def test_each_survey_has_its_network() -> None:
    assert isinstance(InversionNetTask().model(), MiniInversionNet)
    assert isinstance(InversionNetTask(SeismicOptions(survey="openfwi", model="full")).model(), InversionNet)
    with pytest.raises(ValidationError, match="use mini/mini or full/openfwi"):
        SeismicOptions(survey="openfwi")


def test_every_option_says_what_it_is() -> None:
    assert all(field.description for field in SeismicOptions.model_fields.values())


@pytest.mark.parametrize("options", [{"families": []}, {"families": ["flatvel-a", "flatvel-a"]}, {"train_samples": 0}])
def test_options_that_cannot_work_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SeismicOptions.model_validate(options)


def test_generated_data_are_made_once_and_training_and_test_maps_differ(tmp_path: Path) -> None:
    options = SeismicOptions(families=("flatvel-a",), train_samples=3, test_samples=3, cache=str(tmp_path))
    first = InversionNetTask(options)
    first.prepare(quiet)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    InversionNetTask(options).prepare(quiet)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")} == written
    (_, train_B1ZX), (_, test_B1ZX) = (part.batch(np.arange(3)) for part in (first.train_data(), first.test_data()))
    assert not any(torch.equal(train, test) for train in train_B1ZX for test in test_B1ZX)


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDRAY_CACHE", str(tmp_path / "fedray"))
    assert cache_folder(InversionNetTask()).is_relative_to(tmp_path / "fedray" / "seismic")
    monkeypatch.delenv("FEDRAY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder(InversionNetTask()).is_relative_to(tmp_path / "xdg" / "fedray" / "seismic")
    assert cache_folder(InversionNetTask(SeismicOptions(cache=str(tmp_path / "own")))).is_relative_to(tmp_path / "own")


def cache_folder(task: InversionNetTask) -> Path:
    return task._generated_folder("train")
