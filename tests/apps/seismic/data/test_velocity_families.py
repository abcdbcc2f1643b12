"""The OpenFWI-like velocity maps: bounds, order of the layers, faults, smoothness, seeds."""

import numpy as np
import pytest
from numpy.typing import NDArray

from apps.seismic.data.families import FAMILIES, velocity_maps
from fedray.errors import InvalidInput

every_family = pytest.mark.parametrize("family", FAMILIES)


def maps(family: str, count: int = 40, size: int = 70, seed: int = 0) -> NDArray[np.float32]:
    return velocity_maps(family, count, size, size, np.random.default_rng(seed))


@every_family
@pytest.mark.parametrize("size", [35, 70])
def test_velocities_are_whole_and_within_openfwis_bounds(family: str, size: int) -> None:
    v_NZX = maps(family, size=size)
    assert v_NZX.shape == (40, size, size) and v_NZX.dtype == np.float32
    assert v_NZX.min() >= 1500 and v_NZX.max() <= 4500
    assert (v_NZX == np.rint(v_NZX)).all()
    assert v_NZX.min() < 1700 and v_NZX.max() > 4300


@every_family
def test_maps_depend_on_the_seed_alone(family: str) -> None:
    assert (maps(family) == maps(family)).all()
    assert (maps(family, count=3) == maps(family)[:3]).all()
    assert not (maps(family) == maps(family, seed=1)).all(axis=(1, 2)).any()
    assert len(np.unique(maps(family).reshape(40, -1), axis=0)) == 40


@pytest.mark.parametrize("family", ["flatvel-a", "curvevel-a"])
def test_velocity_increases_with_depth_in_a(family: str) -> None:
    assert (np.diff(maps(family), axis=1) >= 0).all()


@pytest.mark.parametrize("family", ["flatvel-b", "curvevel-b"])
def test_velocity_comes_in_any_order_in_b(family: str) -> None:
    decreases = (np.diff(maps(family), axis=1) < 0).any(axis=(1, 2))
    assert decreases.mean() > 0.7


@pytest.mark.parametrize(("family", "counts"), [("flatvel-a", {2, 3, 4}), ("flatvel-b", {3, 4, 5})])
def test_flat_maps_have_every_allowed_number_of_layers_of_visible_thickness(family: str, counts: set[int]) -> None:
    columns_NZ = maps(family)[:, :, 0]
    assert {len(np.unique(column)) for column in columns_NZ} == counts
    for column in columns_NZ:
        tops = np.flatnonzero(np.diff(column, prepend=0, append=0))
        assert np.diff(tops).min() >= int(0.08 * 70)


def test_flat_layers_are_flat_and_curved_ones_are_not() -> None:
    for family in ("flatvel-a", "flatvel-b"):
        assert (np.diff(maps(family), axis=2) == 0).all()
    for family in ("curvevel-a", "curvevel-b"):
        assert (np.diff(maps(family), axis=2) != 0).any(axis=(1, 2)).all()


@pytest.mark.parametrize("family", ["flatfault-a", "flatfault-b"])
def test_faults_break_flat_layers_into_flat_pieces(family: str) -> None:
    changes_NZX = np.diff(maps(family), axis=2) != 0
    assert changes_NZX.any(axis=(1, 2)).all()
    assert changes_NZX.mean() < 0.05


def test_style_maps_are_smooth_and_b_is_rougher() -> None:
    roughness = [float(np.abs(np.diff(maps(family), axis=2)).mean()) for family in ("style-a", "style-b")]
    assert 20 < roughness[0] < roughness[1] < 200
    assert np.abs(np.diff(maps("style-a"), axis=2)).max() < 600


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="flatvel-a"):
        maps("FlatVel_C")
