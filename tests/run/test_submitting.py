"""Whole runs in this process: what they leave behind, that they give the same bits again, and how they end."""

import json
import os
import shutil
import signal
import weakref
from hashlib import sha256
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from fedray.errors import EXIT_FAILED, EXIT_INVALID, EXIT_STOPPED, FedrayError, InvalidInput
from fedray.layers.device import DeviceSettings
from fedray.run.ending import Stopped
from fedray.run.events import RoundClosed
from fedray.run.folder import RunFolder
from fedray.run.history import History
from fedray.run.start import resume
from fedray.run.task_failed import TaskFailed
from fedray.runtime.in_process import InProcessRuntime
from ledger.audit import audit_dir


@pytest.fixture
def blobs(make_app):
    return make_app()


def newest(tmp_path) -> RunFolder:
    return RunFolder.find(tmp_path / "runs", "latest")


def test_a_run_leaves_its_model_metrics_ledger_and_recipe_in_one_folder(blobs, train):
    run = train(blobs)
    path = run.folder.path
    assert {entry.name for entry in path.iterdir()} >= {
        "run.json", "recipe.yaml", "environment.json", "metrics.jsonl", "events.jsonl", "checkpoints",
        "model.safetensors", "figures", "ledger", "keys", "lock",
    }  # fmt: skip
    assert run.folder.info()["status"] == "finished"
    assert [line["round"] for line in run.folder.history.rounds()] == [1, 2, 3]
    assert sorted(entry.name for entry in run.folder.checkpoints.iterdir()) == ["round-000002", "round-000003"]
    assert all((path / name).is_file() for name in run.ended.figures)


def test_the_model_file_is_plain_safetensors_and_reaches_the_reported_metrics(blobs, train):
    run = train(blobs)
    file = run.folder.path / "model.safetensors"
    assert sha256(file.read_bytes()).hexdigest() == run.ended.model
    plain = nn.Linear(2, 2)
    plain.load_state_dict(load_file(file))
    rng = np.random.default_rng(1)
    label = np.arange(30) % 2
    points = torch.from_numpy((rng.normal(0, 1, (30, 2)) + 1.5 * label[:, None]).astype(np.float32))
    with torch.no_grad():
        scores = plain(points)
    assert run.ended.metrics == pytest.approx(
        {
            "accuracy": (scores.argmax(1).numpy() == label).mean(),
            "loss": nn.functional.cross_entropy(scores, torch.from_numpy(label)).item(),
        },
        rel=1e-5,
    )
    assert run.ended.metrics["accuracy"] > run.ended.baselines["coin"]["accuracy"] + 0.2


def audited(folder: RunFolder):
    """The report of a run's ledger, which nothing is wrong with."""
    audit = audit_dir(folder.ledger, keys=folder.path / "keys")
    assert audit.ok, audit.problems
    return audit.report


def test_the_ledger_of_a_run_verifies_and_ends_with_the_model(blobs, train, said_in):
    run = train(blobs)
    report = audited(run.folder)
    assert f"{report.size}:{report.root}" == run.ended.ledger_head
    assert (report.kinds["round.close"], report.kinds["data.register"]) == (3, 5)
    assert report.kinds["update.commit"] == report.kinds["update.reveal"] == 15
    assert report.kinds["run.close"] == report.kinds["genesis"] == 1
    end = said_in(run.folder.ledger)[-1]
    assert (end["kind"], end["rounds"], end["model"]) == ("run.close", 3, run.ended.model)


def test_all_commit_before_any_reveals_and_all_bear_witness_to_that(blobs, train, said_in):
    run = train(blobs, "ledger.quorum=all")
    users = {body["who"] for body in said_in(run.folder.ledger, "account.register", role="end-user")}
    for number in (1, 2, 3):
        said = said_in(run.folder.ledger, round=number)
        kinds = [body["kind"] for body in said if body["kind"].startswith("update")]
        assert kinds == ["update.commit"] * 5 + ["update.reveal"] * 5
        [close] = [body for body in said if body["kind"] == "round.close"]
        assert {cosigned["who"] for cosigned in close["cosignatures"]} > users
        assert (close["updates"], close["revealed"], close["examples"]) == (5, 5, 60)
        before = [
            body["kind"] for body in said_in(run.folder.ledger)[: close["head_size"]] if body.get("round") == number
        ]
        assert before.count("update.commit") == 5 and "update.reveal" not in before


