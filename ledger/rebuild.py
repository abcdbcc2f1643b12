"""Published files made again from the entries, when these are the ones that were signed for."""

from collections.abc import Iterator

from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.errors import Refused, Tampered
from ledger.folder import LedgerFolder
from ledger.fs import Disk, read
from ledger.log.journal import read_segment
from ledger.merkle import leaf_hash, root
from ledger.note import parse_note
from ledger.source import FolderSource
from ledger.tiles import (
    TILE_WIDTH,
    Tile,
    bundle_path,
    decode_bundle,
    encode_bundle,
    parse_tile_path,
    tile_path,
    tiles_of,
)
from ledger.verify.files import is_leftover
from ledger.verify.heads import History
from ledger.verify.tree import Tree


def restore_checkpoint(folder: LedgerFolder, disk: Disk) -> Iterator[str]:
    """Put the newest checkpoint of the history in the place of a published one that is missing or damaged."""
    history = History(folder.path)
    published = _checkpoint(read(folder.checkpoint) or b"")
    if published and (not history.sizes or published == _checkpoint(read(folder.history / str(published.size)) or b"")):
        return
    for size in reversed(history.sizes):
        data = history.bytes(size)
        if _checkpoint(data):
            disk.replace(folder.checkpoint, data)
            yield f"log/checkpoint was missing or damaged; history/{size} is in its place."
            return
    raise Tampered("log/checkpoint", "it is missing or damaged, and the history has none either")


def _checkpoint(data: bytes) -> Checkpoint | None:
    try:
        return parse_checkpoint(parse_note(data).text)
    except Refused:
        return None


class Rebuilt:
    """What the published files must be, by the entries under the checkpoint.

    Tampered when entries are missing, or when those that are left do not make the root in the checkpoint.
    """

    def __init__(self, folder: LedgerFolder) -> None:
        checkpoint = _checkpoint(read(folder.checkpoint) or b"")
        assert checkpoint  # restore_checkpoint has seen to it
        self.checkpoint, self.tree = checkpoint, Tree()
        self.last: list[bytes] = []  # the entries of the last bundle, unless it is full
        self._folder, self._source = folder, FolderSource(folder.log)
        self._fixes: dict[str, bytes] = {}
        for index in range((checkpoint.size + TILE_WIDTH - 1) // TILE_WIDTH):
            self._bundle(index, min(TILE_WIDTH, checkpoint.size - index * TILE_WIDTH))
        if self.tree.root_at(checkpoint.size) != checkpoint.root:
            raise Tampered("log/tile/entries", "the entries that are left are not those that were signed for")
        for tile in tiles_of(checkpoint.size):
            if tile.level:
                self._expect(tile.path, self.tree.tile(tile.level, tile.index, tile.width))

    def write(self, disk: Disk) -> Iterator[str]:
        """Write what is missing or damaged, and remove what is in the way; a sentence for each file."""
        for name, data in self._fixes.items():
            path = self._folder.log / name
            disk.make_folder(path.parent)
            disk.replace(path, data)
            yield f"log/{name} was missing or damaged; it is made again from the entries."
        needed = {tile.path for tile in tiles_of(self.checkpoint.size)} | {"checkpoint"}
        for name in sorted({*self._source.names()} - needed):
            if is_leftover(name) or not self._may_stay(name):
                disk.remove(self._folder.log / name)
                yield f"log/{name} was left over or damaged, and nothing needs it; it is removed."

    def _bundle(self, index: int, width: int) -> None:
        """Find the entries of a bundle: those that the tile over them speaks for, else those of the journal."""
        path, hashes = tile_path(0, index, width), None
        stored = self._source.read(path)
        for entries in self._candidates(index, width):
            leaves = [leaf_hash(entry) for entry in entries]
            if hashes is None or b"".join(leaves) == stored:
                self.last, hashes = (entries if width < TILE_WIDTH else []), leaves
                bundle = encode_bundle(entries)
        if hashes is None:
            raise Tampered(f"log/{bundle_path(index, width)}", "its entries are nowhere to be found")
        self._expect(bundle_path(index, width), bundle)
        self._expect(path, b"".join(hashes))
        self.tree.add(b"".join(hashes), root(hashes) if width == TILE_WIDTH else None)

    def _candidates(self, index: int, width: int) -> Iterator[list[bytes]]:
        journal = read_segment(self._folder.journal, index * TILE_WIDTH)
        if len(journal) >= width:
            yield journal[:width]
        for path in (bundle_path(index, width), bundle_path(index)):
            try:
                entries = decode_bundle(self._source.read(path) or b"")
            except Refused:
                continue
            if len(entries) >= width:
                yield entries[:width]

    def _expect(self, name: str, data: bytes) -> None:
        if self._source.read(name) != data:
            self._fixes[name] = data

    def _may_stay(self, name: str) -> bool:
        """Whether a file that is not needed is at least right; what is no tile at all is for its owner to move."""
        try:
            tile = parse_tile_path(name)
        except Refused:
            return True
        data = self._source.read(name) or b""
        expected = self._beginning(tile)
        return data[: len(expected)] == expected[: len(data)] and (len(data) == len(expected) or self._beyond(tile))

    def _beyond(self, tile: Tile) -> bool:
        return tile.index * TILE_WIDTH + tile.width > self.checkpoint.size >> 8 * (tile.level or 0)

    def _beginning(self, tile: Tile) -> bytes:
        """What the file must begin with: all of it, unless it reaches beyond the checkpoint."""
        have = (self.checkpoint.size >> 8 * (tile.level or 0)) - tile.index * TILE_WIDTH
        width = max(0, min(tile.width, have))
        if tile.level:
            return self.tree.tile(tile.level, tile.index, width)
        if tile.level == 0:
            first = tile.index * TILE_WIDTH
            return b"".join(self.tree.leaf(at) for at in range(first, first + width))
        whole = min(TILE_WIDTH, have)
        entries = decode_bundle(self._source.read(bundle_path(tile.index, whole)) or b"") if width else []
        return encode_bundle(entries[:width])
