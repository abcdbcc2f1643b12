"""Opening a ledger to write: what the signed head promises must be there, and what nobody was promised is cut.

The head in the key folder is the truth. The journal must reach it, with the entries it was signed over; what lies past
it was never acknowledged, and after a failed flush nobody knows whether the disk has it, so it is cut. Tiles and
checkpoint may be behind the head after a crash; they are made again from the journal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.entry import Entry, decode_entry
from ledger.errors import Refused, RolledBack, Tampered
from ledger.folder import LedgerFolder
from ledger.fs import Disk, read
from ledger.keyring import KeyRing
from ledger.keys import SigningKey
from ledger.log.edge import Edge
from ledger.log.journal import Journal, read_segment, segments
from ledger.log.snapshot import load_snapshot
from ledger.merkle import leaf_hash
from ledger.note import NoteSigner, VerifierKey
from ledger.state import State
from ledger.tiles import TILE_WIDTH, TileHashes, bundle_path, decode_bundle, range_at


@dataclass
class Recovered:
    """A ledger ready for its next entry."""

    checkpoint: Checkpoint
    signed: bytes
    published: bool
    edge: Edge
    journal: Journal
    state: State
    last: Entry | None
    last_data: bytes
    snapshot_size: int
    key: SigningKey


def recover(folder: LedgerFolder, ring: KeyRing, origin: str, key: SigningKey, disk: Disk) -> Recovered:
    """Bring the parts of a ledger together. The caller holds its lock.

    Raises RolledBack when the journal or the published log do not fit the signed head, Tampered for damaged files,
    Refused when the log has been handed over to another key.
    """
    places = (folder.journal, folder.log, folder.path, ring.folder)
    disk.settle(dict.fromkeys([*places, folder.path.absolute().parent, ring.folder.absolute().parent]))
    signed = _head(folder, ring, origin)
    head = open_checkpoint(signed, [NoteSigner(origin, key).vkey]).checkpoint
    published = _is_published(read(folder.checkpoint) or b"", head, NoteSigner(origin, key).vkey)
    first, entries = _journal(folder.journal, head.size)
    kept = entries[: head.size - first]
    try:
        edge = Edge.at(first, folder.read)
        root_at_first = edge.root()
        for at in range(0, len(kept), TILE_WIDTH):
            part = kept[at : at + TILE_WIDTH]
            edge.append(part, [leaf_hash(entry) for entry in part])
    except Refused as error:
        raise Tampered("log/tile", str(error).rstrip(".")) from error
    if edge.root() != head.root:
        raise RolledBack(
            f"the {head.size} entries in {folder.path} are not those that the head in the key folder was signed over: "
            "this is a fork or a damaged copy; restore the ledger, or look at it with: fedray ledger verify"
        )
    disk.settle({folder.log / above for name, _ in edge.tiles() for above in Path(name).parents})
    state = load_snapshot(folder.snapshot, origin, key.who, head.size)
    snapshot_size = state.size
    last_data = _replay(folder, state, first, kept, root_at_first)
    key = _in_force(state, ring, origin, key)
    newest = head.size // TILE_WIDTH * TILE_WIDTH
    journal = _go_on(folder.journal, disk, first, newest, kept)
    last = decode_entry(last_data) if last_data else None
    return Recovered(head, signed, published, edge, journal, state, last, last_data, snapshot_size, key)


def origin_of(folder: LedgerFolder) -> str:
    """The log's name by its published checkpoint; Tampered when there is none to read it from."""
    first_line = folder.read("checkpoint").split(b"\n", 1)[0]
    try:
        return first_line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Tampered("log/checkpoint", "its first line is no log name") from error


def _head(folder: LedgerFolder, ring: KeyRing, origin: str) -> bytes:
    signed = ring.head(origin)
    if signed is None:
        raise RolledBack(
            f"the key folder {ring.folder} holds no head of {origin}, so nobody can tell whether {folder.path} is "
            "complete; bring the head file back, or accept the published checkpoint with: fedray ledger repair"
        )
    return signed


