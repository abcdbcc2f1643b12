"""The source wavelet against OpenFWI's sampling of it."""

import math

import torch

from apps.seismic.physics.ricker import ricker


def test_openfwi_wavelet_has_147_samples_and_peaks_in_the_middle() -> None:
    wavelet = ricker(15.0, 1e-3, 1001)
    assert wavelet.shape == (1001,)
    assert int(wavelet.argmax()) == 73 and float(wavelet.max()) == 1.0
    assert wavelet[:147].all() and not wavelet[147:].any()
    assert torch.equal(wavelet[:147], wavelet[:147].flip(0))


def test_trough_lies_where_the_formula_puts_it() -> None:
    """The minimum of (1 - 2b) exp(-b) is -2 exp(-3/2), at b = 3/2, that is at t = sqrt(3/2) / (pi f)."""
    wavelet = ricker(8.0, 1e-4, 3000)
    assert math.isclose(float(wavelet.min()), -2 * math.exp(-1.5), rel_tol=1e-4)
    expected = math.sqrt(1.5) / (math.pi * 8.0)
    assert abs(abs(int(wavelet.argmin()) - int(wavelet.argmax())) * 1e-4 - expected) < 1e-4


def test_a_recording_shorter_than_the_wavelet_cuts_it() -> None:
    assert torch.equal(ricker(15.0, 1e-3, 50), ricker(15.0, 1e-3, 200)[:50])
