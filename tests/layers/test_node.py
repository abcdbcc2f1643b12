"""What a node sends: partial sums, evaluations and signed statements, each worked out again here."""

from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

import ledger
from fedray.app import App
from fedray.data.examples import examples_of
from fedray.data.partition import Dirichlet, divide
from fedray.layers.messages import CohortOrder
from fedray.layers.node import Node, NodeSetup, initial_model
from fedray.layers.server import Server
from fedray.strategies import FedAvg
from fedray.training.flat_model import FlatModel
from fedray.training.local import LocalTraining, train_locally
from fedray.training.settings import TrainingSettings
from ledger.statements import check_signature

USERS, SECRET, LOG = 6, bytes(range(32)), "example.org/run"
PARENT = sha256(b"parent").hexdigest()
TRAINING = TrainingSettings(batch_size=8, local_epochs=2, learning_rate=0.1)
PARTITION = divide(Dirichlet(alpha=1.0), 60, np.arange(60) % 2, USERS, seed=0)

NORMALISED = """
class Normalised(Blobs):
    def model(self):
        norm = nn.BatchNorm1d(16, momentum=None)  # a cumulative mean: it depends on the count of batches so far
        return nn.Sequential(nn.Linear(2, 16), norm, nn.ReLU(), nn.Linear(16, 2))
"""
FROZEN = """
class Frozen(Blobs):
    def model(self):
        model = nn.Sequential(nn.Linear(2, 500), nn.Tanh(), nn.Linear(500, 2))
        model[0].requires_grad_(False)
        return model
"""
DROPPING = """
class Dropping(Blobs):
    def model(self):
        model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))  # equal scores, unless one is dropped
        nn.init.zeros_(model[0].weight), nn.init.ones_(model[0].bias)
        return model
"""
BROKEN = """
class Broken(Blobs):
    def loss(self, model, batch):
        raise KeyError("no such thing")
"""
UNEVEN = """
class Uneven(Blobs):
    def test_data(self):
        return blobs(11, seed=1)
"""


@pytest.fixture
def make_node(make_app) -> Callable[..., Node]:
    folders = {}

    def make(code: str = "", task: str = "Blobs", name: str = "node-0", **changes) -> Node:
        if task not in folders:
            folders[task] = make_app(code, task=task, name=task.lower())
        setup = {
            "app_folder": folders[task],
            "task_options": {"examples": 60},
            "training": TRAINING,
            "strategy": FedAvg(),
            "partition": PARTITION,
            "seed": 0,
            "rounds": 4,
            "threads": 1,
            "evaluation_batch": 7,
            "log": LOG,
            "secret": SECRET,
        }
        return Node(NodeSetup(**(setup | changes)), name)

    make.folders = folders
    return make


def load_task(folder):
    return App.find(folder).load_task()()


def start_of(folder) -> np.ndarray:
    return initial_model(load_task(folder), 0).copy()


def trained_alone(folder, user: int, round: int, weights: np.ndarray) -> FlatModel:
    """One user's training, on a model that nobody else has used."""
    task = load_task(folder)
    model = initial_model(task, 0)
    model.load(weights)
    data = examples_of(task.train_data())
    train_locally(task, model, data, PARTITION.of(user), TRAINING, LocalTraining(0, round, 4, user))
    return model


def order(*users: int, round: int = 2, register: tuple[int, ...] = ()) -> CohortOrder:
    return CohortOrder(round, 1, users, PARENT, register)


def test_a_partial_sum_is_the_sum_of_weighted_updates(make_node):
    """sum_k n_k (w_k - w) in numpy float64, over users trained one by one on models of their own."""
    node = make_node()
    folder = make_node.folders["Blobs"]
    start = start_of(folder)
    result = node.train_cohort(order(0, 2, 3, 5), start)
    expected = np.zeros(len(start))
    for user in (0, 2, 3, 5):
        local = trained_alone(folder, user, 2, start).copy().astype(np.float64)
        expected += len(PARTITION.of(user)) * (local - start)
    count = sum(len(PARTITION.of(user)) for user in (0, 2, 3, 5))
    assert result.update_sum.dtype == np.float32
    assert np.allclose(result.update_sum, expected, rtol=0, atol=count * np.abs(start).max() * np.finfo("f4").eps)
    assert np.abs(expected).max() > 1, "the users should have learned something"
    assert result.weight_sum == count
    assert [(report.user, report.examples) for report in result.reports] == [
        (user, len(PARTITION.of(user))) for user in (0, 2, 3, 5)
    ]


