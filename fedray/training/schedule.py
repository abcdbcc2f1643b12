"""Learning-rate schedules: a rate for each fraction of the whole run, so that rounds, users and resumes agree on it.

The fraction is (round + step / steps) / rounds, in [0, 1). One-cycle follows Smith & Topin, "Super-Convergence"
(arXiv 1708.07120) with cosine arcs, as torch's ``OneCycleLR`` does; cosine follows Loshchilov & Hutter, "SGDR"
(arXiv 1608.03983, equation 5) without restarts, after an optional linear warm-up.
"""

from math import cos, pi
from typing import Annotated, Literal

from pydantic import Field

from fedray.settings import Settings


class Constant(Settings):
    """The same rate throughout."""

    name: Literal["constant"] = "constant"

    def factor(self, fraction: float) -> float:
        """Multiplier of the peak rate."""
        return 1.0


class Cosine(Settings):
    """Linear warm-up, then half a cosine down to ``final`` times the peak."""

    name: Literal["cosine"] = "cosine"
    warmup: float = Field(0.0, ge=0, lt=1, description="fraction of the run that climbs linearly to the peak")
    final: float = Field(0.0, ge=0, le=1, description="last rate, as a fraction of the peak")

    def factor(self, fraction: float) -> float:
        """Multiplier of the peak rate."""
        if fraction < self.warmup:
            return fraction / self.warmup
        return _arc(1.0, self.final, (fraction - self.warmup) / (1 - self.warmup))


class OneCycle(Settings):
    """Half a cosine up from ``1 / start_divisor`` to the peak, then half a cosine down to nearly zero."""

    name: Literal["one-cycle"] = "one-cycle"
    warmup: float = Field(0.3, gt=0, lt=1, description="fraction of the run that climbs to the peak")
    start_divisor: float = Field(25.0, ge=1, description="the first rate is the peak divided by this")
    final_divisor: float = Field(1e4, ge=1, description="the last rate is the first divided by this")

    def factor(self, fraction: float) -> float:
        """Multiplier of the peak rate."""
        start = 1 / self.start_divisor
        if fraction < self.warmup:
            return _arc(start, 1.0, fraction / self.warmup)
        return _arc(1.0, start / self.final_divisor, (fraction - self.warmup) / (1 - self.warmup))


def _arc(first: float, last: float, fraction: float) -> float:
    return last + (first - last) / 2 * (1 + cos(pi * fraction))


Schedule = Annotated[Constant | Cosine | OneCycle, Field(discriminator="name")]
