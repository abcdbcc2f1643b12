"""What a scheduler hears (events) and what it says (decisions): plain data, no clock, no Ray."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainCohort:
    """Train these users from the round's weights and send back one partial sum. ``cost``: examples to go through."""

    round: int
    cohort: int
    users: tuple[int, ...]
    cost: int


@dataclass(frozen=True)
class EvaluateShard:
    """Evaluate the model that ``round`` ended with on one part of the test set. ``cost``: as in training."""

    round: int
    shard: int
    shards: int
    cost: int


Work = TrainCohort | EvaluateShard


@dataclass(frozen=True)
class Ready:
    """Event: a worker, new or replaced, is ready for work."""

    worker: int


@dataclass(frozen=True)
class Finished:
    """Event: a worker has done its work. ``seconds``: it took, 0 when nobody measured."""

    worker: int
    work: Work
    seconds: float = 0.0


@dataclass(frozen=True)
class Lost:
    """Event: a worker died, with whatever it was doing; its replacement will report Ready."""

    worker: int
    reason: str


Event = Ready | Finished | Lost


@dataclass(frozen=True)
class OpenRound:
    """Decision: share the current weights; these cohorts will train on them."""

    round: int
    cohorts: tuple[TrainCohort, ...]


@dataclass(frozen=True)
class Assign:
    """Decision: give this work to this worker. ``short``: it may share a message with what else the worker gets now."""

    worker: int
    work: Work
    short: bool = False


@dataclass(frozen=True)
class CloseRound:
    """Decision: every cohort of the round is in; merge."""

    round: int


@dataclass(frozen=True)
class CloseEvaluation:
    """Decision: every shard of the round's evaluation is in; report."""

    round: int


@dataclass(frozen=True)
class Finish:
    """Decision: nothing is left to do."""


@dataclass(frozen=True)
class GiveUp:
    """Decision: the run cannot go on."""

    reason: str


Decision = OpenRound | Assign | CloseRound | CloseEvaluation | Finish | GiveUp
