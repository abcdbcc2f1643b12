"""What a node sends: partial sums, evaluations and signed statements, each worked out again here."""

from base64 import b64encode
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
from fedray.layers.messages import CohortOrder, CommitProof, RevealOrder
from fedray.layers.node import Node, NodeSetup, initial_model
from fedray.layers.participants import LedgerAccess
from fedray.layers.server import Server
from fedray.strategies import FedAvg
from fedray.training.flat_model import FlatModel
from fedray.training.local import LocalTraining, train_locally
from fedray.training.settings import TrainingSettings
from ledger.folder import LedgerFolder
from ledger.verify import verify_dir

USERS, LOG, RUN = 6, "example.org/log", "blobs-1"
OPERATOR = ledger.SigningKey.from_seed(bytes(32))
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
def make_node(make_app, tmp_path) -> Callable[..., Node]:
    folders = {}
    access = LedgerAccess(LOG, RUN, OPERATOR.who, bytes(range(32)), tmp_path / "participants" / "memory")

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
            "ledger": access,
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
    assert said(ours, "update.commit") == said(theirs, "update.commit")


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


def who_is(result) -> dict[str, str]:
    """Public keys by account name."""
    return {body["name"]: body["who"] for body in said(result, "account.register")}


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
    assert registered["who"] == who_is(result)["user-4"]
    assert registered["root"] == root.hex()
    assert registered["examples"] == len(mine)


def test_a_user_commits_to_its_update_without_showing_its_digest(make_node):
    node = make_node()
    folder = make_node.folders["Blobs"]
    start = start_of(folder)
    result = node.train_cohort(order(0, 3, register=(0, 3)), start)
    for body, user in zip(said(result, "update.commit"), (0, 3), strict=True):
        assert (body["who"], body["round"], body["parent"]) == (who_is(result)[f"user-{user}"], 2, PARENT)
        assert body["examples"] == len(PARTITION.of(user))
        assert update_digest(folder, user, 2, start) not in str(result.statements)


def update_digest(folder, user: int, round: int, start: np.ndarray) -> str:
    """SHA-256 over the safetensors bytes of a plain model with the weights that the user trains on its own."""
    plain = nn.Linear(2, 2)
    plain.load_state_dict(trained_alone(folder, user, round, start).state_dict())
    return sha256(save(plain.state_dict())).hexdigest()


def test_a_node_reports_its_work_and_everybody_signs_with_a_key_of_their_own(make_node):
    node = make_node(name="node-7")
    result = node.train_cohort(order(0, 3, register=(0, 3)), start_of(make_node.folders["Blobs"]))
    for statement in result.statements:
        ledger.check_signature(statement)
    [report] = said(result, "compute.report")
    who = who_is(result)
    assert (report["who"], report["round"], report["cohort"], report["users"]) == (who["node-7"], 2, 1, 2)
    count = len(PARTITION.of(0)) + len(PARTITION.of(3))
    assert (report["examples"], report["work"]) == (count, TRAINING.local_epochs * count)
    assert 0 < report["seconds_us"] == pytest.approx(result.seconds * 1e6, abs=1)
    assert len({who[name] for name in ("user-0", "user-3", "node-7")}) == 3
    assert [body["who"] for body in said(result, "data.register")] == [who["user-0"], who["user-3"]]


def test_a_node_opens_its_account_once(make_node):
    node = make_node()
    start = start_of(make_node.folders["Blobs"])
    first, second = (node.train_cohort(order(user, register=(user,)), start) for user in (0, 1))
    assert set(who_is(first)) == {"user-0", "node-0"} and set(who_is(second)) == {"user-1"}


def test_the_statements_of_a_node_make_a_round_that_a_ledger_verifies(make_node, tmp_path):
    """Trained, recorded, looked at, cosigned and revealed: the reveal is the update that the user trained."""
    node = make_node()
    folder = make_node.folders["Blobs"]
    start, users = start_of(folder), (0, 3, 5)
    result = node.train_cohort(order(*users, round=1, register=users), start)
    with opened_run(tmp_path) as log:
        accounts = [said for said in result.statements if said.body["kind"] == "account.register"]
        others = [said for said in result.statements if said.body["kind"] != "account.register"]
        receipts = log.append_now(*accounts, operator("round.open", round=1, parent=PARENT, users=3), *others)
        log.publish().result()
        head, signed = log.published()
        places = [receipt.index for receipt in receipts if receipt.index >= head.size - len(others)]
        commits = [at for at, said in zip(places, others, strict=True) if said.body["kind"] == "update.commit"]
        proved = LedgerFolder(tmp_path / "ledger").prove(commits, head.size)
        proofs = {user: CommitProof(one.entry, one.place, one.path) for user, one in zip(users, proved, strict=True)}
        revealed = node.reveal(RevealOrder(1, signed, users, proofs))
        close = {"updates": 3, "revealed": 3, "examples": sum(report.examples for report in result.reports)}
        cosignatures = [as_stated(who_is(result)[name], line) for name, line in revealed.cosignatures.items()]
        close |= {"head_size": head.size, "head_root": head.root.hex(), "cosignatures": cosignatures}
        merged = sha256(b"merged").hexdigest()
        log.append_now(*revealed.statements, operator("round.close", round=1, parent=PARENT, model=merged, **close))
    assert [said.body["update"] for said in revealed.statements] == [
        update_digest(folder, user, 1, start) for user in users
    ]
    assert set(revealed.cosignatures) == {"user-0", "user-3", "user-5", "node-0"}
    report = verify_dir(tmp_path / "ledger", keys=tmp_path / "keys")
    assert report.ok, report.problems
    assert report.kinds["update.commit"] == report.kinds["update.reveal"] == report.kinds["data.register"] == 3


def operator(kind: str, **fields: ledger.Value) -> ledger.Statement:
    return ledger.sign(OPERATOR, kind, LOG, run=RUN, **fields)


def opened_run(folder) -> ledger.Log:
    code = sha256(b"code").hexdigest()
    log = ledger.Log.create(folder / "ledger", LOG, OPERATOR, keys=folder / "keys")
    log.append_now(
        ledger.sign(OPERATOR, "genesis", LOG, created_by="test", quorum="all", allocations=[]),
        operator("run.open", recipe=code, created_by="test", staleness=0),
        operator("model.publish", round=0, parent="", model=PARENT),
    )
    return log


def as_stated(who: str, line: ledger.Signature) -> ledger.Value:
    """A cosignature/v1 line as a closing statement carries it: eight bytes of time, then the signature."""
    time = int.from_bytes(line.data[:8], "big")
    return {"who": who, "time": time, "sig": b64encode(line.data[8:]).decode()}


def test_a_node_without_a_ledger_states_nothing_and_trains_the_same(make_node):
    silent, signing = make_node(ledger=None), make_node()
    start = start_of(make_node.folders["Blobs"])
    quiet, loud = (node.train_cohort(order(0, 1, register=(0, 1)), start) for node in (silent, signing))
    assert quiet.statements == () and loud.statements
    assert quiet.update_sum.tobytes() == loud.update_sum.tobytes()


def test_a_node_without_a_ledger_keeps_no_memory_of_one(make_node, tmp_path):
    node = make_node(ledger=None)
    node.train_cohort(order(0), start_of(make_node.folders["Blobs"]))
    assert not (tmp_path / "participants").exists()


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
