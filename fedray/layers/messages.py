"""What the layers send each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fedray.training.flat_model import Weights
from ledger import Signature, Statement


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


@dataclass(frozen=True)
class CommitProof:
    """Proof that a user's commitment is in the ledger: the entry's bytes, its number and its inclusion path."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class RevealOrder:
    """Server to node: have ``users``, and yourself, look at the published ``checkpoint`` and cosign it.

    ``commits``: the proofs that their commitments of the round are in it, which they then reveal; none at the end of a
    run. ``consistency``: from each size that somebody here may have seen last, the proof to the checkpoint.
    """

    round: int
    checkpoint: bytes
    users: tuple[int, ...]
    commits: Mapping[int, CommitProof] = field(default_factory=dict)
    consistency: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Revealed:
    """Node to server: what its users reveal, and the cosignatures by name.

    ``behind``: nothing was done, for a proof is missing from these sizes. ``objection``: why somebody refused.
    """

    statements: tuple[Statement, ...] = ()
    cosignatures: Mapping[str, Signature] = field(default_factory=dict)
    behind: tuple[int, ...] = ()
    objection: str = ""
