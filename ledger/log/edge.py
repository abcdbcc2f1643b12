"""The right edge of a growing tree: all that is needed to add entries, sign the root, and write the tiles they change.

Pure. Holds the entries and hashes of the partial tiles only, so it is as small for a million entries as for ten.
"""

from collections.abc import Callable, Sequence

from ledger.merkle import CompactRange, root
from ledger.tiles import TILE_WIDTH, bundle_path, encode_bundle, frontier, tile_path


class Edge:
    """The tree of `size` entries, open at its right end."""

    def __init__(self) -> None:
        self._range = CompactRange()
        self._levels: list[list[bytes]] = [[]]  # the hashes of the partial tile of each level
        self._bundle: list[bytes] = []
        self._made: dict[str, tuple[str, bytes]] = {}  # by full bundles and not yet published; wider replaces narrower

    @classmethod
    def at(cls, size: int, read: Callable[[str], bytes]) -> "Edge":
        """The edge of a published tree whose size is a multiple of 256; `read` gives a tile by its path."""
        assert size % TILE_WIDTH == 0
        edge = cls()
        edge._range = frontier(size, read)
        level, above = 1, size // TILE_WIDTH
        while above:
            index, width = divmod(above, TILE_WIDTH)
            data = read(tile_path(level, index, width)) if width else b""
            edge._levels.append([data[at : at + 32] for at in range(0, len(data), 32)])
            level, above = level + 1, index
        return edge

    @property
    def size(self) -> int:
        """Entries so far."""
        return self._range.size

    @property
    def room(self) -> int:
        """Entries that fit into the bundle now being filled: 1 to 256."""
        return TILE_WIDTH - self.size % TILE_WIDTH

    def root(self) -> bytes:
        """The root over all entries (RFC 6962)."""
        return self._range.root()

    def append(self, entries: Sequence[bytes], leaves: Sequence[bytes]) -> None:
        """Add entries and their leaf hashes, no more than there is room for."""
        assert len(entries) == len(leaves) <= self.room
        index = self.size // TILE_WIDTH
        for leaf in leaves:
            self._range.append(leaf)
        self._levels[0] += leaves
        self._bundle += entries
        if len(self._bundle) == TILE_WIDTH:
            made = [(bundle_path(index), encode_bundle(self._bundle)), *self._carry(0, index)]
            self._made |= {path.partition(".p/")[0]: (path, data) for path, data in made}
            self._bundle = []

    def tiles(self) -> list[tuple[str, bytes]]:
        """The files, as (path, content), that a log of this size has and the one published last may not have."""
        made = list(self._made.values())
        if not self._bundle:
            return made
        index, width = divmod(self.size, TILE_WIDTH)
        tile = (tile_path(0, index, width), b"".join(self._levels[0]))
        return [*made, (bundle_path(index, width), encode_bundle(self._bundle)), tile]

    def published(self) -> None:
        """What `tiles` gave is published."""
        self._made.clear()

    def _carry(self, level: int, index: int) -> list[tuple[str, bytes]]:
        """The tile being filled at this level and, where it is full, the ones its root changes above."""
        hashes = self._levels[level]
        tiles = [(tile_path(level, index, len(hashes)), b"".join(hashes))]
        if len(hashes) == TILE_WIDTH:
            if len(self._levels) == level + 1:
                self._levels.append([])
            self._levels[level + 1].append(root(hashes))
            self._levels[level] = []
            tiles += self._carry(level + 1, index // TILE_WIDTH)
        return tiles
