"""How far a predicted velocity map is from the truth: MAE, RMSE and SSIM, per example.

As OpenFWI reports them (Deng et al., arXiv:2111.02926): errors on the normalised [-1, 1] scale, and SSIM (Wang et al.,
IEEE Transactions on Image Processing 13(4), 2004, equation 13) on maps brought to [0, 1], with an 11 x 11 Gaussian
window of sigma 1.5 and zero padding. Errors are also given in m/s, in which the normalised scale is 1500 a unit.
"""

from collections.abc import Mapping
from math import sqrt
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d

Padding = Literal["zero", "valid"]
METRES_PER_SECOND = 1500.0
"""m/s in one unit of the normalised scale: 1500..4500 m/s is -1..1."""
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def map_errors(predicted_B1ZX: Tensor, true_B1ZX: Tensor) -> dict[str, Tensor]:
    """``mae``, ``mse`` and ``ssim`` of each example, each (B,), of normalised maps."""
    difference_B1ZX = predicted_B1ZX - true_B1ZX
    return {
        "mae": difference_B1ZX.abs().mean((1, 2, 3)),
        "mse": difference_B1ZX.square().mean((1, 2, 3)),
        "ssim": ssim(predicted_B1ZX / 2 + 0.5, true_B1ZX / 2 + 0.5),
    }


def report(means: Mapping[str, float]) -> dict[str, float]:
    """From means of ``map_errors`` over a test set to what is reported: a root mean square, and m/s."""
    mae, rmse = means["mae"], sqrt(means["mse"])
    return {
        "mae": mae,
        "rmse": rmse,
        "ssim": means["ssim"],
        "mae_mps": mae * METRES_PER_SECOND,
        "rmse_mps": rmse * METRES_PER_SECOND,
    }


def ssim(a_B1ZX: Tensor, b_B1ZX: Tensor, padding: Padding = "zero") -> Tensor:
    """(B,) mean structural similarity of maps in [0, 1].

    ``zero`` pads the maps with zeros so that every cell has its window, as OpenFWI does; ``valid`` averages over the
    cells whose window lies inside the map.
    """
    pad = WINDOW // 2 if padding == "zero" else 0
    a_B1ZX, b_B1ZX = a_B1ZX.double(), b_B1ZX.double()
    window_11KK = _gaussian_window().to(a_B1ZX.device)
    moments_B5ZX = torch.cat([a_B1ZX, b_B1ZX, a_B1ZX**2, b_B1ZX**2, a_B1ZX * b_B1ZX], dim=1)
    local_B5ZX = conv2d(moments_B5ZX, window_11KK.expand(5, 1, -1, -1), padding=pad, groups=5)
    mean_a, mean_b, square_a, square_b, product = local_B5ZX.unbind(1)
    variances = square_a - mean_a**2 + square_b - mean_b**2
    covariance = product - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covariance + C2) / (variances + C2)
    return (luminance * structure).mean((1, 2)).float()


def _gaussian_window() -> Tensor:
    """(1, 1, WINDOW, WINDOW), summing to 1."""
    offset_K = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weight_K = torch.exp(-(offset_K**2) / (2 * SIGMA**2))
    weight_KK = torch.outer(weight_K, weight_K)
    return (weight_KK / weight_KK.sum())[None, None]
