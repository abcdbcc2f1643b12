"""The tree that verified entries make, kept so that its root at any earlier size can be asked for."""

from ledger.merkle import HASH_BYTES, CompactRange, fold, node_hash
from ledger.tiles import TILE_HEIGHT, TILE_WIDTH


class Tree:
    """Leaf hashes by bundle, and above the full bundles every hash: 32 MB for a million entries."""

    def __init__(self) -> None:
        self.size = 0
        self._bundles: list[bytes] = []
        self._rows: list[list[bytes]] = [[]]  # rows[r][i] is the hash at level 8 + r, place i
        self._growing = (0, CompactRange())  # the bundle asked for last, and its leaves as far as asked for

    def add(self, leaves: bytes, top: bytes | None) -> None:
        """Add a bundle's leaf hashes, joined, and its root when it is full; none may follow one that is not."""
        self._bundles.append(leaves)
        self.size += len(leaves) // HASH_BYTES
        row = 0
        while top is not None:
            if len(self._rows) == row:
                self._rows.append([])
            hashes = self._rows[row]
            hashes.append(top)
            top = None if len(hashes) % 2 else node_hash(hashes[-2], hashes[-1])
            row += 1

    def leaf(self, index: int) -> bytes:
        """The leaf hash of an entry."""
        bundle, at = divmod(index, TILE_WIDTH)
        return self._bundles[bundle][at * HASH_BYTES :][:HASH_BYTES]

    def root_at(self, size: int) -> bytes:
        """The root over the first `size` entries; cheap when sizes are asked for in order."""
        assert 0 <= size <= self.size
        return fold(self.peaks(size))

    def peaks(self, size: int) -> list[bytes]:
        """The roots of the perfect subtrees of the first `size` entries, the largest first."""
        bundles, rest = divmod(size, TILE_WIDTH)
        peaks, start = [], 0
        for row in reversed(range(bundles.bit_length())):
            if bundles >> row & 1:
                peaks.append(self._rows[row][start >> row])
                start += 1 << row
        return peaks + self._within(bundles, rest)

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The hashes of a tile of level 1 or more, joined."""
        row = (level - 1) * TILE_HEIGHT
        hashes = self._rows[row] if row < len(self._rows) else []
        return b"".join(hashes[index * TILE_WIDTH : index * TILE_WIDTH + width])

    def _within(self, bundle: int, count: int) -> list[bytes]:
        """The peaks of a bundle's first entries."""
        at, range_ = self._growing
        if at != bundle or range_.size > count:
            range_ = CompactRange()
        leaves = self._bundles[bundle] if count else b""
        for start in range(range_.size * HASH_BYTES, count * HASH_BYTES, HASH_BYTES):
            range_.append(leaves[start : start + HASH_BYTES])
        self._growing = (bundle, range_)
        return list(range_.peaks)
