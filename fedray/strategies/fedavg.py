"""FedAvg: McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data" (AISTATS 2017).

Algorithm 1's server step, w <- sum_k (n_k / n) w_k over the round's users, written with updates so that a server
learning rate fits (Reddi et al. 2021, Algorithm 1): w <- w + eta * sum_k n_k (w_k - w) / sum_k n_k.
"""

from typing import Literal

from pydantic import Field

from fedray.settings import Settings
from fedray.training.flat_model import Weights


class FedAvg(Settings):
    """Federated averaging, weighted by examples."""

    name: Literal["fedavg"] = "fedavg"
    server_learning_rate: float = Field(1.0, gt=0, description="1 is plain averaging")

    def client_weight(self, examples: int) -> float:
        """n_k: how much a user's update counts in the sum."""
        return float(examples)

    def merge(self, weights: Weights, update_sum: Weights, weight_sum: float) -> Weights:
        """The next global weights (P,), from sum_k n_k (w_k - w) (P,), and sum_k n_k."""
        return weights + update_sum * (self.server_learning_rate / weight_sum)
