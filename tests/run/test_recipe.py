"""The recipe: its layers, and complaints that name the place, the key, what was given and what is allowed."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from fedray.app import App
from fedray.errors import InvalidInput, StorageError
from fedray.recipe_file import read_override, read_yaml
from fedray.run.recipe import Recipe, read_recipe, validate_recipe
from fedray.run.start import recipe_text

OPTIONS = """
from pydantic import Field


class Tuned(Blobs):
    class Options(Options):
        noise: float = Field(0.1, ge=0)
        kind: str = "plain"
"""


@pytest.fixture
def app(make_app) -> Path:
    return make_app(OPTIONS, task="Tuned", recipe={"task": {"noise": 0.2}})


def write_app(folder: Path, recipe: str) -> Path:
    """An app.yaml with the recipe as given, letter by letter; the recipe begins on line 3."""
    (folder / "app.yaml").write_text(f"name: tuned\ntask: task:Tuned\n{recipe}")
    return folder


def recipe_of(folder: Path, *overrides: str, name: str | None = None) -> Recipe:
    app = App.find(folder)
    return read_recipe(app, app.load_task(), name, overrides)


def complaints(folder: Path, *overrides: str, name: str | None = None) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        recipe_of(folder, *overrides, name=name)
    return str(refused.value).splitlines()


def test_later_layers_win_key_by_key(app):
    (app / "recipes").mkdir()
    (app / "recipes" / "long.yaml").write_text("rounds: 50\nusers: {count: 9}\n")
    base = recipe_of(app)
    assert (base.rounds, base.users.count, base.seed) == (3, 5, 0)
    named = recipe_of(app, name="long")
    assert (named.rounds, named.users.count, named.users.partition.alpha) == (50, 9, 1.0)
    above = recipe_of(app, "users.count=7", "users.count=8", "seed=3", name="long")
    assert (above.rounds, above.users.count, above.users.partition.alpha, above.seed) == (50, 8, 1.0, 3)


def test_a_section_that_gets_another_name_forgets_the_options_of_the_old_one(app):
    optimizer = recipe_of(app, "training.optimizer.name=adam").training.optimizer
    assert (optimizer.name, optimizer.betas) == ("adam", (0.9, 0.999))
    kept = recipe_of(app, "training.optimizer.nesterov=true").training.optimizer
    assert (kept.name, kept.momentum, kept.nesterov) == ("sgd", 0.9, True)


def test_the_tasks_own_options_are_part_of_the_recipe(app):
    assert recipe_of(app).task.noise == 0.2
    assert recipe_of(app, "task.kind=curved").task.kind == "curved"


def test_the_full_recipe_as_text_gives_the_same_recipe_again(app, tmp_path):
    given = recipe_of(app, "training.optimizer={name: adamw, eps: 1e-8}", "task.noise=0.05", "trackers=[tensorboard]")
    file = tmp_path / "full.yaml"
    file.write_text(recipe_text(given))
    source = read_yaml(file)
    again = validate_recipe(App.find(app).load_task(), source.values, [source])
    assert again.model_dump() == given.model_dump()
    assert set(source.values) == set(Recipe.model_fields)


def test_a_recipe_never_changes_once_validated(app):
    recipe = recipe_of(app)
    with pytest.raises(ValidationError):
        recipe.rounds = 9


def test_an_unknown_key_is_named_with_its_line_the_likely_one_and_all_that_are_allowed(app):
    write_app(app, "recipe:\n  rounds: 3\n  training:\n    batch_sise: 8\n")
    [line] = complaints(app)
    assert line.startswith(f"{app / 'app.yaml'}:6: ")
    assert "unknown key 'recipe.training.batch_sise'; did you mean 'batch_size'?" in line
    assert all(key in line for key in ("local_epochs", "learning_rate", "optimizer", "schedule", "precision"))


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("rounds=0", "rounds = 0 is not allowed: it should be greater than or equal to 1"),
        ("rounds=soon", "rounds = 'soon' is not allowed: it should be a valid integer"),
        ("rounds=2.5", "rounds = 2.5 is not allowed: it should be a valid integer"),
        ("training.learning_rate=.inf", "training.learning_rate = inf is not allowed: it should be a finite number"),
        ("training.learning_rate=.nan", "training.learning_rate = nan is not allowed"),
        ("runtime=cluster", "runtime = 'cluster' is not allowed: it should be 'ray' or 'in-process'"),
        ("users=5", "users = 5 is not allowed: it is a section with keys of its own"),
        ("training.optimizer=adam", "training.optimizer = 'adam' is not allowed: it is a section"),
        ("trackers=tensorboard", "trackers = 'tensorboard' is not allowed: it should be a list"),
        ("trackers=[excel]", "trackers.0 = 'excel' is not allowed: it should be 'tensorboard' or 'mlflow'"),
        ("strategy.name=fedsgd", "strategy.name = 'fedsgd' is not allowed: it should be 'fedavg'"),
        ("training.optimizer.name=rmsprop", "optimizer.name = 'rmsprop' is not known; allowed: 'sgd', 'adam', 'adamw'"),
        ("training.schedule={name: step}", "schedule.name = 'step' is not known; allowed: 'constant', 'cosine'"),
        ("users.partition.alpha=-1", "users.partition.alpha = -1 is not allowed: it should be greater than 0"),
        ("task.noise=-1", "task.noise = -1 is not allowed: it should be greater than or equal to 0"),
        ("task.nois=1", "unknown key 'task.nois'; did you mean 'noise'?"),
        ("seed=4294967296", "seed = 4294967296 is not allowed: it should be less than 4294967296"),
        ("ledger.quorum=small", "ledger.quorum = 'small' is not allowed: it should be how many of a round's users"),
        ("ledger.quorum=0", "none, all, majority, or 1 to 999"),
        ("ledger.quorum=1000", "none, all, majority, or 1 to 999"),
        ("ledger.quorum=2.5", "none, all, majority, or 1 to 999"),
        ("ledger.quorum=-1", "none, all, majority, or 1 to 999"),
        ("ledger.quorum='03'", "none, all, majority, or 1 to 999"),
        ("ledger.quorum=null", "ledger.quorum = null is not allowed"),
        ("ledger=false", "ledger = False is not allowed: it is a section"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_its_option_and_what_is(app, override, sentence):
    [line] = complaints(app, override)
    assert line.startswith(f"-c {override}: ")
    assert sentence in line


@pytest.mark.parametrize(
    ("wanted", "users", "quorum"),
    [
        ("none", 9, "none"), ("all", 9, "all"), ("majority", 9, "majority"), ("3", 9, "3"), ("30", 9, "30"),
        ("none", 1000, "none"), ("all", 250, "all"), ("all", 251, "250"), ("majority", 499, "majority"),
        ("majority", 500, "250"), ("250", 1000, "250"), ("251", 1000, "250"), ("999", 9, "250"),
    ],
)  # fmt: skip
def test_no_more_cosignatures_are_asked_for_than_a_closing_statement_has_room_for(app, wanted, users, quorum):
    """250 are a majority of 499 users, and fewer than the 251 of 500."""
    recipe = recipe_of(app, f"ledger.quorum={wanted}", f"users.count={users}")
    assert recipe.quorum() == quorum


def test_the_quorum_is_one_of_the_users_of_a_round_not_of_all_there_are(app):
    recipe = recipe_of(app, "ledger.quorum=all", "users={count: 1000, per_round: 20}")
    assert (recipe.quorum(), recipe.users_per_round()) == ("all", 20)


def test_options_of_a_nested_choice_are_those_of_the_chosen_one(app):
    [line] = complaints(app, "training.optimizer={name: adam, momentum: 0.9}")
    assert "unknown key 'training.optimizer.momentum'" in line
    assert line.endswith("allowed here: betas, eps, name, weight_decay.")


def test_one_key_of_a_default_choice_can_be_given_alone(app):
    write_app(app, "recipe: {}\n")
    assert recipe_of(app, "training.optimizer.momentum=0.9").training.optimizer.momentum == 0.9


def test_a_choice_without_its_name_is_told_which_names_there_are(app):
    write_app(app, "recipe: {}\n")
    [line] = complaints(app, "training.optimizer={momentum: 0.9, name: null}")
    assert "training.optimizer" in line
    assert all(f"'{name}'" in line for name in ("sgd", "adam", "adamw"))


REQUIRED = """
class Needy(Blobs):
    class Options(Options):
        where: str
