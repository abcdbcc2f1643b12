"""Everything the ledger does to a disk: exclusive creation, locked append, and cutting a torn tail.

The caller's promise "this entry is durable" rests on three orders: data before its name (create), data before the
return (append), and nothing left behind that was not promised (an append that fails is undone).
"""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import LedgerIOError


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Turn an operating-system error into a LedgerIOError that says what could not be done."""
    try:
        yield
    except LedgerIOError:
        raise
    except OSError as error:
        raise LedgerIOError(
            f"{what} failed: {error.strerror or error}; check the path, its permissions and the disk, then try again."
        ) from error


def make_folder(path: Path) -> None:
    """Make the folder and those above it, durably, as far as they are missing; LedgerIOError when the disk refuses."""
    with reported(f"making the folder {path}"):
        if not path.is_dir():
            make_folder(path.parent)
            path.mkdir(exist_ok=True)
            _sync_folder(path.parent)


def create(path: Path, data: bytes, mode: int) -> None:
    """Make a new file that appears whole or not at all, with permission bits `mode`; never replaces one.

    Raises LedgerIOError when `path` exists or the disk refuses.
    """
    with reported(f"creating {path}"):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600 from birth
        try:
            _fill(handle, data, mode)
            os.link(name, path)  # unlike a rename, a link does not replace what is there
        except FileExistsError as error:
            raise LedgerIOError(
                f"{path} exists already and is never overwritten; choose another path or remove it."
            ) from error
        finally:
            Path(name).unlink()
        _sync_folder(path.parent)


def open_locked(path: Path) -> int:
    """A descriptor for reading and writing that holds the file's one write lock until it is closed.

    Raises LedgerIOError at once, without waiting, when another process holds the lock.
    """
    with reported(f"opening {path} for writing"):
        handle = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise LedgerIOError(
                f"{path} is open in another writer; a ledger has one at a time, so stop that one first."
            ) from error
        return handle


def append(handle: int, data: bytes, at: int) -> None:
    """Write `data` behind the first `at` bytes and wait for the disk; on any failure the file is `at` bytes again.

    Raises LedgerIOError when the disk refuses, or when the file is not `at` bytes long because someone else changed it.
    """
    with reported("appending to the ledger"):
        size = os.fstat(handle).st_size
        if size != at:
            raise LedgerIOError(
                f"the ledger has {size} bytes instead of {at}: something else changed it; verify it, then reopen."
            )
        try:
            _write_all(handle, data, at)
            os.fdatasync(handle)
        except BaseException:  # an interrupt, too, must not leave entries that were never acknowledged
            os.ftruncate(handle, at)
            raise


def cut(handle: int, size: int) -> None:
    """Shorten the file to its first `size` bytes, durably."""
    with reported("cutting the torn last line"):
        os.ftruncate(handle, size)
        os.fdatasync(handle)


def _fill(handle: int, data: bytes, mode: int) -> None:
    try:
        os.fchmod(handle, mode)
        _write_all(handle, data, 0)
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_all(handle: int, data: bytes, at: int) -> None:
    """One write in all but the rare case that the system takes only part of it (a full disk, a signal)."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(handle, rest, at)
        if written == 0:
            raise OSError(errno.EIO, "the disk took no bytes")
        rest, at = rest[written:], at + written


def _sync_folder(folder: Path) -> None:
    """A new name is durable only once its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