def test_each_model_in_the_ledger_follows_from_the_one_before(blobs, train, said_in):
    run = train(blobs)
    [initial] = said_in(run.folder.ledger, "model.publish")
    closes = said_in(run.folder.ledger, "round.close")
    models = [initial["model"], *(close["model"] for close in closes)]
    assert [close["parent"] for close in closes] == models[:-1] and models[-1] == run.ended.model
    assert [(body["round"], body["model"]) for body in said_in(run.folder.ledger, "evaluation")] == [
        *enumerate(models[1:], 1)
    ]


def test_the_users_of_a_run_cosign_its_end(blobs, train):
    """So a ledger cut short, even by its operator, lacks what these users signed for."""
    run = train(blobs)
    lines = (run.folder.ledger / "log" / "checkpoint").read_text().split("\n\n")[1].splitlines()
    signed = [line.split()[1] for line in lines]
    assert sorted(signed[1:]) == ["node-0", *(f"user-{user}" for user in range(5))]


def test_a_run_without_a_ledger_trains_the_same_and_keeps_no_keys(blobs, train):
    silent, signed = train(blobs, "ledger.enabled=false"), train(blobs)
    assert silent.ended.model == signed.ended.model and silent.ended.ledger_head is None
    assert not (silent.folder.path / "ledger").exists() and not (silent.folder.path / "keys").exists()


@pytest.mark.parametrize(
    "overrides",
    [
        ("workers=3",),
        ("workers=5", "evaluation.shards=1"),
        ("clock=virtual",),
        ("clock=virtual", "workers=2", "devices.spread=2"),
        ("checkpoints.every=0", "evaluation.every=0"),
    ],
)
def test_neither_workers_nor_clocks_nor_watching_change_a_bit_of_the_model(blobs, train, overrides):
    assert train(blobs, *overrides).ended.model == train(blobs).ended.model


def test_another_seed_gives_another_model(blobs, train):
    assert train(blobs, "seed=1", "rounds=1").ended.model != train(blobs, "rounds=1").ended.model


def test_a_partial_round_trains_only_the_users_it_picked(blobs, train, said_in):
    run = train(blobs, "users.per_round=2", "rounds=4")
    lines = [line for line in run.folder.history.lines() if line["kind"] == "train"]
    assert [line["users"] for line in lines] == [2] * 4
    committed = [body["who"] for body in said_in(run.folder.ledger, "update.commit")]
    assert len(committed) == 8 and len(set(committed)) > 2
    assert audited(run.folder).kinds["data.register"] == len(set(committed))


def test_test_metrics_and_checkpoints_come_as_often_as_asked(blobs, train):
    run = train(blobs, "rounds=5", "evaluation.every=2", "checkpoints={every: 3, keep: 9}")
    tested = [line["round"] for line in run.folder.history.lines() if line["kind"] == "test"]
    assert tested == [2, 4, 5]
    assert sorted(entry.name for entry in run.folder.checkpoints.iterdir()) == ["round-000003", "round-000005"]


def test_virtual_rounds_last_as_long_as_their_slowest_device(blobs, train, said_in):
    device = {"examples_per_second": 2.0, "spread": 1.0, "bytes_per_second": 50.0}
    alone = train(blobs, "clock=virtual", "users.cohort_size=1", f"devices={json.dumps(device)}", "workers=1")
    each = train(blobs, "clock=virtual", "users.cohort_size=1", f"devices={json.dumps(device)}")
    counts = [body["examples"] for body in said_in(each.folder.ledger, "update.commit", round=1)]
    seconds = [DeviceSettings(**device).seconds(0, user, counts[user], 6 * 4) for user in range(5)]
    for run, expected in ((each, max(seconds)), (alone, sum(seconds))):
        closed = [event.seconds for event in run.events if isinstance(event, RoundClosed)]
        assert closed == pytest.approx([expected] * 3)


def what_happened(folder: RunFolder) -> list[dict]:
    """The history without what a clock or a second start of workers changes."""
    lines = [{key: line[key] for key in line.keys() - {"seconds", "bytes_sent"}} for line in folder.history.lines()]
    return sorted(lines, key=lambda line: (line["round"], line["kind"]))


