"""One flat vector of weights behind any PyTorch model, and that nothing cuts the module off from it."""

import copy

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch import nn

from fedray.errors import InvalidInput
from fedray.run.checkpoint import save_tensors
from fedray.training.flat_model import FlatModel


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv1d(2, 4, 3), nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(24, 3))


def plain_and_flat(seed: int = 0) -> tuple[nn.Module, FlatModel]:
    module = network(seed)
    return copy.deepcopy(module), FlatModel(module)


def assert_linked(model: FlatModel) -> None:
    """Every float entry of the module's state lies inside ``model.weights``, every gradient in ``model.gradient``."""
    entries = [value for value in model.module.state_dict().values() if value.is_floating_point()]
    assert sum(value.numel() for value in entries) == model.weights.numel()
    model.weights.fill_(7.0)
    assert all(bool((value == 7.0).all()) for value in entries)
    model.gradient.fill_(5.0)
    trained = [value for value in model.module.parameters() if value.requires_grad]
    assert all(bool((value.grad == 5.0).all()) for value in trained)
    assert bool((model.parameter.grad == 5.0).all()) and bool((model.parameter == 7.0).all())


def one_step(model: FlatModel, optimizer: torch.optim.Optimizer, x: torch.Tensor) -> None:
    model.zero_grad()
    model.module(x).square().mean().backward()
    optimizer.step()


def test_wrapping_changes_neither_the_weights_nor_what_the_model_computes():
    plain, flat = plain_and_flat()
    x = torch.randn(5, 2, 8)
    assert flat.state_dict().keys() == plain.state_dict().keys()
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in flat.state_dict().items())
    assert torch.equal(plain.eval()(x), flat.module.eval()(x))


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_the_module_stays_a_view_of_its_weights_through_loading_training_and_batch_norm(optimizer):
    _, model = plain_and_flat()
    steps = optimizer([model.parameter], lr=0.01, weight_decay=0.1)
    for _ in range(3):
        model.load(np.random.default_rng(0).normal(0, 0.1, model.weights.numel()).astype(np.float32))
        model.module.train()
        one_step(model, steps, torch.randn(4, 2, 8))
        model.module.eval()
    assert_linked(model)


def test_loaded_weights_are_what_the_module_computes_with():
    _, one = plain_and_flat(seed=1)
    _, other = plain_and_flat(seed=2)
    other.load(one.copy())
    x = torch.randn(5, 2, 8)
    assert torch.equal(one.module.eval()(x), other.module.eval()(x))
    assert one.copy().tobytes() == other.copy().tobytes()


def test_a_copy_of_the_weights_does_not_change_with_the_model():
    _, model = plain_and_flat()
    kept = model.copy()
    before = kept.copy()
    model.weights.zero_()
    assert np.array_equal(kept, before) and kept.any()


def test_running_statistics_of_batch_norm_are_part_of_the_weights():
    plain, flat = plain_and_flat()
    x = torch.randn(16, 2, 8)
    plain.train()(x), flat.module.train()(x)
    for name in ("running_mean", "running_var"):
        expected = getattr(plain[1], name).numpy()
        assert np.allclose(getattr(flat.module[1], name).numpy(), expected)
        at = [i for i in range(len(flat.weights) - 3) if np.allclose(flat.weights[i : i + 4].numpy(), expected)]
        assert len(at) == 1, f"{name} is not in the flat weights"


def test_buffers_that_are_not_saved_are_not_averaged():
    module = nn.Linear(2, 1)
    module.register_buffer("positions", torch.ones(5), persistent=False)
    assert FlatModel(module).weights.numel() == 3


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_frozen_parameters_never_change_even_with_weight_decay(optimizer):
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    module[0].weight.requires_grad_(False)
    frozen = module[0].weight.detach().clone()
    model = FlatModel(module)
    steps = optimizer([model.parameter], lr=0.1, weight_decay=0.5)
    before = module[1].weight.detach().clone()
    for _ in range(3):
        one_step(model, steps, torch.randn(4, 3))
    assert torch.equal(module[0].weight, frozen)
    assert not torch.equal(module[1].weight, before)


class Tied(nn.Module):
    """An output layer that shares its weights with the embedding (Press & Wolf 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.out = nn.Linear(3, 5, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.embed(x))


def test_tied_weights_are_counted_once_and_train_as_in_plain_pytorch():
    plain = Tied()
    model = FlatModel(copy.deepcopy(plain))
    assert model.weights.numel() == 15
    x, y = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 4])
    steps = torch.optim.SGD([model.parameter], lr=0.5, momentum=0.9)
    plain_steps = torch.optim.SGD(plain.parameters(), lr=0.5, momentum=0.9)
    for _ in range(4):
        model.zero_grad()
        nn.functional.cross_entropy(model.module(x), y).backward()
        steps.step()
        plain_steps.zero_grad()
        nn.functional.cross_entropy(plain(x), y).backward()
        plain_steps.step()
    assert model.module.out.weight is model.module.embed.weight
    assert torch.allclose(model.module.out.weight, plain.out.weight, atol=1e-6)


def test_a_model_with_tied_weights_can_be_saved_and_loaded():
    model = FlatModel(Tied())
    data, _ = save_tensors(model.state_dict())
    fresh = Tied()
    fresh.load_state_dict(load(data))
    assert torch.equal(fresh.out.weight, model.module.out.weight)
    assert torch.equal(fresh.embed.weight, model.module.embed.weight)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_that_are_not_float32_are_refused_by_name(dtype):
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).to(dtype))
    with pytest.raises(InvalidInput, match=rf"'1\.weight' is {dtype}.*float32"):
        FlatModel(module)


def test_a_float64_buffer_is_refused_too():
    module = nn.Linear(2, 2)
    module.register_buffer("scale", torch.ones(1, dtype=torch.float64))
    with pytest.raises(InvalidInput, match=r"'scale' is torch\.float64"):
        FlatModel(module)


def test_scalars_and_transposed_weights_keep_their_values_and_shapes():
    module = nn.Module()
    module.scale = nn.Parameter(torch.tensor(3.0))
    module.matrix = nn.Parameter(torch.arange(6.0).reshape(2, 3).T)
    model = FlatModel(module)
    assert module.scale.shape == () and module.scale.item() == 3.0
    assert torch.equal(module.matrix, torch.arange(6.0).reshape(2, 3).T)
    assert_linked(model)


def test_integer_entries_are_left_as_they_are_and_not_averaged():
    module = nn.Linear(2, 1)
    module.register_buffer("table", torch.arange(4))
    model = FlatModel(module)
    model.load(np.zeros(3, np.float32))
    assert model.weights.numel() == 3 and module.table.tolist() == [0, 1, 2, 3]