def test_a_users_update_does_not_depend_on_whom_its_node_trained_before(make_node):
    """Else the same run would give other weights on another number of workers."""
    whole = TrainingSettings(batch_size=60, local_epochs=2)
    busy, fresh = (make_node(NORMALISED, "Normalised", training=whole) for _ in range(2))
    start = start_of(make_node.folders["Normalised"])
    busy.train_cohort(order(0, 1), start)
    ours, theirs = busy.train_cohort(order(4), start), fresh.train_cohort(order(4), start)
    assert ours.update_sum.tobytes() == theirs.update_sum.tobytes()
    assert update_digests(ours) == update_digests(theirs)


def test_frozen_weights_are_not_moved_by_averaging(make_node):
    node = make_node(FROZEN, "Frozen")
    model = initial_model(load_task(make_node.folders["Frozen"]), 0)
    start = model.copy()
    server = Server(start, FedAvg())
    for round in (1, 2):
        server.open_round(1)
        server.receive(node.train_cohort(CohortOrder(round, 0, (0, 1, 2, 3, 4, 5), PARENT), server.weights))
        server.close_round()
    trained = 500 * 2 + 2
    assert not np.array_equal(server.weights[:trained], start[:trained])
    assert np.array_equal(server.weights[trained:], start[trained:])


@pytest.mark.parametrize("shards", [1, 2, 3, 11, 15])
def test_evaluation_shards_sum_to_the_whole_test_set(make_node, shards):
    node = make_node(UNEVEN, "Uneven")
    folder = make_node.folders["Uneven"]
    weights = start_of(folder)
    parts = [node.evaluate(shard, shards, weights) for shard in range(shards)]
    points, classes = load_task(folder).test_data().tensors
    model = initial_model(load_task(folder), 0)
    with torch.no_grad():
        scores = model.module(points).numpy().astype(np.float64)
    right = (scores.argmax(1) == classes.numpy()).sum()
    losses = np.log(np.exp(scores).sum(1)) - scores[np.arange(11), classes.numpy()]
    assert sum(part.examples for part in parts) == 11
    assert sum(part.sums.get("accuracy", 0) for part in parts) == right
    assert sum(part.sums.get("loss", 0) for part in parts) == pytest.approx(losses.sum(), rel=1e-6)


def test_evaluation_switches_dropout_off(make_node):
    node = make_node(DROPPING, "Dropping")
    weights = start_of(make_node.folders["Dropping"])
    assert node.evaluate(0, 1, weights).sums["loss"] == pytest.approx(30 * np.log(2), rel=1e-6)


def test_evaluation_uses_the_given_weights_and_leaves_no_trace_in_training(make_node):
    whole = TrainingSettings(batch_size=60, local_epochs=2)
    node, other = (make_node(NORMALISED, "Normalised", training=whole) for _ in range(2))
    start = start_of(make_node.folders["Normalised"])
    first, again = node.evaluate(0, 1, start), node.evaluate(0, 1, start)
    assert first == again and first != node.evaluate(0, 1, start * 2)
    assert (
        node.train_cohort(order(1), start).update_sum.tobytes()
        == other.train_cohort(order(1), start).update_sum.tobytes()
    )


def said(result, kind: str) -> list[dict]:
    return [statement.body for statement in result.statements if statement.body["kind"] == kind]


def update_digests(result) -> list[str]:
    return [body["update"] for body in said(result, "update.commit")]


def merkle_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + merkle_root(leaves[:k]) + merkle_root(leaves[k:])).digest()


def sample_digest(point: np.ndarray, label: int) -> bytes:
    """As documented: dtype, shape and little-endian bytes of each tensor."""
    return sha256(
        b"<f4[2]" + point.astype("<f4").tobytes() + b"<i8[]" + int(label).to_bytes(8, "little", signed=True)
    ).digest()


def test_a_user_commits_to_its_data_by_a_root_that_anyone_who_has_it_can_recompute(make_node):
    node = make_node()
    folder = make_node.folders["Blobs"]
    result = node.train_cohort(order(1, 4, register=(4,)), start_of(folder))
    [registered] = said(result, "data.register")
    points, labels = (tensor.numpy() for tensor in load_task(folder).train_data().tensors)
    mine = PARTITION.of(4)
    root = merkle_root([sample_digest(points[index], labels[index]) for index in mine])
    assert registered["user"] == 4
    assert registered["root"] == root.hex()
    assert registered["examples"] == len(mine)


