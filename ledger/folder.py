"""Where a ledger keeps what: the files of one ledger folder, by name."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ledger.errors import NotALedger, Tampered
from ledger.fs import read, reported
from ledger.merkle import HASH_BYTES
from ledger.proofs import consistency_path, inclusion_path
from ledger.tiles import TILE_WIDTH, TileHashes, bundle_path, decode_bundle, encode_bundle, range_at

_PARTIAL = re.compile(r"(tile/(?:[0-9]+|entries)/[x0-9/]+)\.p/([0-9]+)")


class Proved(NamedTuple):
    """The entry at `place`, and the path (hashes of 32 bytes) from it to the root."""

    place: int
    entry: bytes
    path: tuple[bytes, ...]


class LedgerFolder:
    """The ledger in the folder `path`, whether it is there or not."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.log = self.path / "log"
        """What is published: any web server can serve this folder (C2SP tlog-tiles)."""
        self.checkpoint = self.log / "checkpoint"
        self.history = self.path / "history"
        """Every checkpoint that was published, by its size, with its cosignatures."""
        self.journal = self.path / "journal"
        self.snapshot = self.path / "state" / "snapshot"

    def check_exists(self) -> None:
        """Return when there is a ledger; NotALedger otherwise."""
        with reported(f"looking for a ledger in {self.path}"):
            if not (self.log.is_dir() and self.journal.is_dir()):
                raise NotALedger(
                    f"{self.path} is no ledger's folder (it needs log/ and journal/); name one, or run: "
                    f"fedray ledger init {self.path}"
                )

    def read(self, name: str) -> bytes:
        """A published file by its name below log/, such as "tile/0/000"; Tampered when it is missing.

        A partial tile or bundle may have given way to the full one, whose beginning it is.
        """
        data = read(self.log / name)
        if data is None and (partial := _PARTIAL.fullmatch(name)):
            data = read(self.log / partial[1])
            data = data and _beginning(data, int(partial[2]), entries=name.startswith("tile/entries/"))
        if data is None:
            raise Tampered(f"log/{name}", "the file is missing")
        return data

    def prove(self, indexes: Iterable[int], size: int) -> list[Proved]:
        """Entries of a published log of `size` entries, each with its inclusion path."""
        hash_at = TileHashes(size, self.read).hash_at
        bundles: dict[int, list[bytes]] = {}
        proved = []
        for index in indexes:
            number, at = divmod(index, TILE_WIDTH)
            if number not in bundles:
                bundles[number] = decode_bundle(self.read(bundle_path(number, min(size - index + at, TILE_WIDTH))))
            proved.append(Proved(index, bundles[number][at], tuple(inclusion_path(hash_at, index, size))))
        return proved

    def inclusion_path(self, index: int, size: int, published: int) -> tuple[bytes, ...]:
        """The proof that entry `index` is in the tree of `size` entries, from the tiles of a log of `published`."""
        return tuple(inclusion_path(TileHashes(published, self.read).hash_at, index, size))

    def root(self, size: int, published: int) -> bytes:
        """The root over the first `size` entries, from the tiles of a log of `published`."""
        return range_at(size, TileHashes(published, self.read).hash_at).root()

    def consistency_paths(self, olds: Iterable[int], new: int) -> dict[int, tuple[bytes, ...]]:
        """For each older size, the proof that the published tree of `new` entries extends it."""
        hash_at = TileHashes(new, self.read).hash_at
        return {old: tuple(consistency_path(hash_at, old, new)) for old in olds}


def _beginning(full: bytes, width: int, *, entries: bool) -> bytes:
    return encode_bundle(decode_bundle(full)[:width]) if entries else full[: width * HASH_BYTES]
