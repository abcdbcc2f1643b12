"""Every random number of a run comes from (seed, purpose, round, user) and nothing else.

So a user's local training is the same whoever trains it, whenever, and however often it is repeated.
"""

import hashlib

import numpy as np
import torch


def derive_seed(seed: int, purpose: str, round: int = 0, user: int = 0) -> int:
    """A 63-bit seed for one purpose of one user in one round (numpy's SeedSequence does the mixing)."""
    tag = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:4], "big")
    state = np.random.SeedSequence([seed, tag, round, user]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def numpy_generator(seed: int, purpose: str, round: int = 0, user: int = 0) -> np.random.Generator:
    """A numpy generator for that purpose."""
    return np.random.default_rng(derive_seed(seed, purpose, round, user))


def seed_torch(seed: int, purpose: str, round: int = 0, user: int = 0) -> None:
    """Seed torch's global CPU generator, which dropout and weight initialisation draw from.

    Not ``torch.manual_seed``: without a GPU that queues a call with a whole stack trace each time, for ever.
    """
    torch.default_generator.manual_seed(derive_seed(seed, purpose, round, user))


def torch_generator(seed: int, purpose: str, round: int = 0, user: int = 0) -> torch.Generator:
    """A torch CPU generator for that purpose."""
    return torch.Generator().manual_seed(derive_seed(seed, purpose, round, user))