def test_a_user_claims_its_update_by_the_digest_of_the_weights_it_trained(make_node):
    node = make_node()
    folder = make_node.folders["Blobs"]
    start = start_of(folder)
    result = node.train_cohort(order(0, 3), start)
    for body, user in zip(said(result, "update.commit"), (0, 3), strict=True):
        plain = nn.Linear(2, 2)
        plain.load_state_dict(trained_alone(folder, user, 2, start).state_dict())
        assert body["update"] == sha256(save(plain.state_dict())).hexdigest()
        assert (body["user"], body["round"], body["parent"]) == (user, 2, PARENT)
        assert body["examples"] == len(PARTITION.of(user))


def test_a_node_reports_its_work_and_everybody_signs_with_a_key_of_their_own(make_node):
    node = make_node(name="node-7")
    result = node.train_cohort(order(0, 3, register=(0, 3)), start_of(make_node.folders["Blobs"]))
    for statement in result.statements:
        check_signature(statement)
    [report] = said(result, "compute.report")
    assert (report["node"], report["round"], report["cohort"], report["users"]) == ("node-7", 2, 1, 2)
    assert report["examples"] == len(PARTITION.of(0)) + len(PARTITION.of(3))
    assert 0 < report["seconds_us"] == pytest.approx(result.seconds * 1e6, abs=1)
    who = {(body.body["kind"], body.body.get("user")): body.body["who"] for body in result.statements}
    assert who["data.register", 0] == who["update.commit", 0] != who["data.register", 3] == who["update.commit", 3]
    assert report["who"] not in (who["update.commit", 0], who["update.commit", 3])


def test_the_statements_of_a_cohort_make_a_round_that_a_ledger_verifies(make_node, tmp_path):
    node = make_node()
    result = node.train_cohort(order(0, 3, 5, round=1, register=(0, 3, 5)), start_of(make_node.folders["Blobs"]))
    key, code = ledger.SigningKey.generate(), sha256(b"code").hexdigest()
    model = sha256(b"merged").hexdigest()
    count = sum(report.examples for report in result.reports)
    with ledger.Ledger.create(tmp_path / "ledger", LOG, key, run="run", recipe=code, created_by="test") as book:
        book.append([ledger.sign(key, "algorithm.publish", LOG, app="a", code=code, recipe=code, model=PARENT)])
        book.append(result.statements)
        close = {"round": 1, "updates": 3, "examples": count, "parent": PARENT, "model": model}
        book.append([ledger.sign(key, "round.close", LOG, **close)])
    report = ledger.verify(tmp_path / "ledger")
    assert report.ok, report.problems
    assert report.kinds["update.commit"] == report.kinds["data.register"] == 3


def test_a_node_without_a_secret_states_nothing_and_trains_the_same(make_node):
    silent, signing = make_node(secret=None), make_node()
    start = start_of(make_node.folders["Blobs"])
    quiet, loud = (node.train_cohort(order(0, 1, register=(0, 1)), start) for node in (silent, signing))
    assert quiet.statements == ()
    assert quiet.update_sum.tobytes() == loud.update_sum.tobytes()


def test_an_exception_of_the_task_is_noted_with_user_and_round(make_node):
    node = make_node(BROKEN, "Broken")
    with pytest.raises(KeyError) as caught:
        node.train_cohort(order(4), start_of(make_node.folders["Broken"]))
    assert caught.value.__notes__ == ["user 4 in round 2"]


def test_a_node_trains_the_same_whatever_the_global_random_state(make_node):
    node = make_node()
    start = start_of(make_node.folders["Blobs"])
    sums = []
    for disturbance in range(3):
        torch.manual_seed(disturbance)
        np.random.seed(disturbance)
        sums.append(node.train_cohort(order(0, 1), start).update_sum.tobytes())
    assert all(one == other for one, other in pairwise(sums))


def test_the_initial_model_depends_on_the_seed_alone(make_app):
    task = load_task(make_app())
    one, same, other = initial_model(task, 1), initial_model(task, 1), initial_model(task, 2)
    assert one.copy().tobytes() == same.copy().tobytes() != other.copy().tobytes()
