"""Trackers show what the run measured: read back with TensorBoard's own reader."""

import importlib.util

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fedray.errors import InvalidInput


def read_back(folder) -> dict[str, dict[int, float]]:
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def test_tensorboard_holds_every_rounds_loss_metrics_time_and_bytes(make_app, train):
    run = train(make_app(), "rounds=3", "trackers=[tensorboard]")
    shown, rounds = read_back(run.folder.path), run.folder.history.rounds()
    for tag, key in {
        "train/loss": "train_loss",
        "round/seconds": "seconds",
        "round/bytes": "bytes_sent",
        "test/accuracy": "accuracy",
        "test/loss": "loss",
    }.items():
        assert shown[tag] == pytest.approx({line["round"]: line[key] for line in rounds}), tag


def test_without_trackers_none_is_written(make_app, train):
    run = train(make_app(), "rounds=1")
    assert not (run.folder.path / "tensorboard").exists()


def test_a_tracker_that_is_not_installed_is_refused_with_the_command_that_installs_it_before_a_run_is_made(
    make_app, train, tmp_path, monkeypatch
):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlflow" else find(name))
    with pytest.raises(InvalidInput, match=r"mlflow, which is not installed; run 'pip install fedray\[mlflow\]'"):
        train(make_app(), "trackers=[mlflow]")
    assert not (tmp_path / "runs").exists()
