"""Reading OpenFWI's file layout: every real layout is found, and every kind of damage is named."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from apps.seismic.data.amplitudes import OFFICIAL, Amplitude, normalise_data, normalise_velocity
from apps.seismic.data.file_pairs import family_files, file_pairs, official_split, split_last
from apps.seismic.data.openfwi import OpenFWIFiles
from apps.seismic.physics.geometry import MINI, OPENFWI
from fedray.errors import InvalidInput, StorageError

SMALL = replace(MINI, nz=4, nx=6, nt=8, source_columns=(0, 5), receiver_columns=(0, 2, 4), decimate=1)
DATA_SHAPE, MODEL_SHAPE = (2, 8, 3), (1, 4, 6)
AMPLITUDE = Amplitude(-20.0, 40.0)


def write_pair(data: Path, model: Path, samples: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    pressure = rng.normal(0, 5, (samples, *DATA_SHAPE)).astype(np.float32)
    velocity = rng.uniform(1500, 4500, (samples, *MODEL_SHAPE)).astype(np.float32)
    for path, values in ((data, pressure), (model, velocity)):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, values)
    return pressure, velocity


def read(folder: Path) -> OpenFWIFiles:
    return OpenFWIFiles({"style-a": file_pairs(folder)}, SMALL, AMPLITUDE)


@pytest.mark.parametrize(
    ("data", "model"),
    [
        ("data{}.npy", "model{}.npy"),
        ("data/data{}.npy", "model/model{}.npy"),
        ("seis2_1_{}.npy", "vel2_1_{}.npy"),
        ("data/seis4_1_{}.npy", "model/vel4_1_{}.npy"),
    ],
)
def test_every_layout_of_openfwi_is_found_in_order_of_the_numbers(tmp_path: Path, data: str, model: str) -> None:
    for number in (10, 2, 1):
        write_pair(tmp_path / data.format(number), tmp_path / model.format(number))
    pairs = file_pairs(tmp_path)
    assert [pair.numbers[-1] for pair in pairs] == [1, 2, 10]
    assert [pair.data for pair in pairs] == [tmp_path / data.format(number) for number in (1, 2, 10)]
    assert [pair.model for pair in pairs] == [tmp_path / model.format(number) for number in (1, 2, 10)]


@pytest.mark.parametrize("name", ["flatvel-a", "FlatVel_A"])
def test_a_familys_folder_is_found_by_either_spelling(tmp_path: Path, name: str) -> None:
    write_pair(tmp_path / name / "data1.npy", tmp_path / name / "model1.npy")
    assert len(family_files(tmp_path, "flatvel-a")) == 1
    with pytest.raises(InvalidInput, match="style-b"):
        family_files(tmp_path, "style-b")


def test_batches_hold_the_asked_samples_normalised_and_in_order(tmp_path: Path) -> None:
    a1 = write_pair(tmp_path / "a/data1.npy", tmp_path / "a/model1.npy", seed=1)
    a2 = write_pair(tmp_path / "a/data2.npy", tmp_path / "a/model2.npy", samples=2, seed=2)
    b1 = write_pair(tmp_path / "b/data1.npy", tmp_path / "b/model1.npy", seed=3)
    files = OpenFWIFiles({"a": file_pairs(tmp_path / "a"), "b": file_pairs(tmp_path / "b")}, SMALL, AMPLITUDE)
    pressure, velocity = (torch.from_numpy(np.concatenate(parts)) for parts in zip(a1, a2, b1, strict=True))
    assert len(files) == 8 and files.families == ("a", "b")
    assert files.family_index.tolist() == [0] * 5 + [1] * 3
    wanted = [7, 0, 4, 4, 2, 5]
    data, label = files.batch(wanted)
    assert data.dtype == label.dtype == torch.float32
    torch.testing.assert_close(data, normalise_data(pressure[wanted], AMPLITUDE))
    torch.testing.assert_close(label, normalise_velocity(velocity[wanted]))
    assert torch.equal(files[4][0], data[2]) and torch.equal(files[-1][1], label[0])
    assert torch.equal(files.batch(torch.tensor(wanted))[0], data)


def test_downloads_are_normalised_with_their_familys_official_constants(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(0, 5, (1, *OPENFWI.gather_shape)).astype(np.float32)
    model = np.full((1, 1, 70, 70), 3000, np.float32)
    files = {}
    for family in ("flatvel-a", "style-b"):
        folder = tmp_path / family
        folder.mkdir()
        np.save(folder / "data1.npy", data)
        np.save(folder / "model1.npy", model)
        files[family] = file_pairs(folder)
    both, _ = OpenFWIFiles(files, OPENFWI).batch([0, 1])
    for index, family in enumerate(files):
        torch.testing.assert_close(both[index], normalise_data(torch.from_numpy(data[0]), OFFICIAL[family]))


def test_a_data_set_pickles_small_because_it_holds_no_samples(tmp_path: Path) -> None:
    write_pair(tmp_path / "data1.npy", tmp_path / "model1.npy", samples=500)
    files = read(tmp_path)
    packed = pickle.dumps(files)
    assert len(packed) < 10_000
    assert torch.equal(pickle.loads(packed).batch([3])[0], files.batch([3])[0])


def test_official_split_goes_by_file_number(tmp_path: Path) -> None:
    for number in range(1, 61):
        (tmp_path / f"data{number}.npy").touch()
        (tmp_path / f"model{number}.npy").touch()
    train, test = official_split("curvevel-b", file_pairs(tmp_path))
    assert [len(train), len(test)] == [48, 12] and test[0].numbers == (49,)
    train, test = split_last(file_pairs(tmp_path), 5)
    assert [len(train), len(test)] == [55, 5] and test[0].numbers == (56,)


def test_official_split_of_faults_takes_32_to_35_of_every_number_of_layers(tmp_path: Path) -> None:
    for layers in (2, 3, 4):
        for number in range(36):
            (tmp_path / f"seis{layers}_1_{number}.npy").touch()
            (tmp_path / f"vel{layers}_1_{number}.npy").touch()
    train, test = official_split("flatfault-a", file_pairs(tmp_path))
    assert [len(train), len(test)] == [96, 12]
    assert {pair.numbers for pair in test} == {(layers, 1, n) for layers in (2, 3, 4) for n in range(32, 36)}


def test_files_that_cannot_be_split_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path / "data1.npy", tmp_path / "model1.npy")
    pairs = file_pairs(tmp_path)
    with pytest.raises(InvalidInput, match="begin at 121"):
        official_split("style-a", pairs)
    with pytest.raises(InvalidInput, match="kimberlina"):
        official_split("kimberlina", pairs)
    for test_files in (0, 1, 2):
        with pytest.raises(InvalidInput, match="add files"):
            split_last(pairs, test_files)


def test_a_folder_without_data_or_with_half_a_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"data1\.npy"):
        file_pairs(tmp_path)
    write_pair(tmp_path / "data1.npy", tmp_path / "model1.npy")
    (tmp_path / "model1.npy").unlink()
    with pytest.raises(InvalidInput, match=r"data1\.npy has no model"):
        file_pairs(tmp_path)


@pytest.mark.parametrize("name", ["data1.npy", "model1.npy"])
@pytest.mark.parametrize("kept", [0, 5, 60, 200])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, name: str, kept: int) -> None:
    write_pair(tmp_path / "data1.npy", tmp_path / "model1.npy")
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:kept])
    with pytest.raises(InvalidInput, match=name):
        read(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((3, 2, 8, 4), np.float32),
        np.zeros((0, *DATA_SHAPE), np.float32),
        np.zeros((3, *DATA_SHAPE), np.float64),
        np.asfortranarray(np.zeros((3, *DATA_SHAPE), np.float32)),
        np.zeros((4, *DATA_SHAPE), np.float32),
        np.float32(0),
        np.array([{}], dtype=object),
    ],
    ids=["receivers", "empty", "float64", "fortran", "more-than-models", "scalar", "pickled"],
)
def test_a_file_of_another_shape_or_type_is_refused_by_name(tmp_path: Path, values: np.ndarray) -> None:
    write_pair(tmp_path / "data1.npy", tmp_path / "model1.npy")
    np.save(tmp_path / "data1.npy", values)
    with pytest.raises(InvalidInput, match=r"data1\.npy"):
        read(tmp_path)


def test_a_web_page_saved_as_npy_is_refused_by_name(tmp_path: Path) -> None:
    write_pair(tmp_path / "data1.npy", tmp_path / "model1.npy")
    (tmp_path / "data1.npy").write_text("<!DOCTYPE html><title>Sign in</title>" * 100)
    with pytest.raises(InvalidInput, match=r"data1\.npy is not a whole \.npy file"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["data1.npy", "model1.npy"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_refused_by_file_and_sample(tmp_path: Path, name: str, value: float) -> None:
    write_pair(tmp_path / "data1.npy", tmp_path / "model1.npy")
    values = np.load(tmp_path / name)
    values[2, 0, 1, 1] = value
    np.save(tmp_path / name, values)
    files = read(tmp_path)
    files.batch([0, 1])
    with pytest.raises(InvalidInput, match=f"{name}.* sample 2"):
        files.batch([1, 2])
    with pytest.raises(InvalidInput, match=f"{name}.* sample 2"):
        files.check_values(lambda what, done, total: None)


def test_velocities_in_kilometres_a_second_are_refused(tmp_path: Path) -> None:
    _, velocity = write_pair(tmp_path / "data1.npy", tmp_path / "model1.npy")
    np.save(tmp_path / "model1.npy", velocity / 1000)
    with pytest.raises(InvalidInput, match=r"model1\.npy .*m/s"):
        read(tmp_path).check_values(lambda what, done, total: None)


def test_a_file_that_vanishes_while_in_use_is_a_storage_error(tmp_path: Path) -> None:
    write_pair(tmp_path / "data1.npy", tmp_path / "model1.npy")
    files = read(tmp_path)
    (tmp_path / "data1.npy").unlink()
    with pytest.raises(StorageError, match=r"data1\.npy"):
        files.batch([0])
