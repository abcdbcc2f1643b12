"""Verifying a bundle of entries by itself, so that many processes can share the work.

All that needs no other bundle: bytes are canonical, entries numbered and linked, times do not fall, signatures are
good, and the files of the bundle and of its tile of hashes say the same. What depends on order is left to the caller.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger.canonical import Value
from ledger.entry import first_prev
from ledger.errors import Refused, Tampered
from ledger.merkle import HASH_BYTES, leaf_hash, node_hash
from ledger.source import Source
from ledger.tiles import TILE_WIDTH, Tile, bundle_path, decode_bundle, encode_bundle
from ledger.verify.entries import check_entry
from ledger.verify.files import compare

Bodies = list[dict[str, Value]]


@dataclass(frozen=True)
class Job:
    """Bundle `index` of the log named `origin`, which has `width` entries by the checkpoint.

    `files` are the bundles and tiles with this index that are there, or, where nobody can know, that must be.
    `statements` has them checked as statements at all, `thorough` their signatures too.
    """

    origin: str
    index: int
    width: int
    files: tuple[Tile, ...]
    statements: bool = True
    thorough: bool = True


@dataclass
class Found:
    """What is in a bundle up to the first `problem`: leaf hashes, joined, and the statements, if they are wanted."""

    index: int
    problem: Tampered | None = None
    leaves: bytes = b""
    root: bytes | None = None  # of the full bundle
    prev: str = ""  # what the first entry links to
    times: tuple[int, int] = (0, 0)  # of the first and the last entry
    kinds: Counter[str] = field(default_factory=Counter)
    speakers: set[str] = field(default_factory=set)
    bodies: Bodies = field(default_factory=list)
    operators: list[tuple[int, str]] = field(default_factory=list)  # from a checkpoint of this size on, who signs


def check_bundles(source: Source, jobs: Sequence[Job]) -> list[Found]:
    """Each bundle in turn, up to the first that has a problem; LedgerIOError when a file cannot be read."""
    found = []
    for job in jobs:
        found.append(check_bundle(source, job))
        if found[-1].problem:
            break
    return found


def check_bundle(source: Source, job: Job) -> Found:
    """What is in one bundle; never raises Tampered, but returns it."""
    found = Found(job.index)
    try:
        raw, entries = _read(source, job)
        leaves = [leaf_hash(entry) for entry in entries]
        found.leaves = b"".join(leaves)
        found.root = _root(leaves) if job.width == TILE_WIDTH else None
        if job.statements:
            _check_entries(job, entries, leaves, found)
        _check_files(source, job, raw, entries, found.leaves)
    except Tampered as problem:
        found.problem = problem
    _sum_up(found, keep=job.thorough)
    return found


def _root(leaves: Sequence[bytes]) -> bytes:
    """The root over as many leaves as a full bundle has: a power of two, so level by level is quickest."""
    while len(leaves) > 1:
        leaves = [node_hash(left, right) for left, right in zip(leaves[::2], leaves[1::2], strict=True)]
    return leaves[0]


def _read(source: Source, job: Job) -> tuple[bytes, list[bytes]]:
    """The bundle, and its entries; the beginning of the full one when a partial one has just given way to it."""
    path = bundle_path(job.index, job.width)
    data = source.read(path)
    if data is not None:
        return data, _decode(path, data, job.width)
    full = bundle_path(job.index)
    data = source.read(full) if job.width < TILE_WIDTH else None
    if data is None:
        raise Tampered(f"log/{path}", "the file is missing")
    entries = _decode(full, data, TILE_WIDTH)[: job.width]
    return encode_bundle(entries), entries


def _decode(path: str, data: bytes, width: int) -> list[bytes]:
    try:
        entries = decode_bundle(data)
    except Refused as error:
        raise Tampered(f"log/{path}", str(error).partition(";")[0]) from error
    if len(entries) != width:
        raise Tampered(f"log/{path}", f"it holds {len(entries)} entries instead of {width}")
    return entries


def _check_entries(job: Job, entries: Sequence[bytes], leaves: Sequence[bytes], found: Found) -> None:
    first = job.index * TILE_WIDTH
    link, last = (first_prev(job.origin) if first == 0 else ""), 0
    for number, (data, leaf) in enumerate(zip(entries, leaves, strict=True), first):
        try:
            prev, ts, body = check_entry(data, number, link, last, job.origin, signatures=job.thorough)
        except Refused as error:
            raise Tampered(f"entry {number}", str(error).rstrip(".")) from error
        if number == first:
            found.prev, found.times = prev, (ts, ts)
        link, last = leaf.hex(), ts
        found.bodies.append(body)
    found.times = (found.times[0], last)


def _sum_up(found: Found, *, keep: bool) -> None:
    """Count the statements that were good, and `keep` them or not."""
    found.kinds = Counter(str(body["kind"]) for body in found.bodies)
    found.speakers = {str(body.get("who")) for body in found.bodies}
    for number, body in enumerate(found.bodies, found.index * TILE_WIDTH):
        if body["kind"] == "genesis":
            found.operators.append((number, str(body["who"])))
        elif body["kind"] == "operator.rotate":
            found.operators.append((number + 1, str(body["new"])))
    if not keep:
        found.bodies = []


def _check_files(source: Source, job: Job, raw: bytes, entries: Sequence[bytes], leaves: bytes) -> None:
    """Every other file of this bundle and its tile says the same, as far as both reach."""
    for tile in job.files:
        if tile == Tile(None, job.index, job.width):
            continue  # `raw` itself; that nothing is left over in it was seen when it was decoded
        width = min(tile.width, job.width)
        end = sum(2 + len(entry) for entry in entries[:width]) if tile.level is None else width * HASH_BYTES
        compare(source, tile, (raw if tile.level is None else leaves)[:end], beyond=tile.width > job.width)
