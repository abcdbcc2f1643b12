"""Starting a run, or resuming one: from an app and a recipe to the finished run folder."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from fedray.app import App
from fedray.errors import InvalidInput
from fedray.layers.node import Node, NodeSetup
from fedray.layers.server import Server
from fedray.recipe_file import read_yaml
from fedray.run.ending import status_written, stop_signals
from fedray.run.engine import Engine
from fedray.run.environment import environment
from fedray.run.events import CohortDone, Preparing, RunEnded, RunStarted, RuntimeStarted, Sink, as_record, tell
from fedray.run.finish import finish
from fedray.run.folder import RunFolder, timestamp
from fedray.run.pick_up import pick_up, unevaluated
from fedray.run.plan import Plan, make_plan, virtual_duration
from fedray.run.recipe import Recipe, read_recipe, validate_recipe
from fedray.run.record import Record
from fedray.run.storage import to_json, write_whole, writing
from fedray.run.task_failed import shown_once
from fedray.run.trackers import check_trackers, trackers_for
from fedray.runtime.in_process import InProcessRuntime
from fedray.runtime.interface import Runtime
from fedray.task import Task
from fedray.training.allocator import keep_freed_memory


def submit(
    app_folder: Path, runs: Path, sinks: list[Sink], recipe_name: str | None = None, overrides: tuple[str, ...] = ()
) -> RunEnded:
    """Run an app from the beginning. Nothing is left behind when the app, the recipe or the data cannot work."""
    app = App.find(app_folder)
    task_class = load_task(app)
    recipe = read_recipe(app, task_class, recipe_name, overrides)
    check_trackers(recipe)
    plan = make_plan(app, recipe, _task(app, task_class, recipe), _progress(sinks))
    folder = RunFolder.create(runs, app.file.name)
    with folder.held():
        write_whole(folder.path / "recipe.yaml", recipe_text(recipe).encode())
        write_whole(folder.path / "environment.json", json.dumps(environment(app.file.requires), indent=1).encode())
        about = {"app": str(app.folder), "name": app.file.name, "rounds": recipe.rounds}
        folder.update(**about, status="running", started=timestamp())
        try:
            return _run(plan, folder, sinks)
        except InvalidInput:
            if not folder.history.lines():
                shutil.rmtree(folder.path)
            raise


def load_task(app: App) -> type[Task]:
    """The app's task class. Raises TaskFailed when its module cannot be imported."""
    with shown_once(app.folder, "while its module was imported"):
        return app.load_task()


def _task(app: App, task_class: type[Task], recipe: Recipe) -> Task:
    with shown_once(app.folder, "in its constructor"):
        return task_class(recipe.task)


def resume(folder: RunFolder, sinks: list[Sink]) -> RunEnded:
    """Go on with a run that was stopped, interrupted or failed, from its newest checkpoint, to the same final bytes."""
    info = folder.info()
    if info["status"] == "finished":
        raise InvalidInput(f"Run {folder.path.name} has finished; start a new one with 'fedray submit'.")
    folder.lock()
    with folder.held():
        app = App.find(Path(info["app"]))
        task_class = load_task(app)
        source = read_yaml(folder.path / "recipe.yaml")
        recipe = validate_recipe(task_class, source.values, [source])
        plan = make_plan(app, recipe, _task(app, task_class, recipe), _progress(sinks))
        folder.update(status="running", resumed=timestamp())
        return _run(plan, folder, sinks)


def recipe_text(recipe: Recipe) -> str:
    """The full recipe as YAML."""
    return str(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def _run(plan: Plan, folder: RunFolder, sinks: list[Sink]) -> RunEnded:
    keep_freed_memory()
    with status_written(folder), trackers_for(plan.recipe, folder.path) as trackers:
        watchers = [*sinks, *trackers, _event_log(folder.path / "events.jsonl")]
        standing, record = pick_up(plan, folder, watchers)
        tell(watchers, _started(plan, folder, standing.round))
        runtime = _runtime(plan, folder, watchers)
        try:
            build = partial(Node, _node_setup(plan, folder, record))
            workers = runtime.start(plan.recipe.workers, len(plan.cohorts(1)), build)
            tell(watchers, RuntimeStarted(plan.recipe.runtime, workers))
            with stop_signals():
                server = Server(plan.model.copy(), plan.recipe.strategy)
                engine = Engine(plan, folder, runtime, server, record, standing, watchers)
                engine.run(evaluate_first=unevaluated(plan, folder, standing.round))
                runtime.stop()
                return finish(plan, folder, server, record, standing, watchers)
        finally:
            runtime.stop()
            if record:
                record.release()


def _runtime(plan: Plan, folder: RunFolder, sinks: list[Sink]) -> Runtime:
    if plan.recipe.runtime == "in-process":
        return InProcessRuntime(virtual_duration(plan) if plan.recipe.clock == "virtual" else None)
    tell(sinks, Preparing("starting Ray", 0, 0))
    from fedray.runtime.ray_runtime import RayRuntime

    return RayRuntime(folder.path / "ray.log")


def _node_setup(plan: Plan, folder: RunFolder, record: Record | None) -> NodeSetup:
    recipe = plan.recipe
    return NodeSetup(
        app_folder=plan.app.folder,
        task_options=recipe.task.model_dump(mode="json"),
        training=recipe.training,
        strategy=recipe.strategy,
        partition=plan.partition,
        seed=recipe.seed,
        rounds=recipe.rounds,
        threads=recipe.threads_per_worker,
        evaluation_batch=recipe.evaluation.batch_size,
        ledger=record.access(folder.memory) if record else None,
    )


def _started(plan: Plan, folder: RunFolder, round: int) -> RunStarted:
    recipe = plan.recipe
    return RunStarted(
        run=folder.path.name,
        folder=str(folder.path),
        app=plan.app.file.name,
        rounds=recipe.rounds,
        users=recipe.users.count,
        users_per_round=recipe.users_per_round(),
        parameters=sum(parameter.numel() for parameter in plan.model.module.parameters()),
        headline=plan.task.headline,
        resumed_from=round,
    )


def _progress(sinks: list[Sink]) -> Callable[[str, int, int], None]:
    return lambda what, done, total: tell(sinks, Preparing(what, done, total))


def _event_log(file: Path) -> Sink:
    def write(event: object) -> None:
        if isinstance(event, CohortDone):
            return
        with writing(str(file)), file.open("a") as stream:
            stream.write(to_json(as_record(event) | {"time": timestamp()}) + "\n")

    return write
