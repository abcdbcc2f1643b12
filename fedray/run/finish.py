"""The end of a run: the model as one file, figures, baselines, and the closing statement in the ledger."""

from collections.abc import Mapping
from pathlib import Path

from fedray.layers.server import Server
from fedray.run.checkpoint import save_tensors
from fedray.run.curves import draw_curves
from fedray.run.engine import Standing
from fedray.run.events import Preparing, RunEnded, Sink, tell
from fedray.run.folder import RunFolder
from fedray.run.plan import Plan
from fedray.run.record import Record
from fedray.run.storage import write_whole, writing
from fedray.run.task_failed import shown_once


def finish(
    plan: Plan, folder: RunFolder, server: Server, record: Record | None, standing: Standing, sinks: list[Sink]
) -> RunEnded:
    """Write what the run came to. The weights' name is ``sha256sum model.safetensors``."""
    plan.model.load(server.weights)
    plan.model.module.eval()
    data, digest = save_tensors(plan.model.state_dict())
    write_whole(folder.path / "model.safetensors", data)
    if record:
        record.release()
    tell(sinks, Preparing("drawing figures", 0, 0))
    safe = f"the trained model is safe in {folder.path / 'model.safetensors'}"
    with shown_once(plan.app.folder, f"after the last round, in baselines() or figures() ({safe})"):
        baselines = {name: _numbers(values) for name, values in (plan.task.baselines() or {}).items()}
        figures = _figures(plan, folder)
    ended = RunEnded(
        run=folder.path.name,
        folder=str(folder.path),
        rounds=standing.round,
        seconds=standing.seconds,
        metrics=_last_metrics(folder),
        baselines=baselines,
        headline=plan.task.headline,
        model=digest,
        ledger_head=record.head if record else None,
        figures=[str(path.relative_to(folder.path)) for path in figures],
    )
    folder.update(metrics=ended.metrics, baselines=baselines, model=digest, ledger_head=ended.ledger_head)
    tell(sinks, ended)
    return ended


def _figures(plan: Plan, folder: RunFolder) -> list[Path]:
    target = folder.path / "figures"
    with writing(str(target)):
        target.mkdir(exist_ok=True)
        drawn = [*draw_curves(folder.history.rounds(), plan.task.headline, target)]
    drawn += [Path(file) for file in plan.task.figures(plan.model.module, target) or ()]
    return [file for file in drawn if file.is_relative_to(folder.path)]


def _numbers(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def _last_metrics(folder: RunFolder) -> dict[str, float]:
    tests = [line for line in folder.history.lines() if line["kind"] == "test"]
    last = max(tests, key=lambda line: line["round"], default={})
    return {key: value for key, value in last.items() if key not in ("kind", "round")}
