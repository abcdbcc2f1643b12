"""Entries that are signed but not yet published, as a crash, or a writer at work, leaves them behind the checkpoint."""

from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

from ledger.errors import LedgerIOError, Refused
from ledger.log.journal import read_segment
from ledger.merkle import CompactRange, leaf_hash
from ledger.source import Source
from ledger.tiles import TILE_WIDTH, bundle_path, decode_bundle
from ledger.verify.tree import Tree

_MOST_TRIED = 64  # ways to combine what the files say; when only crashes were at work, the first way is right


def makes_root(source: Source, folder: Path | None, tree: Tree, size: int, root: bytes) -> bool:
    """Whether entries for this root, at a size that the published log has yet to reach, are in journal or bundles.

    Nothing of what lies behind the checkpoint is verified but that it makes this root. A file may be torn, so each is
    as good as another.
    """
    candidates = []
    for index in range(tree.size // TILE_WIDTH, (size + TILE_WIDTH - 1) // TILE_WIDTH):
        start, width = index * TILE_WIDTH, min(TILE_WIDTH, size - index * TILE_WIDTH)
        parts = (entries[max(tree.size - start, 0) : width] for entries in _read(source, folder, index, width))
        candidates.append(list(dict.fromkeys(tuple(map(leaf_hash, part)) for part in parts)))
    for leaves in islice(product(*candidates), _MOST_TRIED):
        range_ = CompactRange(tree.size, tree.peaks(tree.size))
        for leaf in (leaf for part in leaves for leaf in part):
            range_.append(leaf)
        if range_.root() == root:
            return True
    return False


def _read(source: Source, folder: Path | None, index: int, width: int) -> Iterator[list[bytes]]:
    """What the journal and the bundles have of this bundle, where that is enough."""
    for entries in (
        _journal(folder, index),
        *(_bundle(source, bundle_path(index, wide)) for wide in (width, TILE_WIDTH)),
    ):
        if len(entries) >= width:
            yield entries


def _bundle(source: Source, path: str) -> list[bytes]:
    data = source.read(path)
    try:
        return [] if data is None else decode_bundle(data)
    except Refused:
        return []


def _journal(folder: Path | None, index: int) -> list[bytes]:
    try:
        return [] if folder is None else read_segment(folder / "journal", index * TILE_WIDTH)
    except LedgerIOError:
        return []
