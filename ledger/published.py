"""The tree of a published log, hash by hash from its tiles. Nothing is verified: what it gives must prove something."""

from ledger.checkpoint import parse_checkpoint
from ledger.errors import NotALedger, Refused, Tampered
from ledger.merkle import CompactRange
from ledger.note import parse_note
from ledger.proofs import consistency_path, inclusion_path
from ledger.source import Source
from ledger.tiles import TILE_WIDTH, TileHashes, bundle_path, decode_bundle, range_at


class PublishedTree:
    """The tree under a log's newest checkpoint (`signed`, its bytes); NotALedger without one, Tampered when ill-formed.

    Every method raises Tampered for a tile that is missing or too short, and Refused beyond `size`.
    """

    def __init__(self, source: Source) -> None:
        data = source.read("checkpoint")
        if data is None:
            raise NotALedger("there is no checkpoint; name a ledger's folder, or the address of one's log.")
        self.signed = data
        try:
            checkpoint = parse_checkpoint(parse_note(data).text)
        except Refused as error:
            raise Tampered("log/checkpoint", str(error).rstrip(".")) from error
        self.origin, self.size, self._source = checkpoint.origin, checkpoint.size, source
        self._hashes = TileHashes(self.size, self._read)

    def hash_at(self, level: int, index: int) -> bytes:
        """MTH(D[index << level : (index + 1) << level]), 32 bytes."""
        try:
            return self._hashes.hash_at(level, index)
        except LookupError as error:
            raise Tampered(f"log/{error.args[0]}", "the file is missing") from error

    def range_at(self, size: int) -> CompactRange:
        """The tree of the first `size` entries, ready to grow."""
        return range_at(size, self.hash_at)

    def root_at(self, size: int) -> bytes:
        """The root over the first `size` entries."""
        return self.range_at(size).root()

    def inclusion_path(self, index: int, size: int) -> tuple[bytes, ...]:
        """The proof that entry `index` is in the tree of the first `size` entries."""
        return tuple(inclusion_path(self.hash_at, index, size))

    def consistency_path(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that the tree of `new` entries extends that of `old`."""
        return tuple(consistency_path(self.hash_at, old, new))

    def _read(self, name: str) -> bytes:
        data = self._source.read(name)
        if data is None:
            raise LookupError(name)
        return data


def read_bundle(source: Source, index: int, size: int) -> list[bytes]:
    """The entries of bundle `index` of a published log of `size` entries; Tampered when they cannot be had."""
    width = min(TILE_WIDTH, size - index * TILE_WIDTH)
    path = bundle_path(index, width)
    data = source.read(path) or source.read(bundle_path(index))  # the full one may just have replaced it
    try:
        found = decode_bundle(data or b"")[:width]
    except Refused as error:
        raise Tampered(f"log/{path}", str(error).rstrip(".")) from error
    if len(found) < width:
        raise Tampered(f"log/{path}", "it is missing or too short")
    return found
