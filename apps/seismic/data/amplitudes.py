"""How loud each data set is: the constants of its normalisation, and the normalisation itself.

OpenFWI (``transforms.py``: LogTransform, then MinMaxNormalize): x -> sign(x) log1p(|k x|) with k = 1, scaled so that
the transformed data_min and data_max of the data set become -1 and 1. Velocities are scaled from 1500..4500 m/s alike.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedray.errors import InvalidInput

from ..physics.geometry import MINI, OPENFWI, Survey
from .layers import V_MAX, V_MIN


@dataclass(frozen=True)
class Amplitude:
    """The lowest and highest pressure of a data set; a rare sample may lie a little outside."""

    low: float
    high: float


OFFICIAL = {
    "flatvel-a": Amplitude(-26.95, 52.77),
    "flatvel-b": Amplitude(-27.17, 56.05),
    "curvevel-a": Amplitude(-27.11, 55.10),
    "curvevel-b": Amplitude(-29.04, 57.03),
    "flatfault-a": Amplitude(-26.10, 50.86),
    "flatfault-b": Amplitude(-24.86, 50.28),
    "curvefault-a": Amplitude(-26.48, 52.32),
    "curvefault-b": Amplitude(-24.93, 50.98),
    "style-a": Amplitude(-24.96, 48.93),
    "style-b": Amplitude(-23.76, 46.01),
}
"""data_min and data_max of ``dataset_config.json`` in lanl/OpenFWI, for its survey."""

MINI_AMPLITUDE = Amplitude(4 * -27.17, 4 * 56.05)
"""For every family over the ``MINI`` survey: its cells of 20 m make a source four times as loud as OpenFWI's.

Measured over 220 maps of each family: -106.6 to 218.2; in the quietest, FlatVel-A-like, -103.7 to 199.3.
"""


def amplitude_for(survey: Survey, family: str) -> Amplitude:
    """The constants to normalise ``family`` over ``survey`` with. Raises ``InvalidInput`` if there are none."""
    if survey == MINI:
        return MINI_AMPLITUDE
    if survey == OPENFWI and family in OFFICIAL:
        return OFFICIAL[family]
    raise InvalidInput(f"No amplitude range is known for {family!r} over this survey: pass one as amplitude=.")


def normalise_data(pressure: Tensor, amplitude: Amplitude) -> Tensor:
    """Pressure of any shape to about [-1, 1], logarithmically."""
    low, high = _log_range(amplitude)
    return (_signed_log(pressure) - low) / (high - low) * 2 - 1


def restore_data(normalised: Tensor, amplitude: Amplitude) -> Tensor:
    """The inverse of ``normalise_data``."""
    low, high = _log_range(amplitude)
    logarithm = (normalised + 1) / 2 * (high - low) + low
    return logarithm.abs().expm1().copysign(logarithm)


def normalise_velocity(velocity: Tensor) -> Tensor:
    """1500..4500 m/s to [-1, 1]."""
    return (velocity - V_MIN) / (V_MAX - V_MIN) * 2 - 1


def restore_velocity(normalised: Tensor) -> Tensor:
    """[-1, 1] to 1500..4500 m/s."""
    return (normalised + 1) / 2 * (V_MAX - V_MIN) + V_MIN


def _signed_log(x: Tensor) -> Tensor:
    return x.abs().log1p().copysign(x)


def _log_range(amplitude: Amplitude) -> tuple[float, float]:
    low, high = _signed_log(torch.tensor([amplitude.low, amplitude.high], dtype=torch.float64)).tolist()
    return low, high
