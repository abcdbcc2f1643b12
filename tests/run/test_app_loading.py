"""Finding an app and its task, and what is said when there is none."""

from hashlib import sha256
from pathlib import Path

import pytest

from fedray.app import App
from fedray.errors import InvalidInput
from fedray.task import Task


def test_an_app_is_loaded_from_anywhere_with_the_modules_beside_its_task(make_app):
    folder = make_app("from .sizes import SIZE\n\nclass Sized(Blobs):\n    size = SIZE\n", task="Sized")
    (folder / "sizes.py").write_text("SIZE = 7\n")
    task = App.find(folder).load_task()
    assert issubclass(task, Task) and task.size == 7


def test_a_task_may_live_in_a_folder_of_the_app(make_app):
    folder = make_app()
    (folder / "inner").mkdir()
    (folder / "task.py").rename(folder / "inner" / "task.py")
    (folder / "app.yaml").write_text("name: blobs\ntask: inner.task:Blobs\n")
    assert App.find(folder).load_task().__name__ == "Blobs"


def test_two_apps_with_the_same_module_names_do_not_mix(make_app):
    one = make_app("class Blobs(Blobs):\n    which = 1\n", name="one")
    two = make_app("class Blobs(Blobs):\n    which = 2\n", name="two")
    found = [App.find(folder).load_task().which for folder in (one, two, one)]
    assert found == [1, 2, 1]


def test_an_app_that_moved_is_loaded_from_its_new_place(make_app, tmp_path):
    folder = make_app("class Blobs(Blobs):\n    which = 1\n")
    App.find(folder).load_task()
    moved = folder.rename(tmp_path / "moved")
    (moved / "task.py").write_text((moved / "task.py").read_text().replace("which = 1", "which = 2"))
    assert App.find(moved).load_task().which == 2


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_an_app_says_how_to_make_one(tmp_path, there):
    folder = tmp_path / "empty"
    if there:
        folder.mkdir()
    with pytest.raises(InvalidInput, match=r"is no app: the folder (has no app.yaml|does not exist).*fedray new"):
        App.find(folder)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("task: task:Blobs\n", "the key 'name' is missing"),
        ("name: blobs\n", "the key 'task' is missing"),
        ("name: Blobs!\ntask: task:Blobs\n", r":1: name = 'Blobs!' is not allowed"),
        ("name: blobs\ntask: task.py\n", r":2: task = 'task.py' is not allowed"),
        ("name: blobs\ntask: task:Blobs\nrecipes: {}\n", r":3: unknown key 'recipes'; did you mean 'recipe'\?"),
        ("name: blobs\ntask: task:Blobs\nrecipe: 3\n", r":3: recipe = 3 is not allowed"),
    ],
)
def test_a_mistake_in_app_yaml_is_placed_and_explained(tmp_path, content, sentence):
    (tmp_path / "app.yaml").write_text(content)
    with pytest.raises(InvalidInput, match=f"app.yaml.*{sentence}"):
        App.find(tmp_path)


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("elsewhere:Blobs", "there is no .*elsewhere.py"),
        ("inner.elsewhere:Blobs", "elsewhere"),
        ("task:Bulbs", "has no class 'Bulbs'"),
        ("task:np", "has no class 'np' derived from fedray.task.Task"),
        ("task:Options", "has no class 'Options' derived from fedray.task.Task"),
    ],
)
def test_a_task_that_is_not_where_app_yaml_says_is_an_invalid_app(make_app, task, sentence):
    folder = make_app()
    (folder / "app.yaml").write_text(f"name: blobs\ntask: {task}\n")
    with pytest.raises(InvalidInput, match=sentence):
        App.find(folder).load_task()


def test_packages_that_are_missing_are_all_named_with_the_command_that_installs_them(make_app):
    folder = make_app(requires=["numpy", "no-such-thing", "nor-this"])
    with pytest.raises(InvalidInput, match=r"needs no-such-thing, nor-this.*'pip install no-such-thing nor-this'"):
        App.find(folder).load_task()


def app_digest(folder: Path, *files: str) -> str:
    """As documented: relative path and content of each file in path order."""
    contents = [(name, (folder / name).read_bytes()) for name in files]
    return sha256(b"".join(f"{name}\n{len(data)}\n".encode() + data for name, data in contents)).hexdigest()


def test_the_codes_digest_covers_every_module_and_recipe_of_the_app(make_app):
    folder = make_app()
    (folder / "recipes").mkdir()
    (folder / "recipes" / "long.yaml").write_text("rounds: 9\n")
    (folder / "README.md").write_text("not code\n")
    first = App.find(folder).code_digest()
    assert first == app_digest(folder, "app.yaml", "recipes/long.yaml", "task.py")
    (folder / "recipes" / "long.yaml").write_text("rounds: 8\n")
    assert App.find(folder).code_digest() != first


def test_the_codes_digest_does_not_depend_on_where_the_app_lies(make_app, tmp_path):
    folder = make_app()
    before = App.find(folder).code_digest()
    assert App.find(folder.rename(tmp_path / "elsewhere")).code_digest() == before


def test_runs_kept_inside_the_app_are_not_its_code(make_app):
    """``cd app; fedray submit .`` keeps its runs in ``app/runs``."""
    folder = make_app()
    before = App.find(folder).code_digest()
    (folder / "runs" / "blobs-20260101-000000-abcd").mkdir(parents=True)
    (folder / "runs" / "blobs-20260101-000000-abcd" / "run.json").write_text("{}")
    (folder / "runs" / "blobs-20260101-000000-abcd" / "recipe.yaml").write_text("rounds: 3\n")
    assert App.find(folder).code_digest() == before
