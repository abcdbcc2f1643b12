"""The Merkle tree written down as RFC 6962, section 2.1, defines it: recursive and slow."""

import hashlib
from collections.abc import Sequence


def synthetic_leaves(count: int) -> list[bytes]:
    """Cheap stand-ins for leaf hashes, all different."""
    return [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(count)]


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """MTH(D[n]) over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


def inclusion(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*inclusion(index, leaves[:split]), tree_hash(leaves[split:])]
    return [*inclusion(index - split, leaves[split:]), tree_hash(leaves[:split])]


def consistency(old: int, leaves: Sequence[bytes], known: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of section 2.1.2, 0 < m <= n; PROOF(m, D[n]) with b = true."""
    if old == len(leaves):
        return [] if known else [tree_hash(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return [*consistency(old, leaves[:split], known), tree_hash(leaves[split:])]
    return [*consistency(old - split, leaves[split:], False), tree_hash(leaves[:split])]
