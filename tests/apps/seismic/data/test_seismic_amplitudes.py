"""Normalisation against the formulas of OpenFWI's transforms, written out in numpy."""

import numpy as np
import pytest
import torch

from apps.seismic.data.amplitudes import (
    MINI_AMPLITUDE,
    OFFICIAL,
    amplitude_for,
    normalise_data,
    normalise_velocity,
    restore_data,
    restore_velocity,
)
from apps.seismic.data.families import FAMILIES
from apps.seismic.physics.geometry import MINI, OPENFWI
from fedray.errors import InvalidInput

PRESSURE = np.linspace(-30, 60, 1001, dtype=np.float32)


@pytest.mark.parametrize("family", FAMILIES)
def test_data_are_normalised_as_openfwi_does(family: str) -> None:
    """T.LogTransform(k=1), then T.MinMaxNormalize(log_transform(data_min), log_transform(data_max)), scale 2."""
    low = -np.log1p(abs(OFFICIAL[family].low))
    high = np.log1p(OFFICIAL[family].high)
    expected = np.sign(PRESSURE) * np.log1p(np.abs(1.0 * PRESSURE))
    expected = ((expected - low) / (high - low) - 0.5) * 2
    actual = normalise_data(torch.from_numpy(PRESSURE), OFFICIAL[family])
    np.testing.assert_allclose(actual.numpy(), expected, atol=1e-6)


def test_the_constants_become_minus_one_and_one() -> None:
    ends = torch.tensor([MINI_AMPLITUDE.low, MINI_AMPLITUDE.high])
    torch.testing.assert_close(normalise_data(ends, MINI_AMPLITUDE), torch.tensor([-1.0, 1.0]))
    torch.testing.assert_close(normalise_velocity(torch.tensor([1500.0, 3000.0, 4500.0])), torch.tensor([-1.0, 0, 1]))


def test_normalisation_can_be_undone() -> None:
    pressure = torch.from_numpy(PRESSURE)
    restored = restore_data(normalise_data(pressure, MINI_AMPLITUDE), MINI_AMPLITUDE)
    torch.testing.assert_close(restored, pressure, rtol=1e-4, atol=1e-5)
    velocity = torch.arange(1500.0, 4501.0)
    torch.testing.assert_close(restore_velocity(normalise_velocity(velocity)), velocity)


def test_constants_are_chosen_by_survey_and_family() -> None:
    assert amplitude_for(OPENFWI, "style-b") == OFFICIAL["style-b"]
    assert amplitude_for(MINI, "style-b") == MINI_AMPLITUDE
    assert set(OFFICIAL) == set(FAMILIES)
    with pytest.raises(InvalidInput, match="kimberlina"):
        amplitude_for(OPENFWI, "kimberlina")
