"""Checkpoints are there whole or not at all, and a damaged one never becomes a model."""

import json
from hashlib import sha256
from itertools import product
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from fedray.errors import FedrayError, StorageError
from fedray.run.checkpoint import Checkpoint, State, newest_checkpoint, save_tensors, write_checkpoint


def tensors(round: int) -> dict[str, torch.Tensor]:
    return {"layer.weight": torch.full((3, 2), float(round)), "layer.count": torch.tensor(round)}


def write(folder: Path, round: int, keep: int = 2) -> State:
    data, digest = save_tensors(tensors(round))
    state = State(round, digest, bytes_sent=round * 1000, seconds=round / 2, ledger_head="head")
    write_checkpoint(folder, state, data, keep)
    return state


def assert_is(checkpoint: Checkpoint | None, state: State) -> None:
    assert checkpoint is not None and checkpoint.state == state
    expected = tensors(state.round)
    assert checkpoint.tensors.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in checkpoint.tensors.items())


def test_what_was_written_last_is_read_back(tmp_path):
    for round in (1, 2, 3):
        state = write(tmp_path, round)
        assert_is(newest_checkpoint(tmp_path), state)


def test_without_checkpoints_there_is_none(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_only_the_newest_are_kept(tmp_path, keep):
    for round in range(1, 6):
        write(tmp_path, round, keep)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"round-{r:06d}" for r in range(6 - keep, 6)]


def test_the_models_name_is_the_sha256_of_its_file_which_any_safetensors_reader_opens(tmp_path):
    state = write(tmp_path, 4)
    file = tmp_path / "round-000004" / "model.safetensors"
    assert sha256(file.read_bytes()).hexdigest() == state.model
    with safe_open(file, "pt") as opened:
        assert torch.equal(opened.get_tensor("layer.weight"), tensors(4)["layer.weight"])


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("damage", [cut, empty, flip, remove])
@pytest.mark.parametrize("name", ["model.safetensors", "state.json"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, damage, name):
    before = write(tmp_path, 7)
    write(tmp_path, 8)
    damage(tmp_path / "round-000008" / name)
    assert_is(newest_checkpoint(tmp_path), before)


@pytest.mark.parametrize("content", ["[]", "null", "{}", '{"round": 8}', "8", '{"round": 8, "surprise": 1}'])
def test_a_state_of_another_form_is_damage(tmp_path, content):
    before = write(tmp_path, 7)
    write(tmp_path, 8)
    (tmp_path / "round-000008" / "state.json").write_text(content)
    assert_is(newest_checkpoint(tmp_path), before)


@pytest.mark.parametrize("name", ["model.safetensors", "state.json"])
def test_no_flipped_bit_of_a_model_or_of_its_round_goes_unnoticed(tmp_path, name):
    before, newest = write(tmp_path, 7), write(tmp_path, 8)
    file = tmp_path / "round-000008" / name
    whole = file.read_bytes()
    for at, bit in product(range(len(whole)), range(8)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
        found = newest_checkpoint(tmp_path)
        assert found is not None
        if found.state.round != before.round:
            assert (found.state.round, found.state.model) == (newest.round, newest.model), f"byte {at}, bit {bit}"


def test_a_state_that_contradicts_its_folders_round_is_damage(tmp_path):
    before = write(tmp_path, 7)
    write(tmp_path, 8)
    file = tmp_path / "round-000008" / "state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"round": 3}))
    assert_is(newest_checkpoint(tmp_path), before)


def test_a_checkpoint_of_a_later_version_is_not_read_as_if_it_were_this_one(tmp_path):
    before = write(tmp_path, 7)
    write(tmp_path, 8)
    file = tmp_path / "round-000008" / "state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": 2}))
    try:
        assert_is(newest_checkpoint(tmp_path), before)
    except FedrayError as refused:
        assert "version" in str(refused)


def test_when_all_are_damaged_nothing_is_made_up(tmp_path):
    for round in (7, 8):
        write(tmp_path, round)
        cut(tmp_path / f"round-{round:06d}" / "model.safetensors")
    with pytest.raises(FedrayError, match=r"All checkpoints in .* are damaged; start the run again"):
        newest_checkpoint(tmp_path)


def test_what_a_crash_left_unfinished_is_never_read_and_makes_way_for_the_next_try(tmp_path):
    before = write(tmp_path, 7)
    building = tmp_path / ".building-000008"
    building.mkdir()
    (building / "model.safetensors").write_bytes(b"half")
    assert_is(newest_checkpoint(tmp_path), before)
    assert_is(newest_checkpoint(tmp_path), before)
    state = write(tmp_path, 8)
    assert_is(newest_checkpoint(tmp_path), state)
    assert not building.exists()


def test_a_round_that_is_done_again_replaces_its_checkpoint(tmp_path):
    write(tmp_path, 8)
    cut(tmp_path / "round-000008" / "model.safetensors")
    assert_is((write(tmp_path, 8), newest_checkpoint(tmp_path))[1], write(tmp_path, 8))


def test_a_full_disk_leaves_the_older_checkpoints_and_no_rubbish(tmp_path, small_files):
    before = write(tmp_path, 7)
    big = save_tensors({"layer.weight": torch.zeros(10_000)})
    with small_files(10_000), pytest.raises(StorageError, match=r"Cannot write .*000008.*: File too large"):
        write_checkpoint(tmp_path, State(8, big[1], 0, 0.0, None), big[0], keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["round-000007"]
    assert_is(newest_checkpoint(tmp_path), before)