class Stop:
    """A watcher that stops the run when round ``round`` has closed."""

    def __init__(self, round: int, error: type[BaseException] = KeyboardInterrupt) -> None:
        self._round, self._error = round, error

    def __call__(self, event) -> None:
        if isinstance(event, RoundClosed) and event.round == self._round:
            raise self._error("stop")


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stopped])
@pytest.mark.parametrize("at", [1, 3])
def test_a_stopped_run_goes_on_to_the_same_bits_and_the_same_history(blobs, train, tmp_path, error, at):
    whole = train(blobs)
    with pytest.raises(error):
        train(blobs, sinks=(Stop(at, error),))
    folder = next(folder for folder in RunFolder.all(tmp_path / "runs") if folder.path != whole.folder.path)
    assert folder.info()["status"] == "stopped"
    ended = resume(folder, [])
    assert ended.model == whole.ended.model and ended.metrics == whole.ended.metrics
    assert what_happened(folder) == what_happened(whole.folder)
    report = audited(folder)
    assert f"{report.size}:{report.root}" == ended.ledger_head
    assert report.kinds["run.resume"] == 1 and folder.info()["status"] == "finished"


def test_a_run_whose_ledger_was_put_back_is_objected_to_by_those_who_saw_more_of_it(blobs, train, tmp_path):
    """All but the participants' own memory comes from a backup: keys, head, checkpoints and ledger."""
    with pytest.raises(KeyboardInterrupt):
        train(blobs, sinks=(Stop(1),))
    folder = newest(tmp_path)
    backup = shutil.copytree(folder.path, tmp_path / "backup" / folder.path.name)
    resume(folder, [])
    shutil.rmtree(backup / "participants")
    shutil.copytree(folder.path / "participants", backup / "participants")
    with pytest.raises(FedrayError, match=r"A participant objects to the ledger in round \d: .* remembers") as failed:
        resume(RunFolder(backup), [])
    assert failed.value.exit_code == EXIT_FAILED and "\n" not in str(failed.value)
    assert RunFolder(backup).info()["status"] == "failed"


def test_a_finished_run_is_not_run_again(blobs, train):
    run = train(blobs, "rounds=1")
    with pytest.raises(InvalidInput, match=r"has finished; start a new one"):
        resume(run.folder, [])


def test_a_run_that_ended_is_no_longer_held_by_this_process(blobs, train):
    assert train(blobs, "rounds=1").folder.process() is None


class LateEvaluation(InProcessRuntime):
    """Answers evaluations of ``late`` rounds only when nothing else is under way, as a slow or lost worker would."""

    late = (1, 2)

    def call(self, worker, tag, method, *arguments):
        later = 1e9 if method == "evaluate" and tag.round in self.late else 0.0
        before, self._virtual_now = self._virtual_now, self._virtual_now + later
        super().call(worker, tag, method, *arguments)
        self._virtual_now = before


