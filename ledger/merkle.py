"""The Merkle tree hash of RFC 6962, section 2.1 (SHA-256), over a list that only grows.

Leaves and nodes are hashed under different first bytes, so that no node can be passed off as a leaf.
Proofs about a tree are in `ledger.proofs`.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from ledger.errors import Refused

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data), 32 bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """A tree kept as the roots of its perfect subtrees (RFC 9162, section 2.1.2): all that appending needs.

    `peaks` are these roots (32 bytes each), the largest subtree first: one for each 1 in the binary `size`.
    Refused when they do not fit the size.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size < 0 or len(peaks) != size.bit_count():
            raise Refused(
                f"{len(peaks)} peaks do not make a tree of size {size}; give the roots of its perfect subtrees, "
                "one for each 1 in the binary size."
            )
        for peak in peaks:
            require_hash(peak, "a peak")
        self.size = size
        self._peaks = list(peaks)

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The roots of the perfect subtrees, the largest first."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash (32 bytes, see `leaf_hash`; not checked here) at the right; one node hash on average."""
        peaks, carry = self._peaks, self.size
        self.size = carry + 1
        while carry & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            carry >>= 1
        peaks.append(leaf)

    def root(self) -> bytes:
        """The tree's root (32 bytes); `EMPTY_ROOT` at size 0."""
        return fold(self._peaks)

    def copy(self) -> "CompactRange":
        """Another range of the same tree, to append to without touching this one."""
        other = CompactRange()
        other.size, other._peaks = self.size, self._peaks.copy()
        return other


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root (32 bytes) over the roots of neighbouring perfect subtrees, the largest first; `EMPTY_ROOT` for none."""
    if not peaks:
        return EMPTY_ROOT
    top = peaks[-1]
    for peak in reversed(peaks[:-1]):
        top = node_hash(peak, top)
    return top


def root(leaves: Iterable[bytes]) -> bytes:
    """The root (32 bytes) over leaf hashes, in one pass with O(log n) memory; SHA-256 of nothing for no leaves."""
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def data_root(sample_digests: Iterable[bytes]) -> str:
    """The root (hex) that `data.register` takes for a data set: over its samples' digests (bytes), in their order."""
    return root(leaf_hash(digest) for digest in sample_digests).hex()


def require_hash(value: bytes, name: str) -> None:
    """Refused unless `value`, called `name` in the message, is 32 bytes."""
    if type(value) is not bytes or len(value) != HASH_BYTES:
        found = f"{len(value)} bytes" if isinstance(value, bytes) else f"a {type(value).__name__}"
        raise Refused(f"{name} is {found}; a SHA-256 hash of {HASH_BYTES} bytes is allowed.")
