"""Synchronous data-parallel training as a pure state machine: events in, decisions out.

Each round's cohorts are handed out longest first, each to the worker that has least to do (Graham's LPT rule, 1969);
the round closes when all are in. The evaluation of a round's model runs beside the training of the next round, not
before it. A lost worker's work is handed out again in the same round. There is no time, no thread and no I/O in here,
so it runs the same under the wall clock and under a virtual one.
"""

from collections.abc import Callable
from math import inf

from fedray.architectures.work import (
    Assign,
    CloseEvaluation,
    CloseRound,
    Decision,
    EvaluateShard,
    Event,
    Finish,
    Finished,
    GiveUp,
    Lost,
    OpenRound,
    Ready,
    TrainCohort,
    Work,
)

DEATHS_ALLOWED = 3
"""How often in a row the same work may lose its worker before the run gives up."""


class SyncDataParallel:
    """Schedules rounds ``first`` to ``last``. ``plan`` and ``evaluation`` give a round's cohorts and test shards.

    ``queue_depth``: pieces of work that one worker may have at once, the first being done and the others waiting;
    more when together they take less than ``queue_seconds`` by the pace of what was done so far.
    """

    def __init__(
        self,
        first: int,
        last: int,
        plan: Callable[[int], tuple[TrainCohort, ...]],
        evaluation: Callable[[int], tuple[EvaluateShard, ...]],
        queue_depth: int = 1,
        queue_seconds: float = 0.0,
    ) -> None:
        self._round = first - 1
        self._last = last
        self._plan = plan
        self._evaluation = evaluation
        self._waiting: list[Work] = []
        self._queues: dict[int, list[Work]] = {}
        self._queue_depth = queue_depth
        self._queue_seconds = queue_seconds
        self._pace = inf  # seconds that one unit of cost takes, by the newest measurement
        self._missing: dict[int, int] = {}
        self._shards_missing: dict[int, int] = {}
        self._deaths: dict[Work, int] = {}

    def begin(self, evaluate_first: bool = False) -> list[Decision]:
        """Open the first round. ``evaluate_first``: the model it starts from has not been evaluated yet."""
        return self._next_round(evaluate=evaluate_first)

    def handle(self, event: Event) -> list[Decision]:
        """Take one event; the decisions must be carried out in order."""
        match event:
            case Ready(worker):
                self._queues[worker] = []
                return self._hand_out()
            case Lost(worker, reason):
                return self._lost(worker, reason)
            case Finished(worker, work, seconds):
                self._queues[worker].remove(work)
                self._deaths.pop(work, None)
                if seconds:
                    self._pace = seconds / work.cost
                return self._finished(work) + self._hand_out()

    def _finished(self, work: Work) -> list[Decision]:
        missing = self._missing if isinstance(work, TrainCohort) else self._shards_missing
        missing[work.round] -= 1
        if missing[work.round]:
            return []
        del missing[work.round]
        if isinstance(work, TrainCohort):
            return [CloseRound(work.round), *self._next_round(evaluate=True)]
        return [CloseEvaluation(work.round), *self._end()]

    def _next_round(self, evaluate: bool) -> list[Decision]:
        shards = self._evaluation(self._round) if evaluate else ()
        if shards:
            self._shards_missing[self._round] = len(shards)
            self._waiting += shards
        if self._round == self._last:
            return self._end()
        self._round += 1
        cohorts = self._plan(self._round)
        self._missing[self._round] = len(cohorts)
        longest_first: list[TrainCohort] = sorted(cohorts, key=lambda cohort: cohort.cost, reverse=True)
        self._waiting += longest_first
        return [OpenRound(self._round, cohorts)]

    def _end(self) -> list[Decision]:
        over = self._round == self._last and not self._missing and not self._shards_missing
        return [Finish()] if over else []

    def _hand_out(self) -> list[Decision]:
        decisions: list[Decision] = []
        while self._waiting and self._queues:
            worker = min(self._queues, key=self._load)
            if not self._has_room(worker):
                break
            work = self._waiting.pop(0)
            self._queues[worker].append(work)
            decisions.append(Assign(worker, work, self._is_short(work.cost)))
        return decisions

    def _has_room(self, worker: int) -> bool:
        cost, count = self._load(worker)
        return count < self._queue_depth or self._is_short(cost)

    def _is_short(self, cost: int) -> bool:
        return cost * self._pace < self._queue_seconds

    def _load(self, worker: int) -> tuple[int, int]:
        queue = self._queues[worker]
        return sum(work.cost for work in queue), len(queue)

    def _lost(self, worker: int, reason: str) -> list[Decision]:
        queue = self._queues.pop(worker, [])
        if not queue:
            return []
        killer = queue[0]
        self._deaths[killer] = self._deaths.get(killer, 0) + 1
        if self._deaths[killer] >= DEATHS_ALLOWED:
            return [GiveUp(_hopeless(killer, reason))]
        self._waiting = queue + self._waiting
        return self._hand_out()


def _hopeless(work: Work, reason: str) -> str:
    what = f"users {', '.join(map(str, work.users))}" if isinstance(work, TrainCohort) else f"test part {work.shard}"
    return (
        f"The worker died {DEATHS_ALLOWED} times in a row on {what} of round {work.round} ({reason}); "
        f"if memory ran out, lower workers or training.batch_size."
    )
