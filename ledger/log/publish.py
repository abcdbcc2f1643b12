"""Publishing: a signed head becomes files that strangers can check, each durable before the next refers to it.

Order: tiles and bundle, the checkpoint's place in the history, cosignatures, and the checkpoint itself last.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from ledger.checkpoint import add_signatures
from ledger.errors import Refused, RolledBack
from ledger.folder import LedgerFolder
from ledger.fs import Disk, read
from ledger.note import Signature, parse_note


class Publisher:
    """Writes below log/ and history/ of one ledger."""

    def __init__(self, folder: LedgerFolder, disk: Disk) -> None:
        self._folder, self._disk = folder, disk

    def write_tiles(self, tiles: Iterable[tuple[str, bytes]]) -> list[str]:
        """Write tiles and bundles durably; the paths of the full ones among them."""
        full = []
        for name, data in tiles:
            path = self._folder.log / name
            self._disk.make_folder(path.parent)
            self._disk.write_immutable(path, data)
            if not path.parent.name.endswith(".p"):
                full.append(name)
        return full

    def publish(self, size: int, checkpoint: bytes) -> None:
        """Make `checkpoint` the newest one; its tiles must be written."""
        self._disk.make_folder(self._folder.history)
        kept = self._folder.history / str(size)
        checkpoint = _with_lines_of(read(kept), checkpoint)
        self._disk.replace(kept, checkpoint)  # whole: readers look into the history, too
        self._disk.replace(self._folder.checkpoint, checkpoint)

    def cosign(self, size: int, signatures: Sequence[Signature]) -> bytes:
        """Add cosignatures to a published checkpoint; what it is now. RolledBack when there is none of that size."""
        path = self._folder.history / str(size)
        data = read(path)
        if data is None:
            raise RolledBack(f"no checkpoint of size {size} was published; cosign one that is in {path.parent}.")
        signed = add_signatures(data, signatures)
        if signed != data:
            self._disk.replace(path, signed)
            if read(self._folder.checkpoint) == data:
                self._disk.replace(self._folder.checkpoint, signed)
        return signed

    def drop_partial(self, full: Iterable[str]) -> None:
        """Remove the partial tiles that full ones have replaced (tlog-tiles allows it once those are published)."""
        for name in full:
            self._disk.remove_folder(self._folder.log / f"{name}.p")


def _with_lines_of(before: bytes | None, checkpoint: bytes) -> bytes:
    """The checkpoint with the cosignatures it had when it was published before; a damaged file is no matter."""
    with suppress(Refused):
        old, new = parse_note(before or b""), parse_note(checkpoint)
        if old.text == new.text:
            return add_signatures(checkpoint, [line for line in old.signatures if line not in new.signatures])
    return checkpoint
