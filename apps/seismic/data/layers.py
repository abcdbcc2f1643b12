"""Random layer cakes: the depth of every interface and the velocity of every layer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

V_MIN, V_MAX = 1500.0, 4500.0
"""Bounds of all velocities, in m/s, as in OpenFWI."""
MIN_THICKNESS = 0.08
"""Of the height of the map."""
MIN_CONTRAST = 100.0
"""m/s between any two layers of a map, so that every interface can be seen."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Ranges of an undulation: amplitude as a fraction of the height, cycles across the width."""

    amplitude: tuple[float, float]
    cycles: tuple[float, float]


FLAT = Curve(amplitude=(0.0, 0.0), cycles=(0.0, 0.0))


def interface_depths(layers: int, rng: np.random.Generator) -> Array:
    """(layers - 1,) increasing depths, as fractions of the height, that leave every layer ``MIN_THICKNESS``."""
    spare = 1 - layers * MIN_THICKNESS
    thickness = MIN_THICKNESS + spare * rng.dirichlet(np.full(layers, 2.0))
    return np.cumsum(thickness)[:-1]


def layer_velocities(layers: int, increasing: bool, rng: np.random.Generator) -> Array:
    """(layers,) m/s, top first, at least ``MIN_CONTRAST`` apart: ``increasing`` with depth, or in random order."""
    spread = V_MAX - V_MIN - (layers - 1) * MIN_CONTRAST
    velocity = V_MIN + np.sort(rng.uniform(0, spread, layers)) + MIN_CONTRAST * np.arange(layers)
    return velocity if increasing else rng.permutation(velocity)


def undulation(x_ZX: Array, curve: Curve, rng: np.random.Generator) -> Array:
    """How far (in heights) the layers lie deeper at ``x_ZX`` (in widths): a sine of any phase."""
    amplitude, cycles, phase = rng.uniform(*curve.amplitude), rng.uniform(*curve.cycles), rng.uniform(0, 2 * np.pi)
    wave: Array = amplitude * np.sin(2 * np.pi * cycles * x_ZX + phase)
    return wave
