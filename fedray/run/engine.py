"""The engine: carries out what the scheduler decides, and tells it what happened, until nothing is left to do.

Order of a round's end: merge, name the new model, hand out the next round, and only then write ledger and checkpoint,
so that workers never wait for the disk. A crash in between resumes from the checkpoint before, to the same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fedray.architectures.data_parallel import SyncDataParallel
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
)
from fedray.errors import FedrayError
from fedray.layers.messages import CohortOrder, CohortResult, RevealOrder, ShardResult
from fedray.layers.server import RoundTotals, Server
from fedray.run.checkpoint import State, save_tensors, write_checkpoint
from fedray.run.events import CohortDone, Evaluated, RoundClosed, RoundStarted, Sink, WorkerDied, WorkerStarted, tell
from fedray.run.folder import RunFolder
from fedray.run.plan import Plan, summary
from fedray.run.record import Record
from fedray.run.task_failed import TaskFailed
from fedray.runtime.interface import CallDone, CallFailed, Runtime, RuntimeEvent, Woken, WorkerLost, WorkerReady

MOST_DEATHS = 9
"""As many workers may die while the last round is being settled."""


@dataclass
class Standing:
    """Where the run stands: the newest closed round, its model's digest, and the totals so far."""

    round: int
    model: str
    bytes_sent: int = 0
    seconds: float = 0.0


