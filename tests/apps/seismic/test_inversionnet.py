"""InversionNet is the published network, layer by layer, and refuses gathers it was not made for."""

import pytest
import torch
from torch import Tensor, nn

from apps.seismic.inversionnet import InversionNet, Norm, normalisation
from apps.seismic.mini_inversionnet import MiniInversionNet
from fedray.errors import InvalidInput


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def multiplications(model: nn.Module, shape: tuple[int, int, int]) -> int:
    """MACs of all convolutions for one example: each weight of a (transposed) convolution meets each output (input)."""
    total = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        meets = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        total += layer.weight.numel() * meets[0, 0].numel()

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        model.eval()(torch.zeros(1, *shape))
    return total


def test_the_full_network_has_the_published_size_and_cost() -> None:
    model = InversionNet()
    assert parameters(model) == 24_409_123
    assert round(multiplications(model, InversionNet.input_shape) / 1e9, 3) == 2.094


def test_the_full_network_has_the_published_layers() -> None:
    """The table of OpenFWI's network.py: channels and size after each of the encoder's and decoder's layers."""
    shapes = []
    x = torch.zeros(1, *InversionNet.input_shape)
    model = InversionNet().eval()
    with torch.no_grad():
        for layer in (*model.encoder, *model.decoder):
            x = layer(x)
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [
        (32, 500, 70), *[(64, 250, 70)] * 2, *[(64, 125, 70)] * 2, *[(128, 63, 70)] * 2, *[(128, 32, 35)] * 2,
        *[(256, 16, 18)] * 2, *[(256, 8, 9)] * 2, (512, 1, 1), *[(512, 5, 5)] * 2, *[(256, 10, 10)] * 2,
        *[(128, 20, 20)] * 2, *[(64, 40, 40)] * 2, *[(32, 80, 80)] * 2,
    ]  # fmt: skip


@pytest.mark.parametrize("norm", ["bn", "gn", "none"])
def test_every_normalisation_gives_velocities_between_minus_one_and_one(norm: Norm) -> None:
    data_BSTR = 100 * torch.randn(2, *MiniInversionNet.input_shape)
    velocity_B1ZX = MiniInversionNet(norm)(data_BSTR)
    assert velocity_B1ZX.shape == (2, 1, 35, 35)
    assert velocity_B1ZX.abs().max() <= 1


@pytest.mark.parametrize("norm", ["gn", "none"])
def test_without_batch_normalisation_an_example_does_not_depend_on_its_batch(norm: Norm) -> None:
    model = MiniInversionNet(norm)
    data_BSTR = torch.randn(3, *MiniInversionNet.input_shape)
    torch.testing.assert_close(model(data_BSTR)[:1], model(data_BSTR[:1]), atol=1e-5, rtol=0)


def test_group_normalisation_divides_any_number_of_channels_into_groups_of_at_most_sixteen() -> None:
    for channels in (1, 16, 24, 40, 48, 100, 512):
        layer = normalisation("gn", channels)
        assert isinstance(layer, nn.GroupNorm)
        assert channels / layer.num_groups <= 16


@pytest.mark.parametrize("model", [InversionNet("gn"), MiniInversionNet()])
def test_gathers_of_another_survey_are_refused(model: nn.Module) -> None:
    with pytest.raises(InvalidInput, match=r"\(5, 100, 30\) do not fit"):
        model(torch.zeros(1, 5, 100, 30))


def test_the_same_seed_gives_the_same_weights() -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        weights.append(MiniInversionNet().state_dict())
    first, second = weights
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_mini_network_has_the_size_and_cost_it_claims() -> None:
    model = MiniInversionNet()
    assert round(parameters(model) / 1e6, 2) == 2.37
    assert round(multiplications(model, MiniInversionNet.input_shape) / 1e6, 1) == 14.1
