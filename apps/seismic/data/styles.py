"""Smooth natural-looking maps, standing in for OpenFWI's Style families (photographs in the style of Marmousi)."""

import numpy as np
from numpy.typing import NDArray

from .layers import V_MAX, V_MIN

Array = NDArray[np.float64]


def smooth_field(nz: int, nx: int, sigma: float, rng: np.random.Generator) -> Array:
    """(nz, nx) Gaussian random field of zero mean and unit deviation, smoothed over ``sigma`` of the height.

    Filtered in the wavenumber domain on a doubled grid, whose wrap-around the returned quarter does not show.
    """
    spectrum = np.fft.rfft2(rng.standard_normal((2 * nz, 2 * nx)))
    kz, kx = np.fft.fftfreq(2 * nz)[:, None] * nz, np.fft.rfftfreq(2 * nx) * nx
    spectrum *= np.exp(-2 * (np.pi * sigma) ** 2 * (kz**2 + kx**2))
    field = np.fft.irfft2(spectrum, s=(2 * nz, 2 * nx))[:nz, :nx]
    standardised: Array = (field - field.mean()) / field.std()
    return standardised


def style_map(nz: int, nx: int, coarse: float, fine: float, detail: float, rng: np.random.Generator) -> Array:
    """(nz, nx) m/s: a ``coarse`` field plus ``detail`` times a ``fine`` one, stretched over most velocities."""
    field = smooth_field(nz, nx, coarse, rng) + detail * smooth_field(nz, nx, fine, rng)
    low, high = np.quantile(field, [0.02, 0.98])
    slowest, fastest = rng.uniform(V_MIN, V_MIN + 700), rng.uniform(V_MAX - 1200, V_MAX)
    stretched: Array = slowest + np.clip((field - low) / (high - low), 0, 1) * (fastest - slowest)
    return stretched
