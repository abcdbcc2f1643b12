"""How a training set is divided over users: nothing lost, nothing doubled, and shares as the recipe asks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, kstest

from fedray.data.partition import Dirichlet, Iid, NaturalId, Partition, divide
from fedray.errors import InvalidInput

MANY_LABELS = np.random.default_rng(0).integers(0, 4, 400)


def shares(partition: Partition, labels: np.ndarray) -> np.ndarray:
    """(users, labels): which part of each label's examples each user holds."""
    values, totals = np.unique(labels, return_counts=True)
    return (
        np.array([[(labels[partition.of(user)] == value).sum() for value in values] for user in range(len(partition))])
        / totals
    )


@given(st.integers(1, 150), st.data(), st.integers(0, 2**32 - 1))
def test_every_example_belongs_to_exactly_one_user(examples, data, seed):
    users = data.draw(st.integers(1, min(examples, 8)))
    by = data.draw(st.sampled_from([Iid(), Dirichlet(alpha=1.0), NaturalId()]))
    labels = np.array(data.draw(st.lists(st.integers(-5, 5), min_size=examples, max_size=examples)))
    try:
        partition = divide(by, examples, labels, users, seed)
    except InvalidInput:
        assert by.name != "iid"
        return
    assert len(partition) == users
    held = np.concatenate([partition.of(user) for user in range(users)])
    assert np.array_equal(np.sort(held), np.arange(examples))
    assert partition.counts().tolist() == [len(partition.of(user)) for user in range(users)]
    assert min(partition.counts()) >= 1
    assert all(np.all(np.diff(partition.of(user)) > 0) for user in range(users))


@given(st.integers(1, 1000), st.data())
def test_iid_parts_differ_by_one_example_at_most(examples, data):
    users = data.draw(st.integers(1, examples))
    counts = divide(Iid(), examples, None, users, 0).counts()
    assert counts.max() - counts.min() <= 1


def test_iid_parts_are_random_and_belong_to_the_seed():
    one, same, other = (divide(Iid(), 100, None, 4, seed).of(0).tolist() for seed in (1, 1, 2))
    assert one == same != other
    assert one != list(range(25))


def test_iid_users_hold_every_label_in_about_its_own_share():
    found = shares(divide(Iid(), 400, MANY_LABELS, 4, 0), MANY_LABELS)
    assert np.abs(found - 1 / 4).max() < 0.15


@pytest.mark.parametrize("alpha", [0.5, 5.0])
def test_a_users_share_of_a_label_is_distributed_as_dirichlet_says(alpha):
    """One coordinate of Dir(alpha, ..., alpha) over n users follows Beta(alpha, (n - 1) alpha)."""
    users, labels = 4, np.repeat(np.arange(2), 2000)
    drawn = [shares(divide(Dirichlet(alpha=alpha), 4000, labels, users, seed), labels)[0] for seed in range(300)]
    assert kstest(np.ravel(drawn), beta(alpha, (users - 1) * alpha).cdf).pvalue > 1e-3


def test_labels_are_divided_independently_of_each_other():
    labels = np.repeat(np.arange(2), 500)
    drawn = np.array([shares(divide(Dirichlet(alpha=1.0), 1000, labels, 3, seed), labels)[0] for seed in range(300)])
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 4 / np.sqrt(300)


def test_a_small_alpha_makes_users_less_alike_than_a_large_one():
    spread = {alpha: shares(divide(Dirichlet(alpha=alpha), 400, MANY_LABELS, 4, 0), MANY_LABELS).std()
              for alpha in (0.2, 1.0, 100.0)}  # fmt: skip
    assert spread[0.2] > spread[1.0] > spread[100.0]
    assert spread[100.0] < 0.06


@pytest.mark.parametrize("least", [1, 5, 30])
def test_dirichlet_gives_every_user_the_least_number_of_examples(least):
    counts = [divide(Dirichlet(alpha=0.5, min_examples=least), 400, MANY_LABELS, 6, s).counts() for s in range(20)]
    assert np.min(counts) >= least


def test_dirichlet_that_cannot_give_everyone_enough_says_what_to_change():
    with pytest.raises(InvalidInput, match=r"alpha = 0.01.*fewer than 60 .*raise alpha or lower users.count"):
        divide(Dirichlet(alpha=0.01, min_examples=60), 400, MANY_LABELS, 6, 0)


def test_natural_id_gives_each_user_one_label():
    labels = np.array([7, 7, 3, 9, 3, 9, 9])
    partition = divide(NaturalId(), 7, labels, 3, 0)
    assert [set(labels[partition.of(user)]) for user in range(3)] == [{3}, {7}, {9}]
    assert partition.of(2).tolist() == [3, 5, 6]


def test_natural_id_deals_labels_round_robin_when_there_are_fewer_users():
    partition = divide(NaturalId(), 400, MANY_LABELS, 3, 0)
    assert [set(MANY_LABELS[partition.of(user)].tolist()) for user in range(3)] == [{0, 3}, {1}, {2}]


def test_natural_id_shares_a_label_equally_among_its_users():
    labels = np.repeat([0, 1], [90, 40])
    partition = divide(NaturalId(), 130, labels, 5, 0)
    held = [labels[partition.of(user)] for user in range(5)]
    assert all(len(set(found)) == 1 for found in held)
    assert sorted(len(found) for found in held if found[0] == 0) == [30, 30, 30]
    assert sorted(len(found) for found in held if found[0] == 1) == [20, 20]


def test_natural_id_with_too_few_examples_of_a_label_names_the_user_left_empty():
    with pytest.raises(InvalidInput, match=r"natural-id leaves user 3 without examples: lower users.count"):
        divide(NaturalId(), 5, np.array([0, 0, 0, 0, 1]), 4, 0)


def test_more_users_than_examples_are_refused():
    with pytest.raises(InvalidInput, match=r"3 examples for users.count = 4.*lower users.count"):
        divide(Iid(), 3, None, 4, 0)


@pytest.mark.parametrize("by", [Dirichlet(), NaturalId()], ids=lambda by: by.name)
def test_dividing_by_labels_needs_labels(by):
    with pytest.raises(InvalidInput, match=rf"{by.name} divides by labels, but the task gives none: use iid"):
        divide(by, 10, None, 2, 0)


def test_a_wrong_number_of_labels_is_refused():
    with pytest.raises(InvalidInput, match=r"shape \(3,\) .* for 10 training examples"):
        divide(Iid(), 10, np.zeros(3, np.int64), 2, 0)