"""


@pytest.mark.parametrize("recipe", [{}, {"task": {"hidden": 4}}])
def test_an_option_of_the_task_that_must_be_given_is_asked_for(make_app, recipe):
    folder = make_app(REQUIRED, task="Needy", recipe=recipe)
    [line] = complaints(folder, "seed=1")
    assert "the key 'task.where' is missing" in line
    assert recipe_of(folder, "task.where=here").task.where == "here"


def test_all_mistakes_are_told_at_once_each_with_its_own_place(app):
    write_app(app, "recipe:\n  training:\n    batch_size: none\n  rouns: 3\n")
    lines = complaints(app, "users.count=0", "training.local_epochs=0", "training.optimizer={name: adam}")
    assert len(lines) == 4
    by_key = {key: line for line in lines for key in ("batch_size", "rouns", "users.count", "local_epochs =")
              if key in line}  # fmt: skip
    assert by_key["batch_size"].startswith(f"{app / 'app.yaml'}:5: ")
    assert by_key["rouns"].startswith(f"{app / 'app.yaml'}:6: ")
    assert by_key["users.count"].startswith("-c users.count=0: ")
    assert by_key["local_epochs ="].startswith("-c training.local_epochs=0: ")


def test_a_mistake_is_not_blamed_on_a_later_option_that_touches_the_same_section(app):
    [line] = complaints(app, "training.schedul=cosine", "training.batch_size=8")
    assert line.startswith("-c training.schedul=cosine: ")
    [line] = complaints(app, "training.schedule.name=step", "training.batch_size=8")
    assert line.startswith("-c training.schedule.name=step: ")


def test_a_mistake_in_a_named_recipe_is_placed_in_its_file(app):
    (app / "recipes").mkdir()
    (app / "recipes" / "long.yaml").write_text("seed: 1\nrounds: -50\n")
    [line] = complaints(app, "seed=3", name="long")
    assert line.startswith(f"{app / 'recipes' / 'long.yaml'}:2: rounds = -50 ")


def test_more_users_a_round_than_there_are_is_blamed_on_who_asked_for_them(app):
    [line] = complaints(app, "users.per_round=50", "rounds=4")
    assert "users.per_round = 50 is more than users.count = 5" in line
    assert line.startswith("-c users.per_round=50: ")


def test_a_virtual_clock_needs_the_in_process_runtime(app):
    [line] = complaints(app, "clock=virtual", "runtime=ray")
    assert "clock = 'virtual' needs runtime = 'in-process'" in line


@pytest.mark.parametrize(
    "optimizer",
    ["{name: sgd, momentum: 0, nesterov: true}", "{name: adam, betas: [2, 0.9]}", "{name: adamw, betas: [0.9, -1]}"],
)
def test_an_optimiser_that_torch_would_refuse_is_refused_before_training(app, optimizer):
    [line] = complaints(app, f"training.optimizer={optimizer}")
    assert line.startswith(f"-c training.optimizer={optimizer}: ")


def test_a_recipe_that_is_not_there_names_those_that_are(app):
    (app / "recipes").mkdir()
    for name in ("small", "large"):
        (app / "recipes" / f"{name}.yaml").write_text("rounds: 1\n")
    [line] = complaints(app, name="middle")
    assert line.startswith("--recipe middle: ") and line.endswith("allowed: large, small.")


@pytest.mark.parametrize("text", ["rounds", "=5", "users..count=3", ".=1"])
def test_an_override_that_is_no_assignment_is_refused_with_an_example(text):
    with pytest.raises(InvalidInput, match=re.escape(f"-c '{text}' is not of the form key=value") + ".*-c rounds=5"):
        read_override(text)


@pytest.mark.parametrize("text", ["task.kind=a: b: c", "task.kind=[1", "rounds=2020-13-45", "task.kind=!!python/x 1"])
def test_an_override_whose_value_is_no_yaml_is_refused(text):
    with pytest.raises(InvalidInput, match=re.escape(f"-c '{text}'")):
        read_override(text)


def test_an_overrides_value_is_yaml_and_may_hold_equals_signs():
    assert read_override("a.b={c: [1, x=y]}").values == {"a": {"b": {"c": [1, "x=y"]}}}
    assert read_override("a=1e-3").values["a"] == "1e-3", "YAML 1.1 reads this as text; pydantic takes it as a number"


def test_a_number_in_scientific_notation_is_a_number(app):
    assert recipe_of(app, "training.learning_rate=1e-3").training.learning_rate == 0.001


def yaml_error(tmp_path: Path, content: bytes) -> str:
    file = tmp_path / "some.yaml"
    file.write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        read_yaml(file)
    assert str(file) in str(refused.value)
    return str(refused.value).removeprefix(str(file))


def test_a_key_given_twice_is_refused_with_both_lines(tmp_path):
    text = yaml_error(tmp_path, b"a: 1\nb:\n  c: 2\n  d: 3\n  c: 4\n")
    assert text == ":5: the key 'b.c' is given twice (first on line 3); keep one."


def test_broken_yaml_is_refused_with_its_line(tmp_path):
    assert yaml_error(tmp_path, b"a: 1\nb: [1, 2\nc: 3\n").startswith(":3: not valid YAML")


@pytest.mark.parametrize(
    "content", [b"- 1\n- 2\n", b"just text\n", b"a: \xff\xfe\n", b"when: 2020-13-45\n", b"a: &a {b: *a}\n"]
)
def test_a_file_that_is_no_mapping_of_plain_values_is_refused_in_one_sentence(tmp_path, content):
    assert "\n" not in yaml_error(tmp_path, content)


def test_a_file_that_cannot_be_read_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match=r"Cannot read .*No such file"):
        read_yaml(tmp_path / "nowhere.yaml")


def test_the_printed_recipe_is_yaml_that_other_tools_read(app):
    printed = yaml.safe_load(recipe_text(recipe_of(app)))
    assert printed["users"]["partition"] == {"name": "dirichlet", "alpha": 1.0, "min_examples": 1}
    assert printed["task"] == {"examples": 60, "hidden": 0, "noise": 0.2, "kind": "plain"}
