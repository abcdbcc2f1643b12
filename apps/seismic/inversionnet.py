"""InversionNet: shot gathers in, a velocity map out, through one vector that sees everything.

Wu & Lin, "InversionNet: An Efficient and Accurate Data-Driven Full Waveform Inversion", IEEE Transactions on
Computational Imaging 6, 2020, doi:10.1109/TCI.2019.2956866; layer by layer as released with OpenFWI (Deng et al.,
NeurIPS 2022, arXiv:2111.02926): 24,409,123 parameters and 2.094 GMAC an example with batch normalisation.
"""

from math import ceil
from typing import Literal

from torch import Tensor, nn

from fedray.errors import InvalidInput

Norm = Literal["bn", "gn", "none"]
Size = int | tuple[int, int]


def normalisation(norm: Norm, channels: int) -> nn.Module:
    """Batch normalisation, group normalisation in groups of at most 16 channels, or none."""
    match norm:
        case "bn":
            return nn.BatchNorm2d(channels)
        case "gn":
            return nn.GroupNorm(_groups(channels), channels)
        case "none":
            return nn.Identity()


def _groups(channels: int) -> int:
    return next(groups for groups in range(ceil(channels / 16), channels + 1) if channels % groups == 0)


def conv(c_in: int, c_out: int, norm: Norm, kernel: Size = 3, stride: Size = 1, pad: Size = 1) -> nn.Sequential:
    """Convolution, normalisation, LeakyReLU(0.2)."""
    layer = nn.Conv2d(c_in, c_out, kernel, stride, pad)
    return nn.Sequential(layer, normalisation(norm, c_out), nn.LeakyReLU(0.2))


def deconv(c_in: int, c_out: int, norm: Norm, kernel: Size = 4, stride: Size = 2, pad: Size = 1) -> nn.Sequential:
    """Transposed convolution, which doubles the map by default, normalisation, LeakyReLU(0.2)."""
    layer = nn.ConvTranspose2d(c_in, c_out, kernel, stride, pad)
    return nn.Sequential(layer, normalisation(norm, c_out), nn.LeakyReLU(0.2))


def head(c_in: int, norm: Norm) -> nn.Sequential:
    """The last layer: one channel in [-1, 1].

    Over a single channel group normalisation would remove each map's mean velocity: only "bn" normalises here.
    """
    return nn.Sequential(nn.Conv2d(c_in, 1, 3, 1, 1), normalisation("bn" if norm == "bn" else "none", 1), nn.Tanh())


def check_gathers(data_BSTR: Tensor, shape: tuple[int, int, int]) -> None:
    """Raises ``InvalidInput`` unless each example has this (shots, time samples, receivers)."""
    if tuple(data_BSTR.shape[1:]) != shape:
        raise InvalidInput(
            f"Gathers of shape {tuple(data_BSTR.shape[1:])} do not fit the network, which takes (shots, time samples, "
            f"receivers) = {shape}: choose the model that belongs to the survey."
        )


class InversionNet(nn.Module):
    """(B, 5, 1000, 70) normalised gathers to (B, 1, 70, 70) velocities in [-1, 1]. ``norm="bn"`` is the original."""

    input_shape = (5, 1000, 70)

    def __init__(self, norm: Norm = "bn") -> None:
        super().__init__()
        self.encoder = nn.Sequential(*_encoder(norm))
        self.decoder = nn.Sequential(*_decoder(norm))
        self.head = head(32, norm)

    def forward(self, data_BSTR: Tensor) -> Tensor:
        """Raises InvalidInput for gathers of another survey."""
        check_gathers(data_BSTR, self.input_shape)
        features_BCZX: Tensor = self.decoder(self.encoder(data_BSTR))
        velocity_B1ZX: Tensor = self.head(features_BCZX[:, :, 5:-5, 5:-5])
        return velocity_B1ZX


def _encoder(norm: Norm) -> list[nn.Module]:
    """Halves time until it is about as fine as the receivers, then both, then reads the whole map at once."""
    layers: list[nn.Module] = [conv(5, 32, norm, (7, 1), (2, 1), (3, 0))]
    for c_in, c_out in ((32, 64), (64, 64), (64, 128)):
        layers.append(conv(c_in, c_out, norm, (3, 1), (2, 1), (1, 0)))
        layers.append(conv(c_out, c_out, norm, (3, 1), 1, (1, 0)))
    for c_in, c_out in ((128, 128), (128, 256), (256, 256)):
        layers += [conv(c_in, c_out, norm, stride=2), conv(c_out, c_out, norm)]
    return [*layers, conv(256, 512, norm, (8, 9), pad=0)]


def _decoder(norm: Norm) -> list[nn.Module]:
    """From the vector to 5 x 5, and doubling up to 80 x 80."""
    layers: list[nn.Module] = [deconv(512, 512, norm, 5, pad=0), conv(512, 512, norm)]
    for c_in, c_out in ((512, 256), (256, 128), (128, 64), (64, 32)):
        layers += [deconv(c_in, c_out, norm), conv(c_out, c_out, norm)]
    return layers
