"""What is checked before a run starts, so that it fails in seconds and leaves nothing behind."""

from pathlib import Path

import pytest

from fedray.app import App
from fedray.architectures.work import EvaluateShard, TrainCohort
from fedray.errors import EXIT_INVALID, FedrayError, InvalidInput
from fedray.run.plan import make_plan, virtual_duration
from fedray.run.recipe import read_recipe
from fedray.run.task_failed import TaskFailed


def plan_of(folder: Path, *overrides: str, progress=lambda what, done, total: None):
    app = App.find(folder)
    task_class = app.load_task()
    recipe = read_recipe(app, task_class, None, overrides)
    return make_plan(app, recipe, task_class(recipe.task), progress)


def variant(make_app, body: str, name: str = "blobs") -> Path:
    return make_app(f"class Variant(Blobs):\n{body}", task="Variant", name=name)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("    def test_data(self):\n        return blobs(0, 1)", "test_data() is empty"),
        ("    def train_data(self):\n        return blobs(4, 1)", "4 examples for users.count = 5"),
        (
            "    def loss(self, model, batch):\n        return model(batch[0]).sum(1)",
            "loss() returned shape (2,); return a scalar",
        ),
        (
            "    def metrics(self, model, batch):\n        return {'score': model(batch[0])}",
            "metric 'score' has shape (2, 2) for a batch of 2; return one value for each example, shape (2,)",
        ),
        (
            "    def metrics(self, model, batch):\n        return {'F1-score': batch[1].float()}",
            "metric 'F1-score' has a name the ledger cannot hold; use a-z, 0-9 and _",
        ),
        ("    def model(self):\n        return nn.Linear(2, 2).double()", "'weight' is torch.float64"),
    ],
)
def test_a_task_that_cannot_be_trained_is_refused_in_one_sentence(make_app, body, sentence):
    with pytest.raises(InvalidInput) as refused:
        plan_of(variant(make_app, body))
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("body", "when"),
    [
        ("    def prepare(self, progress):\n        raise OSError('no such disk')", "while preparing the data"),
        ("    def train_data(self):\n        raise KeyError('gone')", "while preparing the data"),
        ("    def labels(self):\n        raise KeyError('gone')", "while preparing the data"),
        ("    def model(self):\n        return nn.Linear('two', 2)", "while building the model"),
        ("    def loss(self, model, batch):\n        return batch[7]", "on a trial batch, before round 1"),
        ("    def metrics(self, model, batch):\n        return batch[7]", "on a trial batch, before round 1"),
    ],
)
def test_a_task_that_raises_fails_with_its_own_line_first_and_when_it_was(make_app, body, when):
    folder = variant(make_app, body)
    with pytest.raises(TaskFailed) as failed:
        plan_of(folder)
    first, where, source = str(failed.value).splitlines()[:3]
    assert first.startswith(f"The task failed {when}: ")
    assert where.strip().startswith(f"{folder / 'task.py'}:")
    assert source.strip() == body.splitlines()[-1].strip()


def test_a_refusal_by_the_task_itself_is_shown_as_it_is(make_app):
    body = "    def prepare(self, progress):\n        from fedray.errors import InvalidInput\n"
    folder = variant(make_app, body + "        raise InvalidInput('The shots are missing; fetch them.')")
    with pytest.raises(InvalidInput, match=r"^The shots are missing; fetch them\.$") as refused:
        plan_of(folder)
    assert refused.value.exit_code == EXIT_INVALID


@pytest.mark.parametrize("name", ["round", "kind"])
def test_a_metric_may_not_take_the_name_of_a_column_of_the_history(make_app, name):
    body = f"    def metrics(self, model, batch):\n        return {{'{name}': batch[1].float()}}"
    with pytest.raises(InvalidInput, match=f"'{name}'"):
        plan_of(variant(make_app, body))


@pytest.mark.parametrize("returned", ["{'F1-score': 0.5}", "{'loss': 'low'}", "means['gone']"])
def test_a_summary_that_cannot_be_recorded_is_found_before_the_first_round(make_app, returned):
    with pytest.raises(FedrayError):
        plan_of(variant(make_app, f"    def summarise(self, means):\n        return {returned}"))


def test_preparation_runs_once_and_its_progress_is_passed_on(make_app):
    folder = variant(make_app, "    def prepare(self, progress):\n        progress('generating', 1, 2)")
    heard = []
    plan_of(folder, progress=lambda *what: heard.append(what))
    assert heard == [("generating", 1, 2)]


def test_the_trial_leaves_the_initial_weights_as_they_were(make_app):
    norm = "    def model(self):\n        return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))"
    folder = variant(make_app, norm)
    plan = plan_of(folder)
    from fedray.layers.node import initial_model

    assert plan.model.copy().tobytes() == initial_model(plan.task, 0).copy().tobytes()
    assert float(plan.model.module[1].num_batches_tracked) == 0


def test_cohorts_hold_the_selected_users_and_cost_their_examples_times_epochs(make_app):
    plan = plan_of(make_app(), "users.per_round=4", "users.cohort_size=3", "training.local_epochs=2")
    cohorts = plan.cohorts(2)
    counts = plan.partition.counts()
    assert [len(cohort.users) for cohort in cohorts] == [3, 1]
    assert [cohort.cost for cohort in cohorts] == [2 * sum(counts[list(cohort.users)]) for cohort in cohorts]


def test_the_workers_have_no_say_in_who_trains_with_whom(make_app):
    folder = make_app()
    plans = [plan_of(folder, "users.per_round=3", f"workers={workers}") for workers in (1, 2, 64)]
    for round in range(1, 6):
        assert len({plan.cohorts(round) for plan in plans}) == 1


@pytest.mark.parametrize(("every", "evaluated"), [(0, [7]), (1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7])])
def test_models_are_evaluated_every_so_many_rounds_and_always_after_the_last(make_app, every, evaluated):
    plan = plan_of(make_app(), "rounds=7", f"evaluation.every={every}", "evaluation.shards=2")
    assert [round for round in range(1, 8) if plan.evaluation(round)] == evaluated
    assert [(work.round, work.shard, work.shards) for work in plan.evaluation(7)] == [(7, 0, 2), (7, 1, 2)]


def test_a_cohorts_virtual_time_is_that_of_its_slowest_device_and_evaluation_takes_none(make_app):
    plan = plan_of(make_app(), "devices={examples_per_second: 10, spread: 0, bytes_per_second: 100}")
    seconds, counts = virtual_duration(plan), plan.partition.counts()
    parameters = 2 * 2 + 2
    slowest = max(counts[1], counts[4]) / 10 + 2 * 4 * parameters / 100
    assert seconds((TrainCohort(1, 0, (1, 4), 0),)) == pytest.approx(slowest)
    assert seconds(EvaluateShard(1, 0, 1, 99)) == 0
