"""Federated averaging against the equations of its papers."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from fedray.architectures.cohorts import cut_cohorts
from fedray.data.partition import Dirichlet, Iid, divide
from fedray.layers.messages import CohortOrder
from fedray.layers.node import Node, NodeSetup
from fedray.layers.server import Server
from fedray.strategies import FedAvg
from fedray.training.settings import TrainingSettings

WEIGHTS = st.floats(-10, 10, width=32)


@given(st.data(), st.integers(1, 6), st.integers(1, 5))
def test_merging_is_the_weighted_mean_of_mcmahans_algorithm_1(data, users, size):
    """w <- sum_k (n_k / n) w_k, in float64."""
    global_weights = data.draw(arrays(np.float32, size, elements=WEIGHTS))
    local = data.draw(arrays(np.float32, (users, size), elements=WEIGHTS))
    examples = np.array(data.draw(st.lists(st.integers(1, 1000), min_size=users, max_size=users)))
    strategy = FedAvg()
    counts = [strategy.client_weight(int(count)) for count in examples]
    update_sum = sum(n * (w - global_weights.astype(np.float64)) for n, w in zip(counts, local, strict=True))
    merged = strategy.merge(global_weights, update_sum.astype(np.float32), sum(counts))
    expected = (examples / examples.sum()) @ local.astype(np.float64)
    assert merged.dtype == np.float32
    assert np.allclose(merged, expected, rtol=1e-5, atol=2e-5)


def test_the_server_learning_rate_scales_the_mean_update_as_in_reddi():
    """w <- w + eta * sum_k n_k (w_k - w) / sum_k n_k (Reddi et al. 2021, Algorithm 1)."""
    weights, update_sum = np.array([1.0, -2.0], np.float32), np.array([30.0, 6.0], np.float32)
    merged = FedAvg(server_learning_rate=0.5).merge(weights, update_sum, 60.0)
    assert merged == pytest.approx([1.0 + 0.5 * 0.5, -2.0 + 0.5 * 0.1])


def test_merging_leaves_its_arguments_as_they_were():
    weights, update_sum = np.ones(3, np.float32), np.full(3, 2.0, np.float32)
    FedAvg().merge(weights, update_sum, 2.0)
    assert weights.tolist() == [1.0] * 3 and update_sum.tolist() == [2.0] * 3


@pytest.mark.parametrize("partition", [Iid(), Dirichlet(alpha=0.3)], ids=lambda by: by.name)
def test_one_full_batch_step_of_unequal_users_is_one_full_batch_step_over_all_data(make_app, partition):
    """FedSGD (McMahan et al. 2017, section 2): with E = 1 and B = infinity, averaging is centralised SGD."""
    users, rate, rounds = 7, 0.5, 3
    app = make_app(recipe={"task": {"examples": 100, "hidden": 16}})
    parts = divide(partition, 100, np.arange(100) % 2, users, seed=4)
    node = Node(
        NodeSetup(
            app_folder=app,
            task_options={"examples": 100, "hidden": 16},
            training=TrainingSettings(batch_size=1000, learning_rate=rate),
            strategy=FedAvg(),
            partition=parts,
            seed=0,
            rounds=rounds,
            threads=1,
            evaluation_batch=10,
            ledger=None,
        ),
        "node-0",
    )
    reference = centralised(app, rate)
    server = Server(reference.weights(), FedAvg())
    for round in range(1, rounds + 1):
        cohorts = cut_cohorts(round, range(users), 3, parts.counts())
        server.open_round(len(cohorts))
        for cohort in cohorts:
            server.receive(node.train_cohort(CohortOrder(round, cohort.cohort, cohort.users, ""), server.weights))
        totals = server.close_round()
        assert totals.train_loss == pytest.approx(reference.step(), abs=1e-6)
        assert np.abs(server.weights - reference.weights()).max() < 1e-6
    assert len(set(parts.counts())) > 1, "the users should have unequal numbers of examples"


def centralised(app, rate: float) -> SimpleNamespace:
    """Plain PyTorch: the whole training set, one SGD step at a time."""
    from fedray.app import App
    from fedray.layers.node import initial_model

    task_class = App.find(app).load_task()
    task = task_class(task_class.Options(examples=100, hidden=16))
    module = initial_model(task, 0).module
    plain = task.model()
    plain.load_state_dict(module.state_dict())
    points, classes = task.train_data().tensors

    def step() -> float:
        loss = nn.functional.cross_entropy(plain(points), classes)
        with torch.no_grad():
            for value, slope in zip(plain.parameters(), torch.autograd.grad(loss, plain.parameters()), strict=True):
                value -= rate * slope
        return loss.item()

    def weights() -> np.ndarray:
        return torch.cat([value.detach().flatten() for value in plain.parameters()]).numpy()

    return SimpleNamespace(step=step, weights=weights)
