"""Synchronous data-parallel scheduling: what is handed out when, and that nothing is lost, doubled or left over."""

import heapq
from collections.abc import Callable
from itertools import count, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedray.architectures.data_parallel import DEATHS_ALLOWED, SyncDataParallel
from fedray.architectures.work import (
    Assign,
    CloseEvaluation,
    CloseRound,
    Decision,
    EvaluateShard,
    Finish,
    Finished,
    GiveUp,
    Lost,
    OpenRound,
    Ready,
    TrainCohort,
    Work,
)


def cohorts_of(*costs: int) -> Callable[[int], tuple[TrainCohort, ...]]:
    """The same cohorts in every round: cohort k trains user k at the k-th cost."""
    return lambda round: tuple(TrainCohort(round, k, (k,), cost) for k, cost in enumerate(costs))


def shards_of(shards: int) -> Callable[[int], tuple[EvaluateShard, ...]]:
    return lambda round: tuple(EvaluateShard(round, shard, shards, 1) for shard in range(shards))


def assigned(decisions: list[Decision]) -> list[tuple[int, Work]]:
    return [(decision.worker, decision.work) for decision in decisions if isinstance(decision, Assign)]


def without_assignments(decisions: list[Decision]) -> list[Decision]:
    return [decision for decision in decisions if not isinstance(decision, Assign)]


def works_of_one_worker(scheduler: SyncDataParallel) -> list[Work]:
    """Everything a single worker is given until the run finishes, in order."""
    works = []
    decisions = [*scheduler.begin(), *scheduler.handle(Ready(0))]
    while Finish() not in decisions:
        [(_, work)] = assigned(decisions)
        works.append(work)
        decisions = scheduler.handle(Finished(0, work))
    return works


def test_the_longest_cohort_is_handed_out_first_and_equal_ones_in_cohort_order():
    works = works_of_one_worker(SyncDataParallel(1, 1, cohorts_of(3, 9, 5, 9), shards_of(0)))
    assert [work.cohort for work in works] == [1, 3, 2, 0]


def test_every_round_is_opened_trained_and_closed_in_order():
    scheduler = SyncDataParallel(1, 2, cohorts_of(1), shards_of(0))
    first, second = cohorts_of(1)(1), cohorts_of(1)(2)
    assert scheduler.begin() == [OpenRound(1, first)]
    assert scheduler.handle(Ready(0)) == [Assign(0, first[0])]
    assert scheduler.handle(Finished(0, first[0])) == [CloseRound(1), OpenRound(2, second), Assign(0, second[0])]
    assert scheduler.handle(Finished(0, second[0])) == [CloseRound(2), Finish()]


def test_a_round_closes_only_when_all_its_cohorts_are_in():
    scheduler = SyncDataParallel(1, 2, cohorts_of(3, 2, 1), shards_of(0))
    scheduler.begin()
    works = [assigned(scheduler.handle(Ready(worker)))[0][1] for worker in range(3)]
    assert scheduler.handle(Finished(2, works[2])) == []
    assert scheduler.handle(Finished(0, works[0])) == []
    assert scheduler.handle(Finished(1, works[1]))[0] == CloseRound(1)


def test_a_model_is_evaluated_beside_the_next_rounds_training():
    scheduler = SyncDataParallel(1, 2, cohorts_of(2, 1), shards_of(1))
    scheduler.begin()
    works = [assigned(scheduler.handle(Ready(worker)))[0][1] for worker in range(2)]
    scheduler.handle(Finished(0, works[0]))
    after = assigned(scheduler.handle(Finished(1, works[1])))
    assert {type(work) for _, work in after} == {EvaluateShard, TrainCohort}
    assert {work.round for _, work in after if isinstance(work, TrainCohort)} == {2}


def test_a_slow_evaluation_holds_back_the_end_of_the_run_and_nothing_else():
    scheduler = SyncDataParallel(1, 2, cohorts_of(1), shards_of(1))
    scheduler.begin()
    [(_, first)] = assigned(scheduler.handle(Ready(0)))
    [(_, slow)] = assigned(scheduler.handle(Finished(0, first)))
    assert slow == EvaluateShard(1, 0, 1, 1)
    [(_, second)] = assigned(scheduler.handle(Ready(1)))
    decisions = scheduler.handle(Finished(1, second))
    assert without_assignments(decisions) == [CloseRound(2)]
    [(_, last)] = assigned(decisions)
    assert scheduler.handle(Finished(1, last)) == [CloseEvaluation(2)]
    assert scheduler.handle(Finished(0, slow)) == [CloseEvaluation(1), Finish()]


