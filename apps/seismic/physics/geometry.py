"""The seismic survey: grid, recording, and where the sources and receivers stand.

``OPENFWI`` is the survey of OpenFWI (Deng et al., NeurIPS 2022, arXiv:2111.02926). ``MINI`` keeps its 700 m x 700 m and
its second of recording at about half the frequency on half the grid, so that it simulates and trains on a laptop.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedray.errors import InvalidInput

MAX_VELOCITY = 4500.0
"""The fastest rock (m/s) that an engine simulates: both engines' time steps are stable up to it."""


@dataclass(frozen=True)
class Survey:
    """A surface survey over a (nz, nx) velocity map. Columns and depths count cells from 0."""

    nz: int
    nx: int
    dx: float
    """Cell size in m, in both directions."""
    dt: float
    """Time step of the simulation in s."""
    nt: int
    """Time steps simulated and recorded, before decimation."""
    frequency: float
    """Peak frequency of the Ricker source in Hz."""
    source_columns: tuple[int, ...]
    source_depth: int
    receiver_columns: tuple[int, ...]
    receiver_depth: int
    decimate: int = 1
    """Every how many time steps a sample is kept."""

    @property
    def samples(self) -> int:
        """Time samples in a trace, after decimation."""
        return -(-self.nt // self.decimate)

    @property
    def gather_shape(self) -> tuple[int, int, int]:
        """(shots, time samples, receivers) of one velocity map's data."""
        return len(self.source_columns), self.samples, len(self.receiver_columns)

    @property
    def sources(self) -> Tensor:
        """(shots, 2) cells (z, x)."""
        return torch.tensor([[self.source_depth, column] for column in self.source_columns])

    @property
    def receivers(self) -> Tensor:
        """(receivers, 2) cells (z, x)."""
        return torch.tensor([[self.receiver_depth, column] for column in self.receiver_columns])

    def check(self, v_BZX: Tensor) -> None:
        """Raises ``InvalidInput`` unless ``v_BZX`` are velocity maps (m/s) that this survey can be shot over."""
        if v_BZX.ndim != 3 or v_BZX.shape[1:] != (self.nz, self.nx):
            raise InvalidInput(
                f"Velocity maps of shape {tuple(v_BZX.shape)} do not fit the survey: give (maps, {self.nz}, {self.nx})."
            )
        if not bool(((v_BZX > 0) & (v_BZX <= MAX_VELOCITY)).all()):
            raise InvalidInput(
                f"Velocities must be finite, above 0 and at most {MAX_VELOCITY:g} m/s: clip the maps, or convert km/s."
            )


OPENFWI = Survey(
    nz=70, nx=70, dx=10.0, dt=1e-3, nt=1000, frequency=15.0,
    source_columns=(0, 17, 34, 52, 69), source_depth=1,
    receiver_columns=tuple(range(70)), receiver_depth=1,
)  # fmt: skip

MINI = Survey(
    nz=35, nx=35, dx=20.0, dt=2e-3, nt=500, frequency=8.0,
    source_columns=(0, 8, 17, 26, 34), source_depth=1,
    receiver_columns=tuple(range(35)), receiver_depth=1,
    decimate=4,
)  # fmt: skip
"""Its sources stand symmetrically, so mirroring a map mirrors the receivers and reverses the shots, exactly.

A sample every 8 ms holds frequencies up to 62.5 Hz. The 8 Hz Ricker is band-limited enough for plain decimation: of
its records' energy 1e-7 lies above that (measured over CurveFault-B-like maps).
"""
