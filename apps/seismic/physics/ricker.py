"""The Ricker source wavelet as OpenFWI samples it (``ricker`` of the OpenFWI forward operator).

s(t) = (1 - 2 b) exp(-b) with b = (pi f (t - tc))^2 (Ricker, Geophysics 18(1), 1953), cut to an odd number of samples,
2 floor(floor(2.2 / (f dt)) / 2) + 1, and peaking in the middle of them.
"""

import math

import torch
from torch import Tensor


def ricker(frequency: float, dt: float, nt: int) -> Tensor:
    """(nt,) float32 wavelet of unit peak with peak ``frequency`` in Hz, sampled every ``dt`` s and zero-padded."""
    half = int(2.2 / frequency / dt) // 2
    steps = torch.arange(-half, half + 1, dtype=torch.float64)
    b = (math.pi * frequency * dt * steps) ** 2
    pulse = (1 - 2 * b) * torch.exp(-b)
    wavelet = torch.zeros(nt, dtype=torch.float64)
    wavelet[: len(pulse)] = pulse[:nt]
    return wavelet.float()