def test_a_round_that_is_not_to_be_evaluated_is_not():
    scheduler = SyncDataParallel(1, 4, cohorts_of(1), lambda round: shards_of(2)(round) if round == 4 else ())
    works = works_of_one_worker(scheduler)
    assert [work for work in works if isinstance(work, EvaluateShard)] == list(shards_of(2)(4))


def test_the_work_of_a_lost_worker_is_the_next_to_be_handed_out_in_the_same_round():
    scheduler = SyncDataParallel(1, 1, cohorts_of(3, 2, 1), shards_of(0))
    scheduler.begin()
    [(_, longest)] = assigned(scheduler.handle(Ready(0)))
    [(_, second)] = assigned(scheduler.handle(Ready(1)))
    assert scheduler.handle(Lost(0, "out of memory")) == []
    assert scheduler.handle(Finished(1, second)) == [Assign(1, longest)]


def test_a_lost_worker_gets_nothing_until_its_replacement_reports():
    scheduler = SyncDataParallel(1, 1, cohorts_of(1), shards_of(0))
    scheduler.handle(Ready(0))
    assert scheduler.handle(Lost(0, "killed")) == []
    assert assigned(scheduler.begin()) == []
    assert assigned(scheduler.handle(Ready(0))) == [(0, TrainCohort(1, 0, (0,), 1))]


def test_an_idle_worker_takes_over_at_once_from_a_lost_one():
    scheduler = SyncDataParallel(1, 1, cohorts_of(1), shards_of(0))
    scheduler.begin()
    [(_, work)] = assigned(scheduler.handle(Ready(0)))
    assert scheduler.handle(Ready(1)) == []
    assert scheduler.handle(Lost(0, "killed")) == [Assign(1, work)]


def test_a_worker_gets_no_more_work_at_once_than_it_may_queue():
    scheduler = SyncDataParallel(1, 1, cohorts_of(9, 8, 7), shards_of(0), queue_depth=2)
    scheduler.begin()
    given = assigned(scheduler.handle(Ready(0)))
    assert [work.cost for _, work in given] == [9, 8]
    assert [work.cost for _, work in assigned(scheduler.handle(Finished(0, given[0][1])))] == [7]


def test_all_that_a_lost_worker_had_queued_is_handed_out_again_and_only_what_it_was_doing_is_suspect():
    scheduler = SyncDataParallel(1, 1, cohorts_of(9, 8, 7), shards_of(0), queue_depth=2)
    scheduler.begin()
    for _ in range(2):
        [(_, doing), (_, queued)] = assigned(scheduler.handle(Ready(0)))
        assert (doing.cost, queued.cost) == (9, 8)
        assert scheduler.handle(Lost(0, "killed")) == []
    [(_, doing), (_, queued)] = assigned(scheduler.handle(Ready(0)))
    scheduler.handle(Finished(0, doing))
    assert not any(isinstance(decision, GiveUp) for decision in scheduler.handle(Lost(0, "killed")))


@pytest.mark.parametrize("evaluating", [False, True])
def test_the_run_gives_up_when_the_same_work_kills_three_workers_in_a_row(evaluating):
    scheduler = SyncDataParallel(4, 4, cohorts_of(1), shards_of(1))
    decisions = [*scheduler.begin(), *scheduler.handle(Ready(0))]
    if evaluating:
        decisions = scheduler.handle(Finished(0, assigned(decisions)[0][1]))
    for _ in range(2):
        assert scheduler.handle(Lost(0, "out of memory")) == []
        assert len(assigned(scheduler.handle(Ready(0)))) == 1
    [last] = scheduler.handle(Lost(0, "out of memory"))
    assert isinstance(last, GiveUp)
    assert "3 times" in last.reason and "round 4" in last.reason and "out of memory" in last.reason
    assert ("test part 0" if evaluating else "users 0") in last.reason


def test_deaths_on_different_works_do_not_add_up():
    scheduler = SyncDataParallel(1, 1, cohorts_of(*range(9, 0, -1)), shards_of(0))
    scheduler.begin()
    decisions = scheduler.handle(Ready(0))
    for _ in range(9):
        assert scheduler.handle(Lost(0, "killed")) == []
        [(_, work)] = assigned(scheduler.handle(Ready(0)))
        decisions = scheduler.handle(Finished(0, work))
    assert decisions == [CloseRound(1), Finish()]