class Engine:
    """Runs a plan on a runtime that has been started."""

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        runtime: Runtime,
        server: Server,
        record: Record | None,
        standing: Standing,
        sinks: list[Sink],
    ) -> None:
        self.standing = standing
        self._plan, self._folder, self._runtime, self._server = plan, folder, runtime, server
        self._record = record
        self._sinks = sinks
        self._scheduler = SyncDataParallel(
            standing.round + 1,
            plan.recipe.rounds,
            plan.cohorts,
            plan.evaluation,
            runtime.queue_depth,
            runtime.queue_seconds,
        )
        self._shared = {standing.round: runtime.share(server.weights)}
        self._models = {standing.round: standing.model}
        self._to_evaluate: set[int] = set()
        self._received: set[tuple[int, int]] = set()
        self._shards: dict[int, list[ShardResult]] = {}
        self._outbox: dict[int, list[TrainCohort]] = {}
        self._later: list[Callable[[], None]] = []
        self._held: list[tuple[State, bytes]] = []
        self._opened = runtime.now()
        self._bytes_down = 0
        self._finished = False

    def run(self, evaluate_first: bool) -> None:
        """Train to the end. ``evaluate_first``: the starting model's evaluation is missing (after a resume)."""
        if evaluate_first:
            self._to_evaluate.add(self.standing.round)
        if self._record:
            self._record.when_published(self._runtime.wake)
        self._carry_out(self._scheduler.begin(evaluate_first))
        self._write_down()
        while not self._finished:
            for event in self._understand(self._runtime.next_event()):
                self._carry_out(self._scheduler.handle(event))
            for worker in tuple(self._outbox):
                self._send_cohorts(worker)
            self._write_down()
        self._settle()

    def _understand(self, event: RuntimeEvent) -> list[Event]:
        match event:
            case WorkerReady(worker, process):
                tell(self._sinks, WorkerStarted(worker, process))
                return [Ready(worker)]
            case CallDone(worker, EvaluateShard() as work, value):
                self._shards.setdefault(work.round, []).append(value)
                return [Finished(worker, work)]
            case CallDone(worker, RevealOrder(), value):
                assert self._record
                self._record.answered(worker, value)
                return []
            case CallDone(worker, works, results):
                for work, result in zip(works, results, strict=True):
                    self._receive(worker, work, result)
                return [Finished(worker, work, result.seconds) for work, result in zip(works, results, strict=True)]
            case WorkerLost(worker, reason):
                tell(self._sinks, WorkerDied(worker, reason))
                self._received = {(who, round) for who, round in self._received if who != worker}
                if self._record:
                    self._record.lost(worker)
                return [Lost(worker, reason)]
            case Woken():
                return []
            case CallFailed(_, _, failure):
                raise TaskFailed(failure, self._plan.app.folder)

    def _carry_out(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision:
                case OpenRound(round, cohorts):
                    self._open_round(round, cohorts)
                case Assign(worker, TrainCohort() as work, short):
                    self._outbox.setdefault(worker, []).append(work)
                    if not short:
                        self._send_cohorts(worker)
                case Assign(worker, EvaluateShard() as work):
                    self._send(worker, work, work.round, "evaluate", work.shard, work.shards)
                case CloseRound(round):
                    self._close_round(round)
                case CloseEvaluation(round):
                    self._close_evaluation(round)
                case Finish():
                    self._finished = True
                case GiveUp(reason):
                    raise FedrayError(reason)

    def _write_down(self) -> None:
        for write in self._later:
            write()
        self._later.clear()
        self._ask_participants()
        self._write_checkpoints()

    def _ask_participants(self) -> None:
        """Have users look at the ledger and reveal their updates, beside whatever their nodes are computing."""
        for worker, order in self._record.orders() if self._record else ():
            self._runtime.call_aside(worker, order, "reveal", order)

    def _settle(self) -> None:
        """After the last round: wait until the ledger has every round, then write what waited for that."""
        deaths = 0
        while self._record and self._record.unsettled:
            if self._record.answering:
                deaths += sum(isinstance(event, Lost) for event in self._understand(self._runtime.next_event()))
                if deaths > MOST_DEATHS:
                    raise FedrayError(f"Workers died {deaths} times while their users were to cosign; see ray.log.")
            else:
                self._record.wait()
            self._ask_participants()
        if self._record:
            self._record.flush()
        self._write_checkpoints()
        if self._record:
            self._close_ledger(self._record)

    def _close_ledger(self, record: Record) -> None:
        """End the ledger with cosignatures; those of a worker that dies meanwhile are done without."""
        for worker, order in record.close(self.standing.round, self.standing.model):
            self._runtime.call_aside(worker, order, "reveal", order)
        while record.answering:
            self._understand(self._runtime.next_event())
        record.flush()

    def _open_round(self, round: int, cohorts: tuple[TrainCohort, ...]) -> None:
        self._opened = self._runtime.now()
        self._bytes_down = 0
        self._server.open_round(len(cohorts))
        tell(self._sinks, RoundStarted(round, sum(len(cohort.users) for cohort in cohorts), len(cohorts)))

    def _send_cohorts(self, worker: int) -> None:
        """One message for all that the worker was just given."""
        works = tuple(self._outbox.pop(worker))
        orders = tuple(self._order(work) for work in works)
        self._send(worker, works, works[0].round - 1, "train_cohorts", orders)

    def _order(self, work: TrainCohort) -> CohortOrder:
        new = [user for user in work.users if self._record and not self._record.is_registered(user)]
        return CohortOrder(work.round, work.cohort, work.users, self._models[work.round - 1], tuple(new))

    def _send(self, worker: int, work: Any, model: int, method: str, *arguments: Any) -> None:
        """Call a worker's method on the weights that round ``model`` ended with."""
        if (worker, model) not in self._received:
            self._received.add((worker, model))
            self._bytes_down += self._server.weights.nbytes
        self._runtime.call(worker, work, method, *arguments, self._shared[model])

    def _receive(self, worker: int, work: TrainCohort, result: CohortResult) -> None:
        self._server.receive(result)
        if self._record:
            self._record.receive(worker, result)
        tell(self._sinks, CohortDone(work.round, len(result.reports)))

    def _close_round(self, round: int) -> None:
        totals = self._server.close_round()
        parent, model, data = self._models[round - 1], "", b""
        if self._record or self._checkpoint_due(round) or round == self._plan.recipe.rounds:
            self._plan.model.load(self._server.weights)
            data, model = save_tensors(self._plan.model.state_dict())
        self._shared[round] = self._runtime.share(self._server.weights)
        self._models[round] = model
        if self._plan.evaluation(round):
            self._to_evaluate.add(round)
        self._forget_unused(round)
        seconds, sent = self._runtime.now() - self._opened, totals.bytes_up + self._bytes_down
        standing = self.standing
        standing.round, standing.model = round, model
        standing.seconds += seconds
        standing.bytes_sent += sent
        self._later.append(lambda: self._write_round(parent, data, totals, seconds, sent))

    def _write_round(self, parent: str, data: bytes, totals: RoundTotals, seconds: float, sent: int) -> None:
        standing, users = self.standing, len(totals.reports)
        if self._record:
            self._record.close_round(standing.round, parent, standing.model)
        line = {"round": standing.round, "users": users, "examples": totals.examples, "train_loss": totals.train_loss}
        self._folder.history.add(line | {"seconds": seconds, "bytes_sent": sent, "kind": "train"})
        if self._checkpoint_due(standing.round):
            state = State(standing.round, standing.model, standing.bytes_sent, standing.seconds, None)
            self._held.append((state, data))
        closed = RoundClosed(
            round=standing.round,
            evaluated=bool(self._plan.evaluation(standing.round)),
            users=users,
            examples=totals.examples,
            train_loss=totals.train_loss,
            seconds=seconds,
            bytes_sent=sent,
            model=standing.model,
        )
        tell(self._sinks, closed)

    def _write_checkpoints(self) -> None:
        """Write the checkpoints that need not wait any more.

        One waits for the test results of earlier rounds, whose weights a resumed run would not have, and for the
        ledger, so that what the run resumes from is on record.
        """
        while self._held and not any(round < self._held[0][0].round for round in self._to_evaluate):
            state, data = self._held[0]
            if self._record:
                if not self._record.settled(state.round):
                    return
                state = replace(state, ledger_head=self._record.head)
            self._held.pop(0)
            write_checkpoint(self._folder.checkpoints, state, data, self._plan.recipe.checkpoints.keep)
            if self._record:
                self._record.saved(state.round, state.model)

    def _checkpoint_due(self, round: int) -> bool:
        every = self._plan.recipe.checkpoints.every
        return bool(every) and (round % every == 0 or round == self._plan.recipe.rounds)

    def _close_evaluation(self, round: int) -> None:
        shards = sorted(self._shards.pop(round), key=lambda result: result.shard)
        examples = sum(result.examples for result in shards)
        means = {name: sum(result.sums.get(name, 0.0) for result in shards) / examples for name in shards[0].sums}
        metrics = summary(self._plan, means)
        model = self._models[round]
        self._to_evaluate.discard(round)
        self._forget_unused(self.standing.round)

        def write() -> None:
            if self._record:
                self._record.evaluated(round, model, metrics)
            self._folder.history.add({"round": round, "kind": "test", **metrics})
            tell(self._sinks, Evaluated(round, metrics))

        self._later.append(write)

    def _forget_unused(self, newest: int) -> None:
        """Drop shared weights that neither the next round nor a missing evaluation needs."""
        for round in set(self._shared) - self._to_evaluate - {newest}:
            del self._shared[round], self._models[round]
        self._received = {(worker, round) for worker, round in self._received if round in self._shared}
