"""Starting a run, or resuming one: from an app and a recipe to the finished run folder."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import torch
import yaml

from fedray.app import App
from fedray.errors import EXIT_STOPPED, FedrayError, InvalidInput
from fedray.layers.node import Node, NodeSetup
from fedray.layers.server import Server
from fedray.recipe_file import read_yaml
from fedray.run.checkpoint import newest_checkpoint, save_tensors
from fedray.run.engine import Engine, Standing
from fedray.run.environment import environment
from fedray.run.events import CohortDone, Preparing, RunEnded, RunStarted, RuntimeStarted, Sink, as_record, tell
from fedray.run.finish import finish
from fedray.run.folder import RunFolder, timestamp
from fedray.run.plan import Plan, make_plan, virtual_duration
from fedray.run.recipe import Recipe, read_recipe, validate_recipe
from fedray.run.record import Record
from fedray.run.storage import write_whole, writing
from fedray.run.task_failed import TaskFailed, full_report
from fedray.run.trackers import check_trackers, trackers_for
from fedray.runtime.in_process import InProcessRuntime
from fedray.runtime.interface import Runtime
from ledger import SigningKey


class Stopped(FedrayError):
    """The run was asked to stop; it can be resumed."""

    exit_code = EXIT_STOPPED


def submit(
    app_folder: Path, runs: Path, sinks: list[Sink], recipe_name: str | None = None, overrides: tuple[str, ...] = ()
) -> RunEnded:
    """Run an app from the beginning. Nothing is left behind when the app, the recipe or the data cannot work."""
    app = App.find(app_folder)
    task_class = app.load_task()
    recipe = read_recipe(app, task_class, recipe_name, overrides)
    check_trackers(recipe)
    plan = make_plan(app, recipe, task_class(recipe.task), _progress(sinks))
    folder = RunFolder.create(runs, app.file.name)
    write_whole(folder.path / "recipe.yaml", recipe_text(recipe).encode())
    write_whole(folder.path / "environment.json", json.dumps(environment(app.file.requires), indent=1).encode())
    folder.update(app=str(app.folder), name=app.file.name, status="running", started=timestamp(), rounds=recipe.rounds)
    try:
        return _run(plan, folder, sinks)
    except InvalidInput:
        shutil.rmtree(folder.path)
        raise


def resume(folder: RunFolder, sinks: list[Sink]) -> RunEnded:
    """Go on with a run that was stopped, interrupted or failed, from its newest checkpoint, to the same final bytes."""
    info = folder.info()
    if info["status"] == "finished":
        raise InvalidInput(f"Run {folder.path.name} has finished; start a new one with 'fedray submit'.")
    folder.lock()
    app = App.find(Path(info["app"]))
    task_class = app.load_task()
    source = read_yaml(folder.path / "recipe.yaml")
    recipe = validate_recipe(task_class, source.values, [source])
    plan = make_plan(app, recipe, task_class(recipe.task), _progress(sinks))
    folder.update(status="running", resumed=timestamp())
    return _run(plan, folder, sinks)


def recipe_text(recipe: Recipe) -> str:
    """The full recipe as YAML."""
    return str(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def _run(plan: Plan, folder: RunFolder, sinks: list[Sink]) -> RunEnded:
    with _status(folder), trackers_for(plan.recipe, folder.path) as trackers:
        watchers = [*sinks, *trackers, _event_log(folder.path / "events.jsonl")]
        standing, record = _pick_up(plan, folder)
        tell(watchers, _started(plan, folder, standing.round))
        runtime = _runtime(plan, watchers)
        try:
            build = partial(Node, _node_setup(plan, folder))
            workers = runtime.start(plan.recipe.workers, len(plan.cohorts(1)), build)
            tell(watchers, RuntimeStarted(plan.recipe.runtime, workers))
            with _stop_signals():
                server = Server(plan.model.copy(), plan.recipe.strategy)
                engine = Engine(plan, folder, runtime, server, record, standing, watchers)
                engine.run(evaluate_first=_unevaluated(plan, folder, standing.round))
                runtime.stop()
                return finish(plan, folder, server, record, standing, watchers)
        finally:
            runtime.stop()
            if record:
                record.release()


def _pick_up(plan: Plan, folder: RunFolder) -> tuple[Standing, Record | None]:
    """Load the newest checkpoint into the plan's model and open the ledger, or begin both."""
    checkpoint = newest_checkpoint(folder.checkpoints)
    if checkpoint is None:
        standing = Standing(0, save_tensors(plan.model.state_dict())[1])
    else:
        _load(plan, checkpoint.tensors)
        state = checkpoint.state
        standing = Standing(state.round, state.model, state.bytes_sent, state.seconds)
    folder.history.cut_after(standing.round)
    if not plan.recipe.ledger.enabled:
        return standing, None
    keys = folder.path / "keys"
    recipe = (folder.path / "recipe.yaml").read_bytes()
    return standing, Record.open(folder.ledger, keys, plan.app, recipe, standing.round, standing.model)


def _load(plan: Plan, tensors: dict[str, torch.Tensor]) -> None:
    try:
        plan.model.module.load_state_dict(tensors)
    except RuntimeError as error:
        raise InvalidInput(f"The checkpoint does not fit the app's model ({error}); submit a new run.") from None


def _unevaluated(plan: Plan, folder: RunFolder, round: int) -> bool:
    known = {line["round"] for line in folder.history.lines() if line["kind"] == "test"}
    return round > 0 and bool(plan.evaluation(round)) and round not in known


def _runtime(plan: Plan, sinks: list[Sink]) -> Runtime:
    if plan.recipe.runtime == "in-process":
        return InProcessRuntime(virtual_duration(plan) if plan.recipe.clock == "virtual" else None)
    tell(sinks, Preparing("starting Ray", 0, 0))
    from fedray.runtime.ray_runtime import RayRuntime

    return RayRuntime(lambda line: None)


def _node_setup(plan: Plan, folder: RunFolder) -> NodeSetup:
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
        log=folder.path.name,
        secret=SigningKey.load(folder.path / "keys" / "users.key").seed if recipe.ledger.enabled else None,
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
            stream.write(json.dumps(as_record(event) | {"time": timestamp()}) + "\n")

    return write


@contextmanager
def _status(folder: RunFolder) -> Iterator[None]:
    """Write down how the run ended, whichever way it does."""
    try:
        yield
    except (KeyboardInterrupt, Stopped):
        folder.update(status="stopped", ended=timestamp())
        raise
    except TaskFailed as error:
        write_whole(folder.path / "error.txt", full_report(error.failure).encode())
        error.add_full_report(folder.path / "error.txt")
        folder.update(status="failed", ended=timestamp(), error=str(error).splitlines()[0])
        raise
    except Exception as error:
        folder.update(
            status="failed", ended=timestamp(), error=str(error).splitlines()[0] if str(error) else repr(error)
        )
        raise
    folder.update(status="finished", ended=timestamp())


@contextmanager
def _stop_signals() -> Iterator[None]:
    """Let SIGTERM ('fedray stop') and SIGHUP (a lost terminal) end the run in order, resumable."""

    def stop(number: int, _: FrameType | None) -> None:
        raise Stopped("The run was asked to stop.")

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
