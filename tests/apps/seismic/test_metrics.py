"""The metrics agree with another library and with their definitions, written out in NumPy and SciPy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_msssim import ssim as msssim
from scipy.ndimage import correlate1d
from torch import Tensor

from apps.seismic.metrics import map_errors, report, ssim


def pairs(size: int = 35) -> tuple[Tensor, Tensor]:
    """Five maps (5, 1, size, size) in [0, 1] and the same ones ever noisier."""
    generator = torch.Generator().manual_seed(0)
    a_B1ZX = torch.rand(5, 1, size, size, generator=generator).cumsum(2) / size
    noise_B1ZX = torch.randn(5, 1, size, size, generator=generator) * torch.linspace(0, 0.3, 5)[:, None, None, None]
    return a_B1ZX, (a_B1ZX + noise_B1ZX).clamp(0, 1)


def wang(a_ZX: NDArray[np.float64], b_ZX: NDArray[np.float64]) -> float:
    """Equation 13 of Wang et al. (2004), with zeros around the maps."""
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()

    def local(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(correlate1d(correlate1d(x, weights, 0, mode="constant"), weights, 1, mode="constant"))

    mean_a, mean_b = local(a_ZX), local(b_ZX)
    var_a, var_b = local(a_ZX * a_ZX) - mean_a**2, local(b_ZX * b_ZX) - mean_b**2
    covariance = local(a_ZX * b_ZX) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((numerator / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def test_ssim_of_a_map_with_itself_is_one() -> None:
    a_B1ZX, _ = pairs()
    torch.testing.assert_close(ssim(a_B1ZX, a_B1ZX), torch.ones(5))


def test_ssim_inside_the_map_agrees_with_pytorch_msssim() -> None:
    a_B1ZX, b_B1ZX = pairs()
    theirs_B = msssim(a_B1ZX.double(), b_B1ZX.double(), data_range=1, size_average=False).float()
    torch.testing.assert_close(ssim(a_B1ZX, b_B1ZX, padding="valid"), theirs_B, atol=1e-6, rtol=0)


def test_zero_padded_ssim_agrees_with_pytorch_msssim_on_padded_maps() -> None:
    a_B1ZX, b_B1ZX = pairs()
    padded = [torch.nn.functional.pad(x.double(), (5, 5, 5, 5)) for x in (a_B1ZX, b_B1ZX)]
    theirs_B = msssim(*padded, data_range=1, size_average=False).float()
    torch.testing.assert_close(ssim(a_B1ZX, b_B1ZX), theirs_B, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [12, 35, 70])
def test_zero_padded_ssim_agrees_with_its_equation(size: int) -> None:
    a_B1ZX, b_B1ZX = pairs(size)
    expected = [wang(a[0].double().numpy(), b[0].double().numpy()) for a, b in zip(a_B1ZX, b_B1ZX, strict=True)]
    np.testing.assert_allclose(ssim(a_B1ZX, b_B1ZX).numpy(), expected, atol=1e-6)


def test_errors_are_on_the_normalised_scale_and_ssim_is_not() -> None:
    a_B1ZX, b_B1ZX = (2 * x - 1 for x in pairs())
    errors = map_errors(a_B1ZX, b_B1ZX)
    difference = (a_B1ZX - b_B1ZX).numpy()
    np.testing.assert_allclose(errors["mae"], np.abs(difference).mean((1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(errors["mse"], (difference**2).mean((1, 2, 3)), rtol=1e-5)
    torch.testing.assert_close(errors["ssim"], ssim(*pairs()), atol=1e-5, rtol=0)


def test_a_tenth_of_the_velocity_range_off_everywhere_is_three_hundred_metres_per_second() -> None:
    errors = map_errors(torch.full((3, 1, 35, 35), 0.2), torch.zeros(3, 1, 35, 35))
    reported = report({name: float(value_B.mean()) for name, value_B in errors.items()})
    assert reported["mae_mps"] == pytest.approx(300)
    assert reported["rmse_mps"] == pytest.approx(300)
    assert reported["mae"] == pytest.approx(0.2)
    assert set(reported) == {"mae", "rmse", "ssim", "mae_mps", "rmse_mps"}
