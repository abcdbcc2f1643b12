"""The server adds what arrives in whatever order to the same bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedray.layers.messages import CohortResult, UserReport
from fedray.layers.server import Server
from fedray.strategies import FedAvg

SIZE, COHORTS = 50, 8


def results(seed: int) -> list[CohortResult]:
    """Partial sums of very different sizes, whose float sum depends on the order of addition."""
    rng = np.random.default_rng(seed)
    made = []
    for cohort in range(COHORTS):
        users = rng.integers(1, 4)
        counts, losses = rng.integers(1, 50, users), rng.uniform(0, 3, users)
        reports = tuple(UserReport(cohort * 10 + k, int(counts[k]), float(losses[k])) for k in range(users))
        update = (rng.normal(0, 1, SIZE) * 10.0 ** rng.integers(-4, 4)).astype(np.float32)
        made.append(CohortResult(cohort, update, float(counts.sum()), reports, 0.1))
    return made


def server() -> Server:
    server = Server(np.linspace(-1, 1, SIZE, dtype=np.float32), FedAvg())
    server.open_round(COHORTS)
    return server


@given(st.permutations(range(COHORTS)), st.integers(0, 1000))
def test_any_order_of_arrival_gives_bitwise_equal_weights_and_totals(order, seed):
    sent = results(seed)
    in_order, shuffled = server(), server()
    for cohort in range(COHORTS):
        in_order.receive(sent[cohort])
        shuffled.receive(sent[order[cohort]])
    assert in_order.close_round() == shuffled.close_round()
    assert in_order.weights.tobytes() == shuffled.weights.tobytes()


def test_the_order_of_float_addition_would_matter_otherwise():
    updates = [result.update_sum for result in results(0)]
    assert sum(updates).tobytes() != sum(reversed(updates)).tobytes()


def test_a_closed_round_moves_the_weights_by_the_weighted_mean_update():
    sent, one = results(3), server()
    before = one.weights.astype(np.float64)
    for result in sent:
        one.receive(result)
    one.close_round()
    total = sum(result.update_sum.astype(np.float64) for result in sent)
    examples = sum(report.examples for result in sent for report in result.reports)
    assert np.allclose(one.weights, before + total / examples, rtol=1e-5, atol=1e-6)


def test_a_rounds_totals_count_examples_bytes_and_the_mean_loss_over_examples():
    sent, one = results(5), server()
    for result in reversed(sent):
        one.receive(result)
    totals = one.close_round()
    reports = [report for result in sent for report in result.reports]
    counts = np.array([report.examples for report in reports])
    assert totals.reports == tuple(reports)
    assert totals.examples == counts.sum()
    assert totals.train_loss == pytest.approx(np.average([report.loss for report in reports], weights=counts))
    assert totals.bytes_up == COHORTS * SIZE * 4


def test_a_round_starts_from_nothing_that_an_earlier_one_left():
    twice, once = server(), server()
    for result in results(1):
        twice.receive(result)
    twice.close_round()
    once.weights = twice.weights
    for one in (twice, once):
        one.open_round(COHORTS)
        for result in results(2):
            one.receive(result)
    assert twice.close_round() == once.close_round()
    assert twice.weights.tobytes() == once.weights.tobytes()


def test_adding_up_never_writes_into_a_partial_sum():
    """Partial sums may lie in shared memory that cannot be written."""
    one = server()
    for result in results(0):
        result.update_sum.setflags(write=False)
        one.receive(result)
    one.close_round()


def test_a_round_cannot_close_while_a_cohort_is_missing():
    one = server()
    for result in results(0)[:-1]:
        one.receive(result)
    with pytest.raises(AssertionError):
        one.close_round()
