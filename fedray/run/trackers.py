"""Experiment trackers behind one protocol: watchers of the run's events. JSON lines are always on, these are extras."""

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fedray.errors import InvalidInput
from fedray.run.events import Evaluated, RoundClosed, Sink
from fedray.run.recipe import Recipe


def check_trackers(recipe: Recipe) -> None:
    """Raise InvalidInput when the recipe names a tracker that is not installed."""
    for name in recipe.trackers:
        if importlib.util.find_spec(name) is None:
            raise InvalidInput(f"trackers names {name}, which is not installed; run 'pip install fedray[{name}]'.")


@contextmanager
def trackers_for(recipe: Recipe, folder: Path) -> Iterator[list[Sink]]:
    """The recipe's trackers, open."""
    with ExitStack() as stack:
        yield [stack.enter_context(_TRACKERS[name](recipe, folder)) for name in recipe.trackers]


@contextmanager
def _tensorboard(recipe: Recipe, folder: Path) -> Iterator[Sink]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(folder / "tensorboard")

    def watch(event: Any) -> None:
        for name, value in _scalars(event).items():
            writer.add_scalar(name, value, event.round)
            writer.flush()

    try:
        yield watch
    finally:
        writer.close()


@contextmanager
def _mlflow(recipe: Recipe, folder: Path) -> Iterator[Sink]:
    import mlflow

    with mlflow.start_run(run_name=folder.name):
        mlflow.log_params({"rounds": recipe.rounds, "users": recipe.users.count, "seed": recipe.seed})
        mlflow.log_dict(recipe.model_dump(mode="json"), "recipe.yaml")

        def watch(event: Any) -> None:
            if scalars := _scalars(event):
                mlflow.log_metrics({name.replace("/", "_"): value for name, value in scalars.items()}, step=event.round)

        yield watch


def _scalars(event: Any) -> dict[str, float]:
    match event:
        case RoundClosed():
            return {"train/loss": event.train_loss, "round/seconds": event.seconds, "round/bytes": event.bytes_sent}
        case Evaluated():
            return {f"test/{name}": value for name, value in event.metrics.items()}
        case _:
            return {}


_TRACKERS = {"tensorboard": _tensorboard, "mlflow": _mlflow}
