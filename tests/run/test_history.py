"""The metrics of a run, line by line, and what a crash can do to the last one."""

import json
from pathlib import Path

import pytest

from fedray.errors import StorageError
from fedray.run.history import History

TRAIN = [{"round": round, "train_loss": 1 / round, "kind": "train"} for round in (1, 2, 3)]
TEST = [{"round": round, "kind": "test", "accuracy": round / 10} for round in (1, 2, 3)]


@pytest.fixture
def history(tmp_path) -> History:
    history = History(tmp_path / "metrics.jsonl")
    for train, test in zip(TRAIN, TEST, strict=True):
        history.add(train)
        history.add(test)
    return history


def test_lines_are_read_back_as_they_were_written(history, tmp_path):
    assert history.lines() == [line for pair in zip(TRAIN, TEST, strict=True) for line in pair]
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == history.lines()


def test_a_run_that_has_not_begun_has_no_history(tmp_path):
    assert History(tmp_path / "metrics.jsonl").lines() == History(tmp_path / "metrics.jsonl").rounds() == []


def test_a_round_shows_its_test_metrics_beside_training_whichever_came_first(tmp_path):
    history = History(tmp_path / "metrics.jsonl")
    for line in (TRAIN[1], TRAIN[0], TEST[0]):
        history.add(line)
    assert history.rounds() == [
        {"round": 1, "train_loss": 1.0, "accuracy": 0.1},
        {"round": 2, "train_loss": 0.5},
    ]


def test_a_torn_last_line_is_left_out_wherever_it_was_torn(history, tmp_path):
    file = tmp_path / "metrics.jsonl"
    whole = file.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for lost in range(1, last + 1):
        file.write_bytes(whole[:-lost])
        assert history.lines() == [line for pair in zip(TRAIN, TEST, strict=True) for line in pair][:-1]


def test_a_resumed_run_forgets_later_rounds_and_a_torn_line_and_goes_on(history, tmp_path):
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"round": 4, "tra')
    history.cut_after(2)
    history.add({"round": 3, "kind": "train", "train_loss": 9.0})
    kept = [line for pair in zip(TRAIN[:2], TEST[:2], strict=True) for line in pair]
    assert history.lines() == [*kept, {"round": 3, "kind": "train", "train_loss": 9.0}]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_one_sentence_with_the_fix(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"Cannot write .*metrics.jsonl: No space left on device; free some space"):
        History(tmp_path / "metrics.jsonl").add(TRAIN[0])
