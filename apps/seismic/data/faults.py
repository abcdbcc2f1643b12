"""Faults: one side of a dipping line slips along it."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DIP = (30.0, 80.0)
"""Degrees from the horizontal."""
THROW = (0.05, 0.20)
"""Vertical slip, as a fraction of the height."""


def unfault(z_ZX: Array, x_ZX: Array, tops: Array, faults: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Where the rock now at (z, x), in heights and widths, lay before ``faults`` faults moved it.

    Spread evenly over the map, each cuts one of the interfaces ``tops``, leans either way and slips up or down.
    """
    for number in range(faults):
        centre = (number + rng.uniform(0.3, 0.7)) / faults
        dip = np.deg2rad(rng.uniform(*DIP))
        lean, slip = rng.choice([-1.0, 1.0], size=2)
        throw = slip * rng.uniform(*THROW)
        beyond = lean * (x_ZX - centre) * np.tan(dip) > z_ZX - rng.choice(tops)
        z_ZX = np.where(beyond, z_ZX - throw, z_ZX)
        x_ZX = np.where(beyond, x_ZX - throw * lean / np.tan(dip), x_ZX)
    return z_ZX, x_ZX
