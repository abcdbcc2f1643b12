"""A log as files that never change: C2SP tlog-tiles (v0.1.0). Names and contents only; nothing here opens a file.

A tile holds up to 256 consecutive hashes of one tree level: tile n of level l, hash i, is
MTH(D[(n*256 + i) * 256**l : (n*256 + i + 1) * 256**l]) of RFC 6962. A bundle holds the entries under a tile of level 0.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from ledger.errors import Refused
from ledger.merkle import HASH_BYTES, CompactRange, node_hash

TILE_WIDTH = 256
TILE_HEIGHT = 8
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 2**16 - 1
# Sizes are at most 2**63 - 1, so a tile's index has at most six groups of three digits.
_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([0-9]{1,3}))?")
_CACHED_TILES = 256

Read = Callable[[str], bytes]
"""From a path such as "tile/0/x001/067.p/5" to the file's bytes."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of hashes, or, at level None, a bundle of entries; `width` is 256 when full and 1 to 255 when partial."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Its file, below the log's prefix; Refused when there can be no such tile."""
        if self.level is None:
            return bundle_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """The file of a tile of hashes, such as "tile/0/x001/067.p/5"; Refused when there can be no such tile."""
    if not 0 <= level <= MAX_LEVEL:
        raise Refused(f"tile level {level} does not exist; 0 to {MAX_LEVEL} are allowed.")
    return f"tile/{level}/{_number(index, width)}"


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """The file of a bundle of entries, such as "tile/entries/x001/067.p/5"; Refused when there can be no such one."""
    return f"tile/entries/{_number(index, width)}"


def _number(index: int, width: int) -> str:
    if index < 0 or not 1 <= width <= TILE_WIDTH:
        raise Refused(f"tile {index} of width {width} does not exist; widths are 1 to {TILE_WIDTH}, indices from 0 up.")
    name = f"{index % 1000:03d}"
    while index := index // 1000:
        name = f"x{index % 1000:03d}/{name}"
    return name if width == TILE_WIDTH else f"{name}.p/{width}"


def parse_tile_path(path: str) -> Tile:
    """The tile or bundle of which `path` is the only spelling; Refused for any other text."""
    if match := _PATH.fullmatch(path):
        level, groups, width = match.groups()
        index = int(re.sub("[x/]", "", groups))
        tile = Tile(None if level == "entries" else int(level), index, int(width or TILE_WIDTH))
        # Spelling it again settles leading zeros, an explicit full width and levels and widths out of range.
        if (tile.level or 0) <= MAX_LEVEL and 1 <= tile.width <= TILE_WIDTH and tile.path == path:
            return tile
    raise Refused(
        f"{path[:100]!r} is not the path of a tile; tile/<level or 'entries'>/<index>[.p/<width>] is allowed."
    )


def tiles_of(size: int) -> Iterator[Tile]:
    """Every bundle and tile of a log of this size: the full ones, and the partial ones at the right edge."""
    return new_tiles(0, size)


def new_tiles(old: int, new: int) -> Iterator[Tile]:
    """The bundles and tiles to write when a log grows: bundles first, then level by level upwards, left to right.

    Refused when old > new. A partial tile of the old size that has become wider or full is listed as it is now.
    """
    if not 0 <= old <= new:
        raise Refused(f"a log cannot grow from size {old} to {new}; give the older size first.")
    yield from _grown(None, old, new)
    level = 0
    while new > 0:
        yield from _grown(level, old, new)
        old, new, level = old // TILE_WIDTH, new // TILE_WIDTH, level + 1


def _grown(level: int | None, old: int, new: int) -> Iterator[Tile]:
    """The tiles of one level that differ between `old` and `new` hashes there."""
    if old == new:
        return
    for index in range(old // TILE_WIDTH, new // TILE_WIDTH):
        yield Tile(level, index)
    if new % TILE_WIDTH:
        yield Tile(level, new // TILE_WIDTH, new % TILE_WIDTH)


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """The entries, each after its length as a big-endian uint16; Refused for one of more than 65,535 bytes."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise Refused(
                f"an entry has {len(entry)} bytes; up to {MAX_ENTRY_BYTES} are allowed: record larger things by digest."
            )
        parts += (len(entry).to_bytes(2, "big"), entry)
    if len(parts) > 2 * TILE_WIDTH:
        raise Refused(f"a bundle of {len(parts) // 2} entries is too large; up to {TILE_WIDTH} are allowed.")
    return b"".join(parts)


def decode_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle; Refused when it ends within one or holds more than 256. Their number is the width."""
    entries, start, end = [], 2, len(data)
    while start <= end:
        stop = start + (data[start - 2] << 8 | data[start - 1])
        entries.append(data[start:stop])
        start = stop + 2
    if start != end + 2:
        raise Refused("the bundle ends within an entry; restore it from a good copy.")
    if len(entries) > TILE_WIDTH:
        raise Refused(f"the bundle holds {len(entries)} entries; up to {TILE_WIDTH} are allowed.")
    return entries


class TileHashes:
    """The hashes of a log of `size` entries, taken from its tiles; `hash_at` is a `ledger.proofs.HashAt`.

    A tile is read once while it stays among the 256 last used. Where `read` has no partial tile (OSError, LookupError),
    it is asked for the full one, which may have replaced it, and its beginning is used.
    """

    def __init__(self, size: int, read: Read) -> None:
        self._size, self._read = size, read
        self._rows = lru_cache(maxsize=_CACHED_TILES)(self._load)

    def hash_at(self, level: int, index: int) -> bytes:
        """MTH(D[index << level : (index + 1) << level]), 32 bytes.

        Refused when the log is smaller than that or the tile has another length; errors of `read` pass through.
        """
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise Refused(f"a log of size {self._size} has no full subtree {index} at level {level}; use its own size.")
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile, place = divmod(index, TILE_WIDTH >> height)
        return self._rows(tile_level, tile)[height][place]

    def _load(self, level: int, index: int) -> list[list[bytes]]:
        """The tile's hashes, and above them, row by row, the roots of the perfect subtrees within it."""
        data = self._tile(level, index)
        row = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
        rows = [row]
        for _ in range(TILE_HEIGHT - 1):
            row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=False)]
            rows.append(row)
        return rows

    def _tile(self, level: int, index: int) -> bytes:
        width = min((self._size >> TILE_HEIGHT * level) - index * TILE_WIDTH, TILE_WIDTH)
        try:
            return self._whole(tile_path(level, index, width), width)
        except (OSError, LookupError):
            if width < TILE_WIDTH:
                with suppress(OSError, LookupError):
                    return self._whole(tile_path(level, index), TILE_WIDTH)[: width * HASH_BYTES]
            raise

    def _whole(self, path: str, width: int) -> bytes:
        data, wanted = self._read(path), width * HASH_BYTES
        if len(data) != wanted:
            raise Refused(f"{path} has {len(data)} bytes instead of {wanted}; restore it from a good copy.")
        return data


def frontier(size: int, read: Read) -> CompactRange:
    """The tree of a log of this size, ready to grow, from its right-edge tiles alone; Refused as by `TileHashes`."""
    return range_at(size, TileHashes(size, read).hash_at)


def range_at(size: int, hash_at: Callable[[int, int], bytes]) -> CompactRange:
    """The tree of the first `size` entries, ready to grow, by the roots of its perfect subtrees (level, index)."""
    peaks, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            peaks.append(hash_at(level, start >> level))
            start += 1 << level
    return CompactRange(size, peaks)
