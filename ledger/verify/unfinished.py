"""Entries that are signed but not yet published, as a crash, or a writer at work, leaves them behind the checkpoint."""

from pathlib import Path

from ledger.errors import LedgerIOError, Refused
from ledger.log.journal import read_segment
from ledger.merkle import CompactRange, leaf_hash
from ledger.source import Source
from ledger.tiles import TILE_WIDTH, bundle_path, decode_bundle
from ledger.verify.tree import Tree


def root_beyond(source: Source, folder: Path | None, tree: Tree, size: int) -> bytes | None:
    """The root at a size that the published log has yet to reach, from its bundles and the journal; None without them.

    Nothing of what lies behind the checkpoint is verified but that it makes this root.
    """
    range_ = CompactRange(tree.size, tree.peaks(tree.size))
    while range_.size < size:
        index, at = divmod(range_.size, TILE_WIDTH)
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        entries = _bundle(source, index, width) or _journal(folder, index)
        if len(entries) < width:
            return None
        for entry in entries[at:width]:
            range_.append(leaf_hash(entry))
    return range_.root()


def _bundle(source: Source, index: int, width: int) -> list[bytes]:
    for path in (bundle_path(index, width), bundle_path(index)):
        try:
            data = source.read(path)
            if data is not None:
                return decode_bundle(data)
        except Refused:
            pass
    return []


def _journal(folder: Path | None, index: int) -> list[bytes]:
    try:
        return [] if folder is None else read_segment(folder / "journal", index * TILE_WIDTH)
    except LedgerIOError:
        return []
