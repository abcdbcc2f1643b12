"""A new ledger: an empty tree with its signed checkpoint, which appears whole or not at all."""

import shutil
import tempfile
from pathlib import Path

from ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.errors import LedgerIOError, Refused
from ledger.folder import LedgerFolder
from ledger.forms import LOG
from ledger.fs import Disk, reported
from ledger.keyring import KeyRing
from ledger.keys import SigningKey
from ledger.log.journal import Journal
from ledger.log.publish import Publisher
from ledger.merkle import EMPTY_ROOT
from ledger.note import NoteSigner


def create(path: str | Path, origin: str, key: SigningKey, keys: str | Path | None, disk: Disk) -> None:
    """Make the folder `path` a ledger named `origin` without entries, whose operator is `key`.

    Raises Refused for an ill-formed origin, or one that the key folder knows with another key or with entries;
    LedgerIOError when `path` holds anything or cannot be written.
    """
    if not LOG.fits(origin):
        raise Refused(f"the origin is {origin!r:.100}; it must be {LOG.words}, such as example.org/our-training.")
    path, ring = Path(path), KeyRing(keys, disk)
    with reported(f"looking at {path}"):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise LedgerIOError(f"{path} exists already and is never overwritten; choose another path or remove it.")
    signer = NoteSigner(origin, key)
    signed = sign_checkpoint(Checkpoint(origin, 0, EMPTY_ROOT), [signer])
    _claim(ring, origin, key, signer, signed)
    disk.make_folder(path.absolute().parent)
    with reported(f"making {path}"):
        draft = Path(tempfile.mkdtemp(dir=path.absolute().parent, prefix=f".{path.name}."))
        try:
            draft.chmod(0o755)
            _fill(LedgerFolder(draft), disk, signed)
            disk.rename(draft, path.absolute())
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


def _claim(ring: KeyRing, origin: str, key: SigningKey, signer: NoteSigner, signed: bytes) -> None:
    """Keep the key and the empty head, unless a creation that did not come to its end has kept them already."""
    if not ring.key_file(origin).exists():
        ring.save_key(origin, key)
    elif ring.key(origin).who != key.who:
        raise Refused(f"the key folder {ring.folder} has another key for {origin}; use it, or choose another origin.")
    head = ring.head(origin)
    if head is not None and open_checkpoint(head, [signer.vkey]).checkpoint.size > 0:
        raise Refused(
            f"the key folder {ring.folder} remembers a ledger {origin} with entries, and a second one would be a fork; "
            "choose another origin."
        )
    ring.swap_head(origin, head, signed)


def _fill(folder: LedgerFolder, disk: Disk, signed: bytes) -> None:
    disk.make_folder(folder.log)
    disk.make_folder(folder.history)
    Journal.begin(folder.journal, disk).close()
    Publisher(folder, disk).publish(0, signed)