def test_a_resumed_run_begins_with_the_round_after_the_checkpoint():
    scheduler = SyncDataParallel(6, 7, cohorts_of(1), shards_of(0))
    assert scheduler.begin() == [OpenRound(6, cohorts_of(1)(6))]


def test_a_resumed_run_first_makes_up_for_a_missing_evaluation():
    scheduler = SyncDataParallel(6, 6, cohorts_of(1), shards_of(1))
    scheduler.begin(evaluate_first=True)
    assert assigned(scheduler.handle(Ready(0))) == [(0, EvaluateShard(5, 0, 1, 1))]
    assert assigned(scheduler.handle(Ready(1))) == [(1, TrainCohort(6, 0, (0,), 1))]


def test_a_run_resumed_after_its_last_round_only_evaluates():
    scheduler = SyncDataParallel(6, 5, cohorts_of(1), shards_of(1))
    assert scheduler.begin(evaluate_first=True) == []
    [(_, shard)] = assigned(scheduler.handle(Ready(0)))
    assert scheduler.handle(Finished(0, shard)) == [CloseEvaluation(5), Finish()]


def test_a_run_resumed_when_all_was_done_finishes_at_once():
    assert SyncDataParallel(6, 5, cohorts_of(1), shards_of(1)).begin() == [Finish()]


def shortest_makespan(costs: list[int], workers: int) -> int:
    """The best of all schedules, by trying them all."""
    return min(
        max(
            sum(cost for cost, place in zip(costs, places, strict=True) if place == worker) for worker in range(workers)
        )
        for places in product(range(workers), repeat=len(costs))
    )


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 3))
@settings(max_examples=60)
def test_a_round_takes_no_longer_than_grahams_bound_allows(costs, workers):
    """Graham 1969: longest-first takes at most 4/3 - 1/(3m) of the shortest possible time on m equal machines."""
    scheduler = SyncDataParallel(1, 1, cohorts_of(*costs), shards_of(0))
    scheduler.begin()
    now, order, running = 0, count(), []

    def start(decisions: list[Decision]) -> None:
        for worker, work in assigned(decisions):
            heapq.heappush(running, (now + work.cost, next(order), worker, work))

    for worker in range(workers):
        start(scheduler.handle(Ready(worker)))
    while running:
        now, _, worker, work = heapq.heappop(running)
        start(scheduler.handle(Finished(worker, work)))
    best = shortest_makespan(costs, workers)
    assert best <= now <= (4 / 3 - 1 / (3 * workers)) * best + 1e-9


class World:
    """Workers that finish, die and come back in any order, and a witness of all that the scheduler may not do."""

    def __init__(self, first: int, plan: list[list[int]], tests: list[int], workers: int, depth: int) -> None:
        self.first, self.last, self.depth = first, first + len(plan) - 1, depth
        self._plan, self._tests = plan, tests
        self.scheduler = SyncDataParallel(first, self.last, self.cohorts, self.shards, depth)
        self.queues: dict[int, list[Work]] = {}
        self.absent = set(range(workers))
        self.waiting: set[Work] = set()
        self.done: list[Work] = []
        self.deaths: dict[Work, int] = {}
        self.closed: list[int] = []
        self.evaluated: list[int] = []
        self.open: int | None = None
        self.finished = self.given_up = False

    def cohorts(self, round: int) -> tuple[TrainCohort, ...]:
        return cohorts_of(*self._plan[round - self.first])(round)

    def shards(self, round: int) -> tuple[EvaluateShard, ...]:
        return shards_of(self._tests[round - self.first + 1])(round)

    def obey(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            assert not self.finished and not self.given_up
            match decision:
                case OpenRound(round, cohorts):
                    assert self.open is None and cohorts == self.cohorts(round)
                    self.open = round
                    self.waiting |= set(cohorts)
                case Assign(worker, work):
                    assert worker in self.queues, "a worker that is not there was given work"
                    assert len(self.queues[worker]) < self.depth, "a worker was given more than it may queue"
                    assert work in self.waiting, "work was given out that nobody is missing"
                    self.waiting.remove(work)
                    self.queues[worker].append(work)
                case CloseRound(round):
                    merged = [work for work in self.done if isinstance(work, TrainCohort) and work.round == round]
                    assert sorted(merged, key=lambda work: work.cohort) == list(self.cohorts(round))
                    assert round == self.open
                    self.open = None
                    self.closed.append(round)
                    self.waiting |= set(self.shards(round))
                case CloseEvaluation(round):
                    parts = [work for work in self.done if isinstance(work, EvaluateShard) and work.round == round]
                    assert sorted(parts, key=lambda work: work.shard) == list(self.shards(round))
                    self.evaluated.append(round)
                case Finish():
                    self.finished = True
                case GiveUp():
                    self.given_up = True
        idle = [worker for worker, queue in self.queues.items() if not queue]
        assert self.given_up or not (idle and self.waiting), "a worker idles while work waits"

    def report_ready(self, worker: int) -> None:
        self.absent.remove(worker)
        self.queues[worker] = []
        self.obey(self.scheduler.handle(Ready(worker)))

    def finish_work(self, worker: int) -> None:
        work = self.queues[worker].pop(0)
        self.done.append(work)
        self.obey(self.scheduler.handle(Finished(worker, work)))

    def lose(self, worker: int) -> None:
        self.absent.add(worker)
        queue = self.queues.pop(worker)
        self.waiting |= set(queue)
        for work in queue[:1]:
            self.deaths[work] = self.deaths.get(work, 0) + 1
        self.obey(self.scheduler.handle(Lost(worker, "killed")))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    plan = draw(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5), min_size=1, max_size=4))
    tests = draw(st.lists(st.integers(0, 3), min_size=len(plan) + 1, max_size=len(plan) + 1))
    return World(draw(st.integers(1, 3)), plan, tests, draw(st.integers(1, 4)), draw(st.integers(1, 3)))


