"""Where a run begins: at its newest checkpoint and the end of its ledger, or at the very start."""

import torch

from fedray.errors import InvalidInput
from fedray.run.checkpoint import newest_checkpoint, save_tensors
from fedray.run.engine import Standing
from fedray.run.events import Notice, Sink, tell
from fedray.run.folder import RunFolder
from fedray.run.plan import Plan
from fedray.run.record import Record


def pick_up(plan: Plan, folder: RunFolder, sinks: list[Sink]) -> tuple[Standing, Record | None]:
    """Load the newest checkpoint into the plan's model and open the ledger, or begin both."""
    checkpoint = newest_checkpoint(folder.checkpoints)
    if checkpoint is None:
        standing = Standing(0, save_tensors(plan.model.state_dict())[1])
    else:
        _load(plan, checkpoint.tensors)
        state = checkpoint.state
        standing = Standing(state.round, state.model, state.bytes_sent, state.seconds)
    trained = max((line["round"] for line in folder.history.lines()), default=0)
    if trained > standing.round + 1 and plan.recipe.checkpoints.every == 1:
        lost = f"checkpoints of rounds {standing.round + 1} to {trained} are missing or damaged"
        tell(sinks, Notice(f"{lost}; going on from round {standing.round}"))
    folder.history.cut_after(standing.round)
    if not plan.recipe.ledger.enabled:
        return standing, None
    keys = folder.path / "keys"
    recipe = (folder.path / "recipe.yaml").read_bytes()
    quorum = plan.recipe.quorum()
    return standing, Record.open(folder.ledger, keys, plan.app, recipe, quorum, standing.round, standing.model)


def _load(plan: Plan, tensors: dict[str, torch.Tensor]) -> None:
    try:
        plan.model.module.load_state_dict(tensors)
    except RuntimeError as error:
        raise InvalidInput(f"The checkpoint does not fit the app's model ({error}); submit a new run.") from None


def unevaluated(plan: Plan, folder: RunFolder, round: int) -> bool:
    """Whether the model of ``round`` should have been evaluated, but the run ended before it was."""
    known = {line["round"] for line in folder.history.lines() if line["kind"] == "test"}
    return round > 0 and bool(plan.evaluation(round)) and round not in known
