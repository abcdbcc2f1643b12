"""Who trains in a round, and in which cohorts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from fedray.architectures.cohorts import COHORTS_PER_ROUND, cut_cohorts, select_users


@given(st.integers(0, 2**32 - 1), st.integers(1, 10**6), st.integers(1, 500), st.data())
def test_a_round_trains_as_many_different_users_as_asked_sorted_by_id(seed, round, users, data):
    per_round = data.draw(st.integers(1, users))
    chosen = select_users(seed, round, users, per_round)
    assert len(chosen) == len(set(chosen)) == per_round
    assert list(chosen) == sorted(chosen) and chosen[0] >= 0 and chosen[-1] < users
    assert all(type(user) is int for user in chosen)
    assert chosen == select_users(seed, round, users, per_round)


def test_everybody_trains_when_as_many_are_asked_for_as_there_are():
    assert select_users(0, 1, 7, 7) == select_users(5, 9, 7, 7) == tuple(range(7))


def test_users_are_picked_uniformly_over_the_rounds():
    picks = np.concatenate([select_users(0, round, 20, 5) for round in range(1, 2001)])
    assert chisquare(np.bincount(picks, minlength=20)).pvalue > 1e-3


def test_who_is_picked_in_one_round_says_nothing_about_the_next():
    rounds = [set(select_users(0, round, 20, 5)) for round in range(1, 2001)]
    both = [len(now & then) for now, then in zip(rounds[1:], rounds, strict=False)]
    deviation = np.std(both) / np.sqrt(len(both))
    assert abs(np.mean(both) - 5 * 5 / 20) < 4 * deviation


def test_other_seeds_pick_other_users():
    assert len({select_users(seed, 1, 1000, 10) for seed in range(50)}) == 50


@given(st.sets(st.integers(0, 200), min_size=1), st.none() | st.integers(1, 50), st.integers(1, 99))
def test_cohorts_cut_the_users_in_order_into_equal_sizes_with_one_rest(users, size, round):
    selected, costs = sorted(users), list(range(1, 202))
    cohorts = cut_cohorts(round, selected, size, costs)
    assert [user for cohort in cohorts for user in cohort.users] == selected
    assert [cohort.cohort for cohort in cohorts] == list(range(len(cohorts)))
    assert {cohort.round for cohort in cohorts} == {round}
    sizes = [len(cohort.users) for cohort in cohorts]
    assert len(set(sizes[:-1])) <= 1 and 0 < sizes[-1] <= sizes[0]
    assert all(cohort.cost == sum(user + 1 for user in cohort.users) for cohort in cohorts)
    if size is None:
        assert len(cohorts) <= COHORTS_PER_ROUND
    else:
        assert max(sizes) <= size


@pytest.mark.parametrize(("users", "cohorts"), [(1, 1), (16, 16), (17, 9), (32, 16), (1000, 16)])
def test_a_recipe_without_a_cohort_size_gets_at_most_sixteen_cohorts(users, cohorts):
    assert len(cut_cohorts(1, range(users), None, [1] * users)) == cohorts