def on_its_last_life(world: World, worker: int) -> bool:
    return any(world.deaths.get(work, 0) == DEATHS_ALLOWED - 1 for work in world.queues[worker][:1])


def busy(world: World) -> list[int]:
    return [worker for worker, queue in world.queues.items() if queue]


@given(worlds(), st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=150)
def test_whatever_order_workers_finish_die_and_return_in_every_cohort_is_merged_once_and_the_run_finishes(
    world, random, evaluate_first
):
    if evaluate_first:
        world.waiting |= set(world.shards(world.first - 1))
    world.obey(world.scheduler.begin(evaluate_first))
    deaths_left = random.randrange(12)
    while not world.finished:
        choices = [(world.report_ready, worker) for worker in world.absent]
        choices += [(world.finish_work, worker) for worker in busy(world)]
        if deaths_left:
            choices += [(world.lose, worker) for worker in world.queues if not on_its_last_life(world, worker)]
        assert choices, "nothing can happen any more, and the run has not finished"
        what, worker = random.choice(choices)
        deaths_left -= what == world.lose
        what(worker)
    rounds = list(range(world.first, world.last + 1))
    assert world.closed == rounds
    judged = [world.first - 1, *rounds] if evaluate_first else rounds
    assert sorted(world.evaluated) == [round for round in judged if world.shards(round)]
    assert not busy(world) and not world.waiting


@given(worlds(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_run_gives_up_exactly_when_some_work_has_killed_its_third_worker(world, random):
    world.obey(world.scheduler.begin())
    while not (world.finished or world.given_up):
        choices = [(world.report_ready, worker) for worker in world.absent]
        choices += [(world.finish_work, worker) for worker in busy(world)]
        choices += [(world.lose, worker) for worker in world.queues]
        what, worker = random.choice(choices)
        what(worker)
    worst = max(world.deaths.values(), default=0)
    assert world.given_up == (worst == DEATHS_ALLOWED) and worst <= DEATHS_ALLOWED


def after_one_round_of(seconds: float) -> list[Assign]:
    """What two workers are given for ten equal cohorts, once a first such cohort has taken ``seconds``."""
    plans = {1: cohorts_of(1)(1), 2: cohorts_of(*[1] * 10)(2)}
    scheduler = SyncDataParallel(1, 2, plans.__getitem__, shards_of(0), queue_depth=2, queue_seconds=0.01)
    scheduler.begin()
    scheduler.handle(Ready(0))
    scheduler.handle(Ready(1))
    decisions = scheduler.handle(Finished(0, plans[1][0], seconds))
    return [decision for decision in decisions if isinstance(decision, Assign)]


def test_short_work_is_handed_out_all_at_once_and_may_share_a_message():
    given = after_one_round_of(0.001)
    assert sorted(decision.worker for decision in given) == [0] * 5 + [1] * 5
    assert all(decision.short for decision in given)


def test_long_work_waits_until_a_worker_has_room_and_travels_alone():
    given = after_one_round_of(1.0)
    assert sorted(decision.worker for decision in given) == [0, 0, 1, 1]
    assert not any(decision.short for decision in given)
