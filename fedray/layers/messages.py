"""What the layers send each other."""

from dataclasses import dataclass

from fedray.training.flat_model import Weights
from ledger import Statement


@dataclass(frozen=True)
class CohortOrder:
    """Server to node: train these users. ``register``: those of them whose data the ledger does not know yet."""

    round: int
    cohort: int
    users: tuple[int, ...]
    parent: str
    register: tuple[int, ...] = ()


@dataclass(frozen=True)
class UserReport:
    """What is known of one user's training in a round."""

    user: int
    examples: int
    loss: float


@dataclass(frozen=True)
class CohortResult:
    """Node to server: one partial sum, sum_k n_k (w_k - w) (P,) over the cohort, with sum_k n_k."""

    cohort: int
    update_sum: Weights
    weight_sum: float
    reports: tuple[UserReport, ...]
    seconds: float
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class ShardResult:
    """Node to server: sums of per-example metrics over one part of the test set."""

    shard: int
    sums: dict[str, float]
    examples: int
