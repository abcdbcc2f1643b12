"""Which files a published log has, and whether they are ones it may have."""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

from ledger.errors import Refused, Tampered
from ledger.merkle import HASH_BYTES
from ledger.source import Source
from ledger.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, decode_bundle, parse_tile_path, tiles_of
from ledger.verify.tree import Tree

_SECTOR_BYTES = 512
_LEFTOVER = re.compile(r"(.*/)?\.[^/]+\.[a-z0-9_]{8}")  # as tempfile names them


class Files:
    """The files of a log of `size` entries. Tampered for one that no log has, unless it is `foreign`."""

    def __init__(self, source: Source, size: int, *, foreign: bool = False) -> None:
        self._source, self._size = source, size
        self._bundles: dict[int, set[Tile]] = defaultdict(set)
        self._upper: set[Tile] = set()
        self._beyond = self._leftovers = self._unknown = 0
        names = source.names()
        self.listed = names is not None
        for name in sorted(names or ()):
            if name != "checkpoint":
                self._sort(name, foreign)

    def _sort(self, name: str, foreign: bool) -> None:
        with suppress(Refused):
            tile = parse_tile_path(name)
            have = self._size >> TILE_HEIGHT * (tile.level or 0)
            self._beyond += tile.index * TILE_WIDTH + tile.width > have
            if tile.index * TILE_WIDTH < have:
                (self._upper if tile.level else self._bundles[tile.index]).add(tile)
            return
        if is_leftover(name):
            self._leftovers += 1
        elif foreign:
            self._unknown += 1
        else:
            raise Tampered(f"log/{name}", "no log has such a file")

    def of_bundle(self, index: int, width: int) -> tuple[Tile, ...]:
        """The bundles and level-0 tiles with this index: those that must be there, and those that are."""
        needed = (Tile(None, index, width), Tile(0, index, width))
        return (*needed, *sorted(self._bundles.pop(index, set()) - {*needed}, key=lambda tile: tile.path))

    def check_upper(self, tree: Tree) -> None:
        """Return when the tiles above level 0 hold what the tree makes them; Tampered otherwise."""
        needed = {tile for tile in tiles_of(self._size) if tile.level}
        for tile in sorted(needed | self._upper, key=lambda tile: (tile.level, tile.index, tile.width)):
            assert tile.level
            expected = tree.tile(tile.level, tile.index, tile.width)
            compare(self._source, tile, expected, beyond=len(expected) < tile.width * HASH_BYTES)

    def notes(self) -> Iterator[str]:
        """What is harmless but odd."""
        if self._beyond:
            yield f"{self._beyond} files reach beyond the checkpoint: a publication is under way or was interrupted"
        if self._leftovers:
            yield f"{self._leftovers} unfinished files are left over from a crash; they may be removed"
        if self._unknown:
            yield f"{self._unknown} files are not part of the log and were not looked at"


def is_leftover(name: str) -> bool:
    """Whether a file below log/ is what a crash leaves of one that was being written."""
    return _LEFTOVER.fullmatch(name) is not None


def compare(source: Source, tile: Tile, expected: bytes, *, beyond: bool) -> None:
    """Return when the tile's file holds what is expected; Tampered otherwise.

    One that reaches `beyond` the checkpoint may be half written; only when it is whole may it not differ. A missing
    partial tile is no loss when the full one is there, which may have replaced it while we read.
    """
    data = source.read(tile.path)
    if data is None and tile.width < TILE_WIDTH:
        data = source.read(Tile(tile.level, tile.index).path)
        data = data and data[: len(expected)]
    if data is None:
        raise Tampered(f"log/{tile.path}", "the file is missing")
    if beyond:
        if _is_torn(tile, data):
            return
        data = data[: len(expected)]
    if data != expected:
        raise Tampered(f"log/{tile.path}", "it is not what the entries make it")


def _is_torn(tile: Tile, data: bytes) -> bool:
    """Whether the file is as a loss of power leaves one: cut short, or with zeros in place of its blocks or its end."""
    if tile.level is not None:
        hashes = (data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))
        return len(data) != tile.width * HASH_BYTES or bytes(HASH_BYTES) in hashes
    try:
        entries = decode_bundle(data)
    except Refused:
        return True
    return len(entries) != tile.width or bytes(_SECTOR_BYTES) in data or any(entry[-1:] in b"\0" for entry in entries)