def test_a_test_result_that_was_under_way_when_the_run_stopped_is_made_up_for(blobs, train, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("fedray.run.start.InProcessRuntime", LateEvaluation)
        with pytest.raises(KeyboardInterrupt):
            train(blobs, "workers=9", "evaluation.shards=2", sinks=(Stop(2),))
    resume(newest(tmp_path), [])
    tested = [line["round"] for line in newest(tmp_path).history.lines() if line["kind"] == "test"]
    assert sorted(tested) == [1, 2, 3]


def test_the_result_of_a_run_is_its_last_rounds_even_when_an_earlier_test_result_comes_later(blobs, train, monkeypatch):
    expected = train(blobs).ended.metrics
    with monkeypatch.context() as patched:
        patched.setattr("fedray.run.start.InProcessRuntime", LateEvaluation)
        run = train(blobs, "workers=9", "evaluation.shards=2")
    assert run.ended.metrics == run.folder.info()["metrics"] == expected


class Weighing(InProcessRuntime):
    """Counts the weights it shares that are still in memory."""

    alive: ClassVar[list[int]] = []

    def start(self, *arguments):
        self._shared = []
        self.alive.clear()
        return super().start(*arguments)

    def share(self, value):
        self._shared.append(weakref.ref(value))
        self.alive.append(sum(there() is not None for there in self._shared))
        return super().share(value)


@pytest.mark.parametrize("every", [0, 1])
def test_weights_of_old_rounds_do_not_pile_up_in_memory(blobs, train, monkeypatch, every):
    """Ten shared models would be ten times the model in every machine's object store."""
    monkeypatch.setattr("fedray.run.start.InProcessRuntime", Weighing)
    train(blobs, "rounds=10", f"evaluation.every={every}")
    assert len(Weighing.alive) >= 10 and max(Weighing.alive) <= 3


@pytest.mark.parametrize("workers", [1, 2])
def test_the_bytes_of_a_round_are_its_weights_once_to_each_worker_and_a_partial_sum_from_each_cohort(
    blobs, train, workers
):
    run, model = train(blobs, f"workers={workers}"), 6 * 4
    sent = [line["bytes_sent"] for line in run.folder.history.lines() if line["kind"] == "train"]
    assert sent == [(workers + 5) * model] * 3


class Listening(InProcessRuntime):
    """Remembers the rounds whose cohorts were handed out."""

    handed_out: ClassVar[list[int]] = []

    def call(self, worker, tag, method, *arguments):
        self.handed_out.append(tag[0].round if method == "train_cohorts" else 0)
        super().call(worker, tag, method, *arguments)


def test_workers_have_their_next_work_before_the_round_behind_them_is_written_to_disk(
    blobs, train, tmp_path, monkeypatch
):
    monkeypatch.setattr("fedray.run.start.InProcessRuntime", Listening)
    written = History.add

    def add(history: History, line: dict) -> None:
        if line["round"] == 1 and line["kind"] == "train":
            assert 2 in Listening.handed_out
        written(history, line)

    monkeypatch.setattr(History, "add", add)
    train(blobs, "rounds=2", "workers=9")
    assert {1, 2} <= set(Listening.handed_out)


INTERRUPTED = """
import os, signal

class Variant(Blobs):
    calls = 0

    def train_step(self, model, batch, optimizer):
        Variant.calls += 1
        if Variant.calls == 12:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().train_step(model, batch, optimizer)
"""


def test_a_run_that_is_asked_to_stop_while_its_task_computes_is_stopped_and_not_failed(make_app, train, tmp_path):
    with pytest.raises(Stopped) as stopped:
        train(make_app(INTERRUPTED, task="Variant"))
    assert stopped.value.exit_code == EXIT_STOPPED
    assert newest(tmp_path).info()["status"] == "stopped"
    assert not (newest(tmp_path).path / "error.txt").exists()


def test_signals_mean_what_they_meant_before_once_a_run_is_over(blobs, train):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    train(blobs, "rounds=1")
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


BROKEN = """
class Variant(Blobs):
    def train_step(self, model, batch, optimizer):
        return self.deeper(len(batch[0]))

    def deeper(self, count):
        try:
            return {}["no such key"]
        except KeyError as cause:
            raise ValueError(f"batch of {count}") from cause
"""


def test_a_task_that_raises_fails_the_run_with_its_own_lines_first(make_app, train, tmp_path):
    app = make_app(BROKEN, task="Variant")
    with pytest.raises(TaskFailed) as failed:
        train(app, "users.partition.name=iid")
    lines = str(failed.value).splitlines()
    assert lines[0] == "The task failed for user 0 in round 1: ValueError: batch of 8"
    assert [line.split(" in ")[-1] for line in lines[1:5:2]] == ["deeper", "train_step"]
    assert all(str(app / "task.py") in line for line in lines[1:5:2])
    info = newest(tmp_path).info()
    assert (info["status"], info["error"]) == ("failed", lines[0])


def test_the_full_traceback_is_kept_with_the_cause_of_the_exception(make_app, train, tmp_path):
    with pytest.raises(TaskFailed):
        train(make_app(BROKEN, task="Variant"), "users.partition.name=iid")
    report = (newest(tmp_path).path / "error.txt").read_text()
    assert report.startswith("Traceback (most recent call last):")
    assert "ValueError: batch of 8" in report and "train_cohort" in report and "user 0 in round 1" in report
    assert "KeyError: 'no such key'" in report, "the exception that caused it is missing"


@pytest.mark.parametrize("code", ["import no_such_module", "1 / 0", "def broken(:"])
def test_a_task_that_cannot_even_be_imported_fails_with_its_own_line_and_makes_no_run(make_app, train, tmp_path, code):
    app = make_app(code)
    with pytest.raises(FedrayError) as failed:
        train(app)
    first, where, source = str(failed.value).splitlines()[:3]
    kind = {"import": "ModuleNotFoundError", "1 / 0": "ZeroDivisionError", "def br": "SyntaxError"}[code[:6].strip()]
    assert kind in first
    assert f"{app / 'task.py'}:57" in where and source.strip() == code
    assert not (tmp_path / "runs").exists()


def test_a_task_whose_constructor_raises_is_told_like_any_other_failure(make_app, train):
    code = "class Variant(Blobs):\n    def __init__(self, options=None):\n        raise KeyError('gone')"
    with pytest.raises(TaskFailed, match=r"KeyError: 'gone'"):
        train(make_app(code, task="Variant"))


@pytest.mark.parametrize("method", ["baselines(self)", "figures(self, model, folder)", "summarise(self, means)"])
def test_a_task_that_raises_at_the_end_fails_with_its_own_line_too(make_app, train, method):
    app = make_app(f"class Variant(Blobs):\n    def {method}:\n        raise KeyError('gone')", task="Variant")
    with pytest.raises(TaskFailed, match=r"KeyError: 'gone'\n  .*task\.py:\d+ in "):
        train(app, "rounds=1")


@pytest.mark.parametrize("method", ["baselines(self)", "figures(self, model, folder)"])
def test_what_was_trained_is_kept_even_when_the_task_refuses_its_own_figures(make_app, train, tmp_path, method):
    code = "from fedray.errors import InvalidInput\n\nclass Variant(Blobs):\n"
    code += f"    def {method}:\n        raise InvalidInput('The map is missing; fetch it.')"
    with pytest.raises(InvalidInput, match=r"The map is missing; fetch it\."):
        train(make_app(code, task="Variant"), "rounds=1")
    kept = newest(tmp_path)
    assert kept.status() == "failed" and (kept.path / "model.safetensors").is_file()
    assert [line["round"] for line in kept.history.rounds()] == [1]


def test_an_input_output_error_of_the_tasks_figures_is_the_tasks_own(make_app, train):
    code = "class Variant(Blobs):\n    def figures(self, model, folder):\n        open('/no/such/map.png')"
    with pytest.raises(TaskFailed, match=r"No such file or directory: '/no/such/map\.png'"):
        train(make_app(code, task="Variant"), "rounds=1")


@pytest.mark.parametrize("number", ["np.float64(0.25)", "np.float32(0.25)", "torch.tensor(0.25)", "1"])
def test_metrics_and_baselines_may_be_any_kind_of_number(make_app, train, number):
    code = "class Variant(Blobs):\n    headline = 'score'\n"
    code += f"    def summarise(self, means):\n        return {{'score': {number}}}\n"
    code += f"    def baselines(self):\n        return {{'none': {{'score': {number}}}}}\n"
    run = train(make_app(code, task="Variant"), "rounds=1")
    value = float(run.ended.metrics["score"])
    assert value == run.folder.info()["metrics"]["score"] == run.folder.info()["baselines"]["none"]["score"]
    assert value in (0.25, 1.0)


STEEP = """
class Variant(Blobs):
    def loss(self, model, batch):
        return 1e6 * super().loss(model, batch)
"""


def test_a_run_never_finishes_with_weights_that_are_not_numbers(make_app, train):
    """The loss of the one step is finite; the weights it leaves are not."""
    with pytest.raises(FedrayError, match=r"lower training\.learning_rate"):
        train(make_app(STEEP, task="Variant"), "rounds=1", "training={batch_size: 60, learning_rate: 1.0e+38}")


def test_a_run_that_cannot_work_leaves_nothing_behind(blobs, train, tmp_path):
    for override in ("rounds=0", "users.count=61", "task.examples=0"):
        with pytest.raises(InvalidInput) as refused:
            train(blobs, override)
        assert refused.value.exit_code == EXIT_INVALID
    assert not (tmp_path / "runs").exists()


def test_a_full_disk_in_the_middle_of_a_run_fails_it_and_the_run_can_go_on(make_app, train, tmp_path, small_files):
    app = make_app(recipe={"task": {"hidden": 400}})
    whole = train(app)

    def fill(event) -> None:
        if isinstance(event, RoundClosed) and event.round == 1:
            disk.__enter__()

    disk = small_files(5_000)
    try:
        with pytest.raises(OSError, match="File too large"):
            train(app, sinks=(fill,))
    finally:
        disk.__exit__(None, None, None)
    folder = next(folder for folder in RunFolder.all(tmp_path / "runs") if folder.path != whole.folder.path)
    assert folder.info()["status"] == "failed" and "File too large" in folder.info()["error"]
    assert resume(folder, []).model == whole.ended.model
    assert os.getpid() != folder.process()
