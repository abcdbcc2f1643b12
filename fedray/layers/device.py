"""Simulated devices: how long a user's computer and network take, for runs under the virtual clock.

A user's speed is log-normal around the recipe's, fixed by (seed, user), as measured device speeds roughly are
(Lai et al., "FedScale", ICML 2022, figure 7).
"""

import numpy as np
from pydantic import Field

from fedray.randomness import numpy_generator
from fedray.settings import Settings


class DeviceSettings(Settings):
    """Speed of the simulated devices."""

    examples_per_second: float = Field(100.0, gt=0, description="median training speed")
    spread: float = Field(0.5, ge=0, description="standard deviation of the logarithm of the speed")
    bytes_per_second: float = Field(1e6, gt=0, description="network speed, both ways")

    def seconds(self, seed: int, user: int, examples: int, model_bytes: int) -> float:
        """Download the model, train on ``examples``, upload an update."""
        speed = self.examples_per_second * np.exp(numpy_generator(seed, "device", 0, user).normal(0, self.spread))
        return float(examples / speed + 2 * model_bytes / self.bytes_per_second)
