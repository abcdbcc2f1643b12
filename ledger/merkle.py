"""The Merkle tree hash of RFC 6962, section 2.1 (SHA-256).

Leaves and nodes are hashed under different first bytes, so that no node can be passed off as a leaf.
"""

import hashlib
from collections.abc import Iterable


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data), 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The root (32 bytes) over leaf hashes, in one pass with O(log n) memory; SHA-256 of nothing for no leaves."""
    peaks: list[bytes] = []  # roots of the perfect subtrees so far, the largest first
    for index, peak in enumerate(leaves):
        while index & 1:
            peak = node_hash(peaks.pop(), peak)
            index >>= 1
        peaks.append(peak)
    if not peaks:
        return hashlib.sha256().digest()
    top = peaks.pop()
    while peaks:
        top = node_hash(peaks.pop(), top)
    return top


def data_root(sample_digests: Iterable[bytes]) -> str:
    """The root (hex) that `data.register` takes for a data set: over its samples' digests (bytes), in their order."""
    return root(leaf_hash(digest) for digest in sample_digests).hex()