def _journal(folder: Path, size: int) -> tuple[int, list[bytes]]:
    """The first entry that the journal holds, and its entries from there; RolledBack when they end before `size`."""
    starts = segments(folder)
    first, entries = starts[-1] if starts else 0, read_segment(folder, starts[-1]) if starts else []
    for start in reversed(starts[:-1]):
        before = read_segment(folder, start)
        if start + len(before) != first:
            break  # it is damaged, or published long ago: the root will tell
        first, entries = start, before + entries
    if not starts or first + len(entries) < size or first > size:
        missing = size - first - len(entries)
        raise RolledBack(f"ledger rolled back: {max(missing, 1)} signed entries missing from {folder}; restore them.")
    return first, entries


def _in_force(state: State, ring: KeyRing, origin: str, key: SigningKey) -> SigningKey:
    """The operator's key by the entries; a hand-over to a key that still waits is finished."""
    operator = state.operator or key.who
    waiting = ring.next_key(origin)
    if waiting is not None and waiting.who == operator:
        ring.adopt_next_key(origin)
        return waiting
    if key.who != operator:
        raise Refused(f"{origin} is operated by {operator}, and the key at hand is {key.who}; open it with that key.")
    return key


def _go_on(folder: Path, disk: Disk, first: int, newest: int, kept: list[bytes]) -> Journal:
    """The segment that holds the next entry, cut behind the newest one kept."""
    path = folder / str(newest)
    if not path.exists():
        disk.create(path, b"")
    return Journal.go_on(folder, disk, newest, kept[newest - first :])


def _replay(folder: LedgerFolder, state: State, first: int, kept: list[bytes], root_at_first: bytes) -> bytes:
    """Apply what the state has not seen; the newest entry's bytes."""
    data = b""
    start = min(state.size, max(first + len(kept) - 1, 0)) // TILE_WIDTH * TILE_WIDTH
    _check_published(folder, start, first, root_at_first)
    for number, data in enumerate(chain(_published(folder, start, first), kept), min(start, first)):
        if number >= state.size:
            try:
                state.apply(decode_entry(data).statement.body)
            except Refused as error:
                raise Tampered(f"entry {number}", str(error).rstrip(".")) from error
    return data


def _check_published(folder: LedgerFolder, start: int, first: int, root_at_first: bytes) -> None:
    """Return when the bundles from `start` to `first`, multiples of 256, are those under the root; Tampered otherwise.

    Nothing may be built on a file that nobody signed for.
    """
    if start >= first:
        return
    tree = range_at(start, TileHashes(first, folder.read).hash_at)
    for entry in _published(folder, start, first):
        tree.append(leaf_hash(entry))
    if tree.size != first or tree.root() != root_at_first:
        raise Tampered("log/tile/entries", f"entries {start} to {first} are not those under the signed root")


def _published(folder: LedgerFolder, start: int, first: int) -> Iterator[bytes]:
    for index in range(start // TILE_WIDTH, first // TILE_WIDTH):
        try:
            yield from decode_bundle(folder.read(bundle_path(index)))
        except Refused as error:
            raise Tampered(f"log/{bundle_path(index)}", str(error).rstrip(".")) from error


def _is_published(data: bytes, head: Checkpoint, vkey: VerifierKey) -> bool:
    """Whether the published checkpoint is the head (perhaps with cosignatures); RolledBack when it is beyond it."""
    try:
        there = open_checkpoint(data, [vkey]).checkpoint
    except Refused:
        return False  # signed by the key before a rotation, or damaged: it is written again
    if there.size == head.size and there != head:
        raise RolledBack(
            f"the published checkpoint and the head in the key folder have {head.size} entries both and differ: this "
            "is a fork; keep both as evidence, and compare them with: fedray ledger compare"
        )
    if there.size > head.size:
        raise RolledBack(
            f"the published checkpoint has {there.size} entries and the head in the key folder {head.size}: the key "
            "folder was restored from an old copy; bring its newest head file back."
        )
    return there == head
