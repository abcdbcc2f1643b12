"""Bringing a damaged ledger back, as far as that needs no entry to be invented, changed or left out.

Tiles and bundles are made again from what is left of the entries, in bundles and journal, when these make the root that
was signed. A lost head file can be replaced by what is here, if the owner says that this copy is the newest.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.errors import NotALedger, RolledBack
from ledger.folder import LedgerFolder
from ledger.fs import DISK, Disk, lock, read, reported
from ledger.keyring import KeyRing
from ledger.log import Log
from ledger.log.journal import Journal, read_segment
from ledger.merkle import CompactRange, leaf_hash
from ledger.note import NoteSigner, parse_note
from ledger.rebuild import Rebuilt, restore_checkpoint
from ledger.tiles import TILE_WIDTH
from ledger.verify import verify_dir


def repair(
    path: str | Path, keys: str | Path | None = None, adopt_head: bool = False, *, disk: Disk = DISK
) -> list[str]:
    """Repair the ledger in the folder `path`; what was done, a sentence each, nothing when nothing was wrong.

    `adopt_head`: when the key folder has no head of this log, or an older one, take the entries that are here for all
    there are. Raises Tampered when entries are missing or not those that were signed, RolledBack when the ledger is
    behind its head or beside it, NotALedger, and LedgerIOError when a writer has it, its key is missing, or the disk
    refuses.
    """
    folder, ring = LedgerFolder(path), KeyRing(keys, disk)
    with reported(f"looking for a ledger in {folder.path}"):
        if not folder.log.is_dir():
            raise NotALedger(f"{folder.path} is no ledger's folder (it needs log/); name one.")
    disk.make_folder(folder.journal)  # an exported copy has none
    held = lock(folder.journal)
    try:
        done = list(restore_checkpoint(folder, disk))
        rebuilt = Rebuilt(folder)
        done += rebuilt.write(disk)
        done += _refill_journal(folder, rebuilt, disk)
        if adopt_head:
            done += _adopt(folder, ring, rebuilt)
    finally:
        os.close(held)
    return done + list(_open(folder, ring, disk))


def _refill_journal(folder: LedgerFolder, rebuilt: Rebuilt, disk: Disk) -> Iterator[str]:
    """Give the journal the entries of the last bundle back, which it must hold until that is full."""
    first = rebuilt.checkpoint.size // TILE_WIDTH * TILE_WIDTH
    found = read_segment(folder.journal, first)
    path = folder.journal / str(first)
    if found[: len(rebuilt.last)] != rebuilt.last or not path.exists():
        if path.exists():
            disk.rename(path, folder.journal / f".{first}.damaged")  # somebody may find more in it one day
        disk.create(path, b"")
        journal = Journal(folder.journal, disk, first, 0)
        journal.append(rebuilt.last)
        journal.close()
        yield f"journal/{first} was missing or damaged; it is made again from the published entries."


def _adopt(folder: LedgerFolder, ring: KeyRing, rebuilt: Rebuilt) -> Iterator[str]:
    """Sign a head over all entries that are here, in the place of one that is lost or older."""
    published, tree = rebuilt.checkpoint, rebuilt.tree
    old = ring.head(published.origin)
    if old is not None:
        head = parse_checkpoint(parse_note(old).text)
        if head.size >= published.size:
            return  # opening tells whether the two fit
        if tree.root_at(head.size) != head.root:
            raise RolledBack("the head in the key folder is of another ledger than this, a fork; it is not replaced.")
    signer = NoteSigner(published.origin, ring.key(published.origin))
    open_checkpoint(read(folder.checkpoint) or b"", [signer.vkey])  # Refused when it is another operator's ledger
    report = verify_dir(folder.path, keys=folder.path / "no-keys")
    if report.problems:
        raise report.problems[0]
    range_ = CompactRange(tree.size, tree.peaks(tree.size))
    for entry in _behind(folder, tree.size):
        range_.append(leaf_hash(entry))
    signed = sign_checkpoint(Checkpoint(published.origin, range_.size, range_.root()), [signer])
    ring.swap_head(published.origin, old, signed)
    yield f"The head in {ring.folder} is now the one of the {range_.size} entries that are here."


def _behind(folder: LedgerFolder, size: int) -> Iterator[bytes]:
    """Entries in the journal behind the published ones: they may have been acknowledged, so none is given up."""
    while True:
        first = size // TILE_WIDTH * TILE_WIDTH
        more = read_segment(folder.journal, first)[size - first :]
        if not more:
            return
        yield from more
        size += len(more)


def _open(folder: LedgerFolder, ring: KeyRing, disk: Disk) -> Iterator[str]:
    """Have the log recover as it does whenever it is opened; say what has been published by it."""
    before = read(folder.checkpoint)
    Log.open(folder.path, keys=ring.folder, disk=disk).close()
    if read(folder.checkpoint) != before:
        size = parse_checkpoint(parse_note(read(folder.checkpoint) or b"").text).size
        yield f"What an interruption had kept back is published; the checkpoint has {size} entries."
