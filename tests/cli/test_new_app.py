"""A new app trains at once, and every verb can show the run it made. Real processes where a user would have one."""

import io
import json
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console

from fedray.cli.main import main


def fedray(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "fedray", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the app ``my-app``, trained once by ``fedray submit`` in a process of its own."""
    place = tmp_path_factory.mktemp("place")
    made = CliRunner().invoke(main, ["new", str(place / "my-app")])
    assert made.exit_code == 0, made.output
    done = fedray("submit", "my-app", cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (place / "events.jsonl").write_text(done.stdout)
    return place


@pytest.fixture
def events(place) -> list[dict]:
    return [json.loads(line) for line in (place / "events.jsonl").read_text().splitlines()]


@pytest.fixture
def run_here(place, monkeypatch):
    """``run_here("show", "latest")``: the verb in this process, in the folder with the run."""
    monkeypatch.chdir(place)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


def lines(done) -> list[dict]:
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_new_app_says_how_to_train_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["new", "inner/first-app"])
    assert done.exit_code == 0 and "fedray submit inner/first-app" in done.stdout
    assert sorted(path.name for path in (tmp_path / "inner" / "first-app").iterdir()) == [
        "README.md", "app.yaml", "task.py",
    ]  # fmt: skip
    assert yaml.safe_load((tmp_path / "inner" / "first-app" / "app.yaml").read_text())["name"] == "first-app"


def test_a_new_app_learns_far_more_than_its_baseline_knows(events):
    ended = events[-1]
    assert ended["event"] == "run_ended"
    [baseline] = ended["baselines"].values()
    assert ended["metrics"]["accuracy"] > baseline["accuracy"] + 0.4


def test_piped_output_is_one_json_object_a_line_from_start_to_end(events):
    kinds = [event["event"] for event in events]
    assert kinds.count("run_started") == kinds.count("run_ended") == 1
    assert kinds.count("round_closed") == kinds.count("evaluated") == 10
    closed = [event for event in events if event["event"] == "round_closed"]
    assert [event["round"] for event in closed] == list(range(1, 11))
    assert closed[-1]["train_loss"] < closed[0]["train_loss"] / 2


def test_the_model_on_disk_is_the_one_that_was_announced(place, events):
    folder = place / events[-1]["folder"]
    assert sha256((folder / "model.safetensors").read_bytes()).hexdigest() == events[-1]["model"]


def test_runs_lists_the_run(run_here, events):
    [row] = lines(run_here("runs", "--format", "json"))
    assert (row["run"], row["status"], row["rounds"]) == (events[-1]["run"], "finished", "10/10")
    assert row["metrics"] == events[-1]["metrics"]
    text = run_here("runs", "--format", "text").stdout
    assert events[-1]["run"] in text and "finished" in text


def test_show_tells_every_round(run_here, events):
    [facts] = lines(run_here("show", "latest", "--format", "json"))
    assert facts["model"] == events[-1]["model"] and facts["status"] == "finished"
    tested = {event["round"]: event["metrics"]["accuracy"] for event in events if event["event"] == "evaluated"}
    assert {line["round"]: line["accuracy"] for line in facts["history"]} == tested
    text = run_here("show", events[-1]["run"], "--format", "text")
    assert text.exit_code == 0 and f"{events[-1]['metrics']['accuracy']:.4g}" in text.stdout
    assert "curves.png" in text.stdout and "one class for all" in text.stdout


def test_config_prints_the_recipe_that_was_used(run_here, place, events):
    printed = run_here("config", "my-app").stdout
    assert yaml.safe_load(printed) == yaml.safe_load((place / events[-1]["folder"] / "recipe.yaml").read_text())
    as_json = json.loads(run_here("config", "my-app", "--format", "json", "-c", "rounds=77").stdout)
    assert as_json == yaml.safe_load(printed) | {"rounds": 77}


def test_a_printed_recipe_can_be_used_again(run_here, place):
    printed = run_here("config", "my-app", "-c", "seed=9").stdout
    (place / "my-app" / "recipes").mkdir(exist_ok=True)
    (place / "my-app" / "recipes" / "again.yaml").write_text(printed)
    assert run_here("config", "my-app", "--recipe", "again").stdout == printed


def test_ledger_verify_finds_the_run_good_and_its_head_the_announced_one(run_here, events):
    [report] = lines(run_here("ledger", "verify", "latest", "--format", "json"))
    assert report["ok"] and f"{report['size']}:{report['root']}" == events[-1]["ledger_head"]
    assert (report["kinds"]["round.close"], report["kinds"]["update.commit"]) == (10, 80)
    text = run_here("ledger", "verify", "latest", "--format", "text")
    assert text.exit_code == 0 and text.stdout.startswith("good: ")


def test_ledger_show_lists_who_did_what_in_which_round(run_here):
    rows = lines(run_here("ledger", "show", "latest", "--kind", "update.commit", "--who", "user-3", "--json"))
    assert [row["round"] for row in rows] == list(range(1, 11))
    assert {row["who"] for row in rows} == {"user-3"}
    [close] = lines(run_here("ledger", "show", "latest", "--round", "4", "--kind", "round.close", "--json"))
    assert close["round"] == 4
    shown = run_here("ledger", "show", "latest", "--limit", "0", "--format", "text")
    assert shown.stdout.count("update.commit") == 80


def test_a_ledger_that_was_tampered_with_is_exit_code_1(run_here, place, events, tmp_path):
    book = tmp_path / "book"
    shutil.copytree(place / events[-1]["folder"] / "ledger", book)
    bundle = next(path for path in (book / "log/tile/entries").rglob("*") if path.is_file())
    bundle.write_bytes(bundle.read_bytes().replace(b'"examples":', b'"examples":1', 1))
    assert run_here("ledger", "verify", book, "--format", "json").exit_code == 1
    cut = run_here("ledger", "verify", book, "--format", "text")
    assert cut.exit_code == 1 and cut.stdout.startswith("TAMPERED: ")


def test_the_run_can_be_shown_from_another_folder_by_its_path(place, events, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["show", str(place / events[-1]["folder"]), "--format", "json"])
    assert lines(done)[0]["run"] == events[-1]["run"]


@pytest.mark.parametrize("text", ["expected [batch, 3] in [/data/x.npy]", "[bold]", "[/]", "a [red]word"])
def test_an_error_with_brackets_is_shown_as_it_is(tmp_path, text):
    """Square brackets are mark-up to rich, and the usual way to write a shape or a list."""
    from fedray.run.folder import RunFolder

    (tmp_path / "run").mkdir()
    RunFolder(tmp_path / "run").update(status="failed", app="blobs", error=text)
    done = CliRunner().invoke(main, ["show", "run", "--runs", str(tmp_path), "--format", "text"])
    assert done.exit_code == 0, done.exception
    assert text in done.stdout


def test_a_strangers_ledger_is_shown_as_it_is(tmp_path):
    from ledger import Log, SigningKey, sign

    key = SigningKey.generate()
    with Log.create(tmp_path / "book", "log", key, keys=tmp_path / "keys") as log:
        log.append_now(sign(key, "genesis", "log", created_by="[/] by [bold]me", quorum="none", allocations=[]))
    done = CliRunner().invoke(main, ["ledger", "show", str(tmp_path / "book"), "--format", "text"])
    assert done.exit_code == 0, done.exception
    assert "[/] by [bold]me" in done.stdout


def test_a_screen_shows_rounds_results_and_where_they_are(events, monkeypatch):
    from fedray.cli import screen
    from fedray.run import events as kinds

    out = io.StringIO()
    monkeypatch.setattr(screen, "Console", lambda **options: Console(file=out, width=100, **options))
    shown = screen.Screen()
    for event in events:
        fields = {key: value for key, value in event.items() if key != "event"}
        shown.show(getattr(kinds, "".join(part.title() for part in event["event"].split("_")))(**fields))
    shown.close()
    text = out.getvalue()
    assert [f"round {round:>2}/10" in text for round in range(1, 11)] == [True] * 10
    assert f"accuracy {events[-1]['metrics']['accuracy']:.4g}" in text
    assert "trained model" in text and "one class for all" in text
    assert f"results in {events[-1]['folder']}" in text
