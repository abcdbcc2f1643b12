"""All randomness comes from (seed, purpose, round, user): reproducible anywhere, and independent between them."""

import json
import subprocess
import sys
from itertools import product

import numpy as np
import torch
from scipy.stats import chisquare, kstest

from fedray.architectures.cohorts import select_users
from fedray.randomness import derive_seed, numpy_generator, torch_generator

DRAW = """
import json, sys, torch
from fedray.architectures.cohorts import select_users
from fedray.randomness import derive_seed, numpy_generator, torch_generator
print(json.dumps({
    "seed": derive_seed(7, "shuffle", 3, 9),
    "numpy": numpy_generator(7, "shuffle", 3, 9).random(4).tolist(),
    "torch": torch.rand(4, generator=torch_generator(7, "augment", 3, 9)).tolist(),
    "users": select_users(7, 3, 1000, 10),
}))
"""


def test_another_process_draws_the_same_numbers():
    other = subprocess.run(
        [sys.executable, "-c", DRAW], env={"PYTHONHASHSEED": "4711"}, capture_output=True, text=True, check=True
    )
    assert json.loads(other.stdout) == {
        "seed": derive_seed(7, "shuffle", 3, 9),
        "numpy": numpy_generator(7, "shuffle", 3, 9).random(4).tolist(),
        "torch": torch.rand(4, generator=torch_generator(7, "augment", 3, 9)).tolist(),
        "users": list(select_users(7, 3, 1000, 10)),
    }


def test_every_seed_purpose_round_and_user_has_a_seed_of_its_own():
    keys = list(product((0, 1, 2**32 - 1), ("shuffle", "dropout", "augment", "selection"), range(20), range(40)))
    seeds = [derive_seed(*key) for key in keys]
    assert len(set(seeds)) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_derived_seeds_are_uniform_in_their_low_and_high_bits():
    seeds = np.array([derive_seed(0, "shuffle", round, user) for round in range(50) for user in range(80)])
    assert chisquare(np.bincount(seeds % 16)).pvalue > 1e-3
    assert kstest(seeds / 2**63, "uniform").pvalue > 1e-3


def test_neighbouring_users_rounds_and_purposes_are_not_correlated():
    def draws(purpose: str, round: int, user: int) -> np.ndarray:
        return numpy_generator(0, purpose, round, user).normal(size=4000)

    here = draws("shuffle", 1, 1)
    for other in (draws("shuffle", 1, 2), draws("shuffle", 2, 1), draws("dropout", 1, 1)):
        assert abs(np.corrcoef(here, other)[0, 1]) < 4 / np.sqrt(4000)


def test_rounds_and_users_are_not_interchangeable():
    assert derive_seed(0, "shuffle", 1, 2) != derive_seed(0, "shuffle", 2, 1)
