"""A user's local training against a plain PyTorch loop over the same batches."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from fedray.data.examples import examples_of
from fedray.task import Task
from fedray.training.flat_model import FlatModel
from fedray.training.local import Diverged, LocalTraining, train_locally
from fedray.training.settings import TrainingSettings

WHO = LocalTraining(seed=0, round=2, rounds=5, user=3)
MINE = np.arange(5, 55)


class Recorded:
    """Examples that remember which batches were read."""

    def __init__(self, dataset: TensorDataset) -> None:
        self._examples = examples_of(dataset)
        self.batches: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._examples)

    def batch(self, indices: np.ndarray) -> tuple[torch.Tensor, ...]:
        self.batches.append(indices.copy())
        return self._examples.batch(indices)


class Regression(Task):
    """Fit a small network with batch norm to random targets."""

    def train_data(self) -> TensorDataset:
        rng = np.random.default_rng(0)
        x = rng.normal(size=(60, 4)).astype(np.float32)
        return TensorDataset(torch.from_numpy(x), torch.from_numpy(np.sin(x.sum(1, keepdims=True))))

    test_data = train_data

    def model(self) -> nn.Module:
        # no bias before the norm: its gradient is rounding noise, which Adam would scale up to whole steps
        return nn.Sequential(nn.Linear(4, 16, bias=False), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 1))

    def loss(self, model: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return nn.functional.mse_loss(model(batch[0]), batch[1])


def fresh_model(task: Task) -> FlatModel:
    torch.manual_seed(1)
    return FlatModel(task.model())


def settings(**changes) -> TrainingSettings:
    return TrainingSettings.model_validate({"batch_size": 16, "local_epochs": 3, "learning_rate": 0.05} | changes)


def plain_loop(task: Task, module: nn.Module, batches: list[np.ndarray], make_optimizer) -> list[float]:
    """What a reader of the PyTorch tutorial would write."""
    data = task.train_data()
    optimizer = make_optimizer(module.parameters())
    module.train()
    losses = []
    for indices in batches:
        x, y = (torch.stack(column) for column in zip(*(data[int(index)] for index in indices), strict=True))
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(module(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "sgd momentum decay": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "sgd nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.02, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.3, fused=True),
    "adamw defaults": lambda p: torch.optim.AdamW(p, lr=0.05, fused=True),
}
RECIPES = {
    "sgd": {"name": "sgd"},
    "sgd momentum decay": {"name": "sgd", "momentum": 0.9, "weight_decay": 0.01},
    "sgd nesterov": {"name": "sgd", "momentum": 0.8, "nesterov": True},
    "adam": {"name": "adam", "weight_decay": 0.02},
    "adamw": {"name": "adamw", "betas": [0.8, 0.9], "eps": 1e-6, "weight_decay": 0.3},
    "adamw defaults": {"name": "adamw"},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_local_training_ends_with_the_weights_of_a_plain_loop(name):
    task = Regression()
    model = fresh_model(task)
    plain = copy.deepcopy(fresh_model(task).module)
    examples = Recorded(task.train_data())
    mean_loss = train_locally(task, model, examples, MINE, settings(optimizer=RECIPES[name]), WHO)
    losses = plain_loop(task, plain, examples.batches, OPTIMIZERS[name])
    for key, value in plain.state_dict().items():
        assert torch.allclose(value.float(), model.module.state_dict()[key].float(), atol=1e-6), key
    assert mean_loss == pytest.approx(np.mean(losses), abs=1e-6)


def test_every_epoch_goes_once_through_the_users_examples_in_a_new_order():
    task, examples = Regression(), Recorded(Regression().train_data())
    train_locally(task, fresh_model(task), examples, MINE, settings(), WHO)
    assert [len(batch) for batch in examples.batches] == [16, 16, 16, 2] * 3
    epochs = [np.concatenate(examples.batches[start : start + 4]) for start in (0, 4, 8)]
    assert all(np.array_equal(np.sort(epoch), MINE) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


@pytest.mark.parametrize("other", [LocalTraining(0, 3, 5, 3), LocalTraining(0, 2, 5, 4), LocalTraining(1, 2, 5, 3)])
def test_another_round_user_or_seed_shuffles_differently(other):
    task = Regression()
    orders = []
    for who in (WHO, other, WHO):
        examples = Recorded(task.train_data())
        train_locally(task, fresh_model(task), examples, MINE, settings(local_epochs=1), who)
        orders.append(np.concatenate(examples.batches))
    assert not np.array_equal(orders[0], orders[1])
    assert np.array_equal(orders[0], orders[2])


class OwnStep(Regression):
    """A step of the task's own that clears gradients through the model, as many PyTorch loops do."""

    def train_step(self, model, batch, optimizer):
        model.zero_grad()
        loss = self.loss(model, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1e9)
        optimizer.step()
        return loss.detach()


