"""The key folder: for every log its operator's key and the last checkpoint signed with it, apart from the ledger.

The head is compared and swapped before anything is published, so two conflicting checkpoints never get signed, and a
ledger restored from an old copy is behind its head and says so.
"""

import os
from pathlib import Path
from urllib.parse import quote

from ledger.errors import RolledBack
from ledger.fs import DISK, Disk, locked, read
from ledger.keys import SigningKey


def default_folder() -> Path:
    """Where keys live unless told otherwise: $FEDRAY_KEYS, or `fedray/keys` in the user's configuration folder."""
    given = os.environ.get("FEDRAY_KEYS")
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(given or f"{config}/fedray/keys").expanduser()


class KeyRing:
    """A key folder; None is the default one. Origins are percent-encoded in file names."""

    def __init__(self, folder: str | Path | None = None, disk: Disk = DISK) -> None:
        self.folder = default_folder() if folder is None else Path(folder)
        self._disk = disk

    def key_file(self, origin: str) -> Path:
        """The operator's key of the log `origin`, whether it is there or not."""
        return self.folder / f"{quote(origin, safe='')}.key"

    def key(self, origin: str) -> SigningKey:
        """The operator's key; LedgerIOError when there is none, Refused when others may read it."""
        return SigningKey.load(self.key_file(origin))

    def save_key(self, origin: str, key: SigningKey) -> None:
        """Keep the operator's key of a new log; LedgerIOError when there is one already."""
        if not self.folder.is_dir():
            self._disk.make_folder(self.folder)
            self.folder.chmod(0o700)
        key.save(self.key_file(origin), self._disk)

    def next_key_file(self, origin: str) -> Path:
        """Where the new key waits while the log is being rotated to it."""
        return self.folder / f"{quote(origin, safe='')}.key.next"  # which is no other log's key file

    def next_key(self, origin: str) -> SigningKey | None:
        """The new key that waits for its hand-over, None when there is none; Refused when others may read it."""
        path = self.next_key_file(origin)
        return SigningKey.load(path) if path.exists() else None

    def save_next_key(self, origin: str, key: SigningKey) -> None:
        """Have a new key wait for its hand-over, in the place of one whose hand-over came to nothing."""
        self._disk.remove(self.next_key_file(origin))
        key.save(self.next_key_file(origin), self._disk)

    def adopt_next_key(self, origin: str) -> None:
        """Finish a rotation: the waiting key becomes the operator's."""
        self._disk.rename(self.next_key_file(origin), self.key_file(origin))

    def head(self, origin: str) -> bytes | None:
        """The last checkpoint that was signed, None when there is none."""
        return read(self._head_file(origin))

    def swap_head(self, origin: str, old: bytes | None, new: bytes) -> None:
        """Put `new` in the place of `old`, durably; RolledBack when another head is there: someone else signed."""
        with locked(self.folder):  # a copy of the ledger elsewhere has a write lock of its own
            if self.head(origin) != old:
                raise RolledBack(
                    f"the head in {self._head_file(origin)} is not the one this writer signed last; another writer "
                    "holds the same key, so stop one of them and open the ledger again."
                )
            self._disk.replace(self._head_file(origin), new)

    def _head_file(self, origin: str) -> Path:
        return self.folder / f"{quote(origin, safe='')}.head"
