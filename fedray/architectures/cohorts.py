"""Who trains in a round, and in which cohorts: depends on the recipe and the round alone, never on the workers."""

from collections.abc import Sequence
from math import ceil

from fedray.architectures.work import TrainCohort
from fedray.randomness import numpy_generator

COHORTS_PER_ROUND = 16
"""Cohorts a round is cut into when the recipe gives no ``users.cohort_size``: enough to balance a few workers."""


def select_users(seed: int, round: int, users: int, per_round: int) -> tuple[int, ...]:
    """Uniform sampling without replacement (McMahan et al. 2017, Algorithm 1), sorted by id."""
    if per_round >= users:
        return tuple(range(users))
    chosen = numpy_generator(seed, "selection", round).choice(users, per_round, replace=False)
    return tuple(sorted(int(user) for user in chosen))


def cut_cohorts(round: int, selected: Sequence[int], size: int | None, costs: Sequence[int]) -> tuple[TrainCohort, ...]:
    """Cut the sorted users into cohorts of ``size``. ``costs``: examples each user of the run goes through."""
    size = size or ceil(len(selected) / COHORTS_PER_ROUND)
    groups = [tuple(selected[start : start + size]) for start in range(0, len(selected), size)]
    return tuple(
        TrainCohort(round, number, group, sum(costs[user] for user in group)) for number, group in enumerate(groups)
    )
