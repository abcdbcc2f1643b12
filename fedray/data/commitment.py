"""A user's commitment to its data: one digest per example, from which the ledger makes a Merkle root.

A sample digest is SHA-256 over, for each tensor of the example, its dtype, its shape and its little-endian bytes. Who
holds the examples can recompute it; who does not learns nothing but their number.
"""

import hashlib

import numpy as np
from torch import Tensor

from fedray.data.examples import Examples, Indices


def sample_digests(examples: Examples, mine: Indices, batch_size: int = 64) -> list[bytes]:
    """Digests (32 bytes each) of the examples ``mine``, in that order."""
    digests: list[bytes] = []
    for start in range(0, len(mine), batch_size):
        batch = examples.batch(mine[start : start + batch_size])
        digests += [_digest(tuple(tensor[row] for tensor in batch)) for row in range(len(batch[0]))]
    return digests


def _digest(example: tuple[Tensor, ...]) -> bytes:
    hasher = hashlib.sha256()
    for tensor in example:
        array = np.ascontiguousarray(tensor.numpy())
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        hasher.update(f"{array.dtype.str}{list(tensor.shape)}".encode())
        hasher.update(array.tobytes())
    return hasher.digest()