def test_a_task_whose_step_clears_gradients_through_the_model_trains_the_same():
    """``nn.Module.zero_grad`` drops the gradients by default, which are views of what the optimiser reads."""
    results = []
    for task in (Regression(), OwnStep()):
        model = fresh_model(task)
        train_locally(task, model, examples_of(task.train_data()), MINE, settings(), WHO)
        results.append(model.copy())
    assert np.array_equal(*results)


class Noisy(Regression):
    """Dropout and random augmentation."""

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.5), nn.Linear(16, 1))

    def augment(self, batch, generator):
        return batch[0] + torch.randn(batch[0].shape, generator=generator), batch[1]


def test_dropout_and_augmentation_do_not_depend_on_what_ran_before():
    task, results = Noisy(), []
    for disturbance in (0, 1):
        model = fresh_model(task)
        torch.manual_seed(disturbance)
        torch.rand(disturbance)
        train_locally(task, model, examples_of(task.train_data()), MINE, settings(), WHO)
        results.append(model.copy().tobytes())
    assert results[0] == results[1]


class Rates(Regression):
    """Remembers the learning rate of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def train_step(self, model, batch, optimizer):
        self.rates += [group["lr"] for group in optimizer.param_groups]
        return super().train_step(model, batch, optimizer)


def test_the_learning_rate_follows_the_schedule_over_the_whole_run_step_by_step():
    task, rates, rounds, steps = Rates(), [], 5, 12
    for round in range(1, rounds + 1):
        who = LocalTraining(0, round, rounds, 0)
        recipe = settings(learning_rate=0.2, schedule={"name": "cosine", "final": 0.1})
        train_locally(task, fresh_model(task), examples_of(task.train_data()), MINE, recipe, who)
        rates, task.rates = rates + task.rates, []
    fractions = np.arange(rounds * steps) / (rounds * steps)
    assert rates == pytest.approx(0.2 * (0.1 + 0.9 * (1 + np.cos(np.pi * fractions)) / 2))


class Grown(Regression):
    """A loss that becomes NaN at its third step."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def loss(self, model, batch):
        self.steps += 1
        return super().loss(model, batch) * (float("nan") if self.steps == 3 else 1.0)


def test_a_loss_that_is_not_a_number_ends_training_and_says_where_and_what_to_do():
    task = Grown()
    with pytest.raises(Diverged, match=r"user 3 in round 2 became nan at step 3 of 12; lower training.learning_rate"):
        train_locally(task, fresh_model(task), examples_of(task.train_data()), MINE, settings(), WHO)


def test_examples_that_are_not_numbers_are_named_as_the_cause():
    task, data = Regression(), Regression().train_data()
    data.tensors[0][MINE[7], 2] = float("nan")
    with pytest.raises(Diverged, match="examples hold NaN or infinite values: clean the data"):
        train_locally(task, fresh_model(task), examples_of(data), MINE, settings(), WHO)


def test_bfloat16_arithmetic_trains_float32_weights():
    task, results = Regression(), {}
    for precision in ("float32", "bfloat16"):
        model = fresh_model(task)
        train_locally(task, model, examples_of(task.train_data()), MINE, settings(precision=precision), WHO)
        results[precision] = model.copy()
    assert results["bfloat16"].dtype == np.float32
    assert not np.array_equal(results["float32"], results["bfloat16"])
    assert np.allclose(results["float32"], results["bfloat16"], atol=0.1)
