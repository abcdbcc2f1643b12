"""Velocity maps like those of the ten OpenFWI families (Deng et al., arXiv:2111.02926, section 3), from a seed.

"-like" is meant: OpenFWI's data may not be redistributed, so these maps follow its description (flat and curved layers,
faults, style), not its files. In family A velocity increases with depth and structure is simple; in B velocities come
in any order and there are more layers, faults and detail. All velocities are whole m/s between 1500 and 4500.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedray.errors import InvalidInput

from .faults import unfault
from .layers import FLAT, V_MAX, V_MIN, Curve, interface_depths, layer_velocities, undulation
from .styles import style_map


@dataclass(frozen=True)
class LayeredFamily:
    """Layers, flat or curved, cut by faults. Ranges include both ends."""

    layers: tuple[int, int]
    increasing: bool
    curve: Curve = FLAT
    faults: tuple[int, int] = (0, 0)

    def map(self, nz: int, nx: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """(nz, nx) m/s."""
        z_ZX, x_ZX = np.meshgrid((np.arange(nz) + 0.5) / nz, (np.arange(nx) + 0.5) / nx, indexing="ij")
        layers = int(rng.integers(*self.layers, endpoint=True))
        velocity, tops = layer_velocities(layers, self.increasing, rng), interface_depths(layers, rng)
        z_ZX, x_ZX = unfault(z_ZX, x_ZX, tops, int(rng.integers(*self.faults, endpoint=True)), rng)
        depth_ZX = z_ZX - undulation(x_ZX, self.curve, rng)
        return velocity[np.searchsorted(tops, depth_ZX)]


@dataclass(frozen=True)
class StyleFamily:
    """Smooth fields; scales are fractions of the height."""

    coarse: float
    fine: float
    detail: float

    def map(self, nz: int, nx: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """(nz, nx) m/s."""
        return style_map(nz, nx, self.coarse, self.fine, self.detail, rng)


CURVE_A = Curve(amplitude=(0.02, 0.12), cycles=(0.5, 1.5))
CURVE_B = Curve(amplitude=(0.02, 0.20), cycles=(0.5, 3.0))

_RECIPES: dict[str, LayeredFamily | StyleFamily] = {
    "flatvel-a": LayeredFamily(layers=(2, 4), increasing=True),
    "flatvel-b": LayeredFamily(layers=(3, 5), increasing=False),
    "curvevel-a": LayeredFamily(layers=(2, 4), increasing=True, curve=CURVE_A),
    "curvevel-b": LayeredFamily(layers=(3, 5), increasing=False, curve=CURVE_B),
    "flatfault-a": LayeredFamily(layers=(2, 4), increasing=True, faults=(1, 1)),
    "flatfault-b": LayeredFamily(layers=(3, 5), increasing=False, faults=(2, 3)),
    "curvefault-a": LayeredFamily(layers=(2, 4), increasing=True, faults=(1, 1), curve=CURVE_A),
    "curvefault-b": LayeredFamily(layers=(3, 5), increasing=False, faults=(2, 3), curve=CURVE_B),
    "style-a": StyleFamily(coarse=0.16, fine=0.06, detail=0.3),
    "style-b": StyleFamily(coarse=0.10, fine=0.04, detail=0.4),
}
FAMILIES = tuple(_RECIPES)


def velocity_maps(family: str, count: int, nz: int, nx: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(count, nz, nx) whole m/s in [1500, 4500]; the first maps of a generator do not depend on ``count``.

    Raises ``InvalidInput`` for an unknown family.
    """
    if family not in _RECIPES:
        raise InvalidInput(f"There is no family {family!r}: choose from {', '.join(FAMILIES)}.")
    maps = np.empty((count, nz, nx), dtype=np.float32)
    for number in range(count):
        maps[number] = np.rint(_RECIPES[family].map(nz, nx, rng)).clip(V_MIN, V_MAX)
    return maps
