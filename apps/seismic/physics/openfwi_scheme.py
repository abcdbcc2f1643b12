"""OpenFWI's own forward operator in plain torch: the oracle, and the engine for networks trained on real OpenFWI data.

Acoustic, constant density, p_tt = v^2 (lap p + s): second order in time, fourth in space, inside a sponge of 120 cells
whose damping kappa(d) = 3 v_min ln(1e7) / (2 a) (d / a)^2 grows with the distance d from the map (a = its width); no
free surface. It is the classic CSIM/KAUST scheme that OpenFWI used (Deng et al., arXiv:2111.02926, appendix). Two of
its habits show in the data and are kept: the source acts one step early and the first sample is dropped, so that sample
i is the pressure at time (i + 2) dt of the wavelet; and the sponge is leaky, which leaves weak late arrivals.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from .geometry import Survey
from .ricker import ricker

SPONGE = 120
"""Cells of damping on every side of the map."""


def shot_gathers(v_BZX: Tensor, survey: Survey) -> Tensor:
    """Pressure (B, shots, survey.samples, receivers) recorded over velocity maps ``v_BZX`` in m/s.

    Raises ``InvalidInput`` when the maps do not fit the survey. About 30 times slower than the deepwave engine.
    """
    survey.check(v_BZX)
    shots = len(survey.source_columns)
    v_NZX = _padded(v_BZX).repeat_interleave(shots, dim=0)
    record_TNR = _propagate(v_NZX, survey)[1 :: survey.decimate]
    return record_TNR.transpose(0, 1).reshape(len(v_BZX), *survey.gather_shape)


def _propagate(v_NZX: Tensor, survey: Survey) -> Tensor:
    """(nt + 1, N, receivers) pressure; every shot has a padded map of its own, shot after shot and map after map."""
    alpha = (v_NZX * survey.dt / survey.dx) ** 2
    damping = _sponge(v_NZX, survey.dx) * survey.dt
    source_z, source_x = (survey.sources + SPONGE).to(v_NZX.device).repeat(len(v_NZX) // len(survey.sources), 1).T
    receiver_z, receiver_x = (survey.receivers + SPONGE).to(v_NZX.device).T
    shot = torch.arange(len(v_NZX), device=v_NZX.device)
    strength = (v_NZX[shot, source_z, source_x] * survey.dt) ** 2
    before, now = torch.zeros_like(v_NZX), torch.zeros_like(v_NZX)
    record = []
    for amplitude in ricker(survey.frequency, survey.dt, survey.nt + 1).tolist():
        after = (2 - damping) * now - (1 - damping) * before + alpha * _laplacian(now)
        after[shot, source_z, source_x] += amplitude * strength
        record.append(after[:, receiver_z, receiver_x])
        before, now = now, after
    return torch.stack(record)


def _laplacian(p_NZX: Tensor) -> Tensor:
    """Fourth-order Laplacian times dx^2, periodic at the outer edge of the sponge."""
    q = pad(p_NZX[:, None], (2, 2, 2, 2), mode="circular")[:, 0]
    near = q[:, 1:-3, 2:-2] + q[:, 3:-1, 2:-2] + q[:, 2:-2, 1:-3] + q[:, 2:-2, 3:-1]
    far = q[:, :-4, 2:-2] + q[:, 4:, 2:-2] + q[:, 2:-2, :-4] + q[:, 2:-2, 4:]
    return -5 * p_NZX + 4 / 3 * near - 1 / 12 * far


def _padded(v_BZX: Tensor) -> Tensor:
    """The maps with their edge cells repeated through the sponge."""
    return pad(v_BZX.float()[:, None], (SPONGE,) * 4, mode="replicate")[:, 0]


def _sponge(v_NZX: Tensor, dx: float) -> Tensor:
    """Damping (1/s) of every cell; the left and right strips keep their own profile in the corners."""
    nz, nx = v_NZX.shape[1:]
    down = _depth_in_sponge(nz, v_NZX.device)[:, None].expand(nz, nx)
    across = _depth_in_sponge(nx, v_NZX.device).expand(nz, nx)
    in_side = torch.ones(nx, dtype=torch.bool, device=v_NZX.device)
    in_side[SPONGE:-SPONGE] = False
    kappa = 3 * v_NZX.amin(dim=(1, 2)) * math.log(1e7) / (2 * (SPONGE - 1) * dx)
    return kappa[:, None, None] * torch.where(in_side, across, down) ** 2


def _depth_in_sponge(n: int, device: torch.device) -> Tensor:
    """(n,) fraction of the sponge crossed: 0 in the map and in the first cell of the sponge, 1 in the outermost."""
    cells = torch.arange(n, dtype=torch.float32, device=device)
    into = torch.maximum(SPONGE - 1 - cells, cells - (n - SPONGE))
    return into.clamp(min=0) / (SPONGE - 1)
