"""The write-ahead journal: an entry is durable here before anything else knows of it.

A folder of segments named by the number of their first entry, a multiple of 256, so that a segment is one entry bundle
in the making. A frame is u32 length || u32 CRC-32 || entry, big-endian. The CRC tells a torn end from a whole frame; it
proves nothing: the signed head does.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from ledger.entry import MAX_ENTRY_BYTES
from ledger.errors import LedgerIOError
from ledger.fs import Disk, read, reported
from ledger.tiles import TILE_WIDTH

_FRAME = struct.Struct(">II")
_MOST_BYTES = 2 * TILE_WIDTH * (_FRAME.size + MAX_ENTRY_BYTES)  # of a segment, with whatever a crash left behind it


class Journal:
    """The journal's newest segment, open for appending. Use `Journal.begin`, or `read_segment` and `Journal.go_on`."""

    def __init__(self, folder: Path, disk: Disk, first: int, size: int) -> None:
        self._folder, self._disk = folder, disk
        self._first, self._size = first, size
        self._handle = disk.open(folder / str(first))

    @classmethod
    def begin(cls, folder: Path, disk: Disk) -> "Journal":
        """The journal of a new ledger."""
        disk.make_folder(folder)
        disk.create(folder / "0", b"")
        return cls(folder, disk, 0, 0)

    @classmethod
    def go_on(cls, folder: Path, disk: Disk, first: int, entries: Sequence[bytes]) -> "Journal":
        """Go on behind `entries`, the ones of the segment `first` to keep; whatever follows them is cut."""
        size = sum(_FRAME.size + len(entry) for entry in entries)
        if (folder / str(first)).stat().st_size != size:
            disk.cut(folder / str(first), size)
        return cls(folder, disk, first, size)

    def append(self, entries: Sequence[bytes]) -> None:
        """Make `entries` durable; LedgerIOError when the disk refuses, after which only reopening tells what is there.

        They must not reach over the end of the segment.
        """
        data = b"".join(part for entry in entries for part in (_FRAME.pack(len(entry), zlib.crc32(entry)), entry))
        self._disk.append(self._handle, data, at=self._size)
        self._size += len(data)

    def roll(self, first: int) -> None:
        """Begin the segment whose first entry is `first`."""
        if first != self._first:  # recovery has begun it when it publishes a head at the end of a segment
            self._disk.create(self._folder / str(first), b"")
            handle = self._disk.open(self._folder / str(first))
            self.close()
            self._handle, self._first, self._size = handle, first, 0

    def drop_published(self) -> None:
        """Remove the segments before this one; their bundles must be published."""
        for first in segments(self._folder):
            if first < self._first:
                self._disk.remove(self._folder / str(first))

    def close(self) -> None:
        """Close the segment's file; closing twice is harmless."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def segments(folder: Path) -> list[int]:
    """The first entries of the segments there are, in order; leftovers of a crash (dot files) do not count."""
    with reported(f"reading the journal {folder}"):
        names = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    wrong = [name for name in names if not _is_first(name)]
    if wrong:
        raise LedgerIOError(f"the journal holds {wrong[0]!r:.100}, which is no segment; move it away.")
    return sorted(map(int, names))


def read_segment(folder: Path, first: int) -> list[bytes]:
    """The whole entries of a segment, up to the first torn or damaged frame."""
    data, entries, at = read(folder / str(first), _MOST_BYTES) or b"", list[bytes](), 0
    while at + _FRAME.size <= len(data):
        length, crc = _FRAME.unpack_from(data, at)
        entry = data[at + _FRAME.size : at + _FRAME.size + length]
        if length > MAX_ENTRY_BYTES or len(entry) != length or zlib.crc32(entry) != crc or not length:
            break
        entries.append(entry)
        at += _FRAME.size + length
    return entries[:TILE_WIDTH]


def _is_first(name: str) -> bool:
    return name.isascii() and name.isdigit() and str(int(name)) == name and int(name) % TILE_WIDTH == 0
