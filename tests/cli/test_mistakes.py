"""Mistakes end a command with one sentence, the right exit code, and nothing changed."""

import pytest
from click.testing import CliRunner

from fedray.cli.main import main
from fedray.errors import EXIT_INVALID, EXIT_IO
from fedray.run.folder import RunFolder


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def assert_one_sentence(done, exit_code: int, *parts: str) -> None:
    assert done.exit_code == exit_code, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1
    assert all(part in done.stderr for part in parts), done.stderr


@pytest.mark.parametrize("verb", ["submit", "config"])
def test_a_folder_that_is_no_app(tmp_path, verb):
    done = run(verb, tmp_path / "nowhere")
    assert_one_sentence(done, EXIT_INVALID, "is no app", "does not exist", "fedray new")


@pytest.mark.parametrize("verb", ["submit", "config"])
def test_a_recipe_with_mistakes_names_each_of_them_on_a_line(make_app, tmp_path, verb):
    where = ["--runs", tmp_path / "runs"] if verb == "submit" else []
    done = run(verb, make_app(), *where, "-c", "rounds=0", "-c", "user.count=3", "-c", "training.batch_size=x")
    assert done.exit_code == EXIT_INVALID
    assert len(done.stderr.splitlines()) == 3
    assert all(name in done.stderr for name in ("rounds = 0", "'user'", "did you mean 'users'?", "batch_size = 'x'"))
    assert not (tmp_path / "runs").exists()


def test_an_override_that_is_none(make_app):
    assert_one_sentence(run("config", make_app(), "-c", "rounds"), EXIT_INVALID, "key=value", "-c rounds=5")


@pytest.mark.parametrize("verb", ["show", "resume", "stop"])
def test_a_run_that_is_not_there(tmp_path, verb):
    done = run(verb, "nothing", "--runs", tmp_path)
    assert_one_sentence(done, EXIT_INVALID, "'nothing' is no run", "runs there: none yet")


def test_a_run_that_has_finished_cannot_be_resumed(tmp_path):
    (tmp_path / "over").mkdir()
    RunFolder(tmp_path / "over").update(status="finished", app="blobs")
    assert_one_sentence(run("resume", "over", "--runs", tmp_path), EXIT_INVALID, "has finished", "fedray submit")


def test_a_run_that_does_not_run_cannot_be_stopped(tmp_path):
    (tmp_path / "over").mkdir()
    RunFolder(tmp_path / "over").update(status="failed", app="blobs")
    assert_one_sentence(run("stop", "over", "--runs", tmp_path), EXIT_INVALID, "is not running", "it is failed")


def test_a_place_that_cannot_hold_runs(make_app, tmp_path):
    (tmp_path / "runs").write_text("a file")
    done = run("submit", make_app(), "--runs", tmp_path / "runs", "-c", "rounds=1")
    assert done.exit_code == EXIT_IO and "Not a directory" in done.stderr


def test_one_damaged_run_does_not_hide_the_others(tmp_path):
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        RunFolder(tmp_path / name).update(status="failed", app="blobs", rounds=3)
    (tmp_path / "bad" / "run.json").write_text("{")
    assert "good" in run("runs", "--runs", tmp_path, "--format", "json").stdout


@pytest.mark.parametrize("name", ["Big", "9lives", "has space", "dotted.name", "ünicode", "-dash", "."])
def test_a_name_that_no_app_may_have(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    done = run("new", "--", name)
    assert_one_sentence(done, EXIT_INVALID, "cannot name an app", "lower-case letters")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_already_is_left_as_it_is(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "task.py").write_text("precious")
    assert_one_sentence(run("new", tmp_path / "mine"), EXIT_INVALID, "exists already and is left as it is")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["task.py"]
    assert (tmp_path / "mine" / "task.py").read_text() == "precious"


def test_an_app_cannot_be_made_where_permission_is_missing(ordinary_user):
    ordinary_user.folder.chmod(0o555)
    with ordinary_user():
        done = run("new", ordinary_user.folder / "mine")
    assert_one_sentence(done, EXIT_IO, "Permission denied", "give this user permission")


def test_a_folder_that_holds_no_ledger(tmp_path):
    (tmp_path / "run").mkdir()
    RunFolder(tmp_path / "run").update(status="finished", app="blobs")
    for verb in ("verify", "show"):
        assert_one_sentence(run("ledger", verb, "run", "--runs", tmp_path), EXIT_INVALID, "kept no ledger")
