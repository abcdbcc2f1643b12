"""Everything the ledger does to a disk, and the only module that writes.

A promise "this is durable" rests on orders kept here: data before its name, a name before its folder, and all of
it before the return. `Disk` is handed to whoever writes, so that tests can put one in its place that fails.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
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


def read(path: Path, most: int | None = None) -> bytes | None:
    """The file's bytes, None when there is no such file; LedgerIOError when it cannot be read.

    Nor is anything read but a regular file, of up to `most` bytes: whoever put a pipe there would keep us waiting.
    """
    with reported(f"reading {path}"):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise LedgerIOError(f"{path} is no regular file, so it is not read; put the right file in its place.")
            if most is not None and found.st_size > most:
                raise LedgerIOError(
                    f"{path} has {found.st_size} bytes, and {most} are allowed; put the right file in its place."
                )
            return file.read()


class Disk:
    """The real disk. Every method raises LedgerIOError when the system refuses."""

    def make_folder(self, path: Path) -> None:
        """Make the folder and those above it, durably, as far as they are missing."""
        with reported(f"making the folder {path}"):
            if not path.is_dir():
                self.make_folder(path.parent)
                path.mkdir(exist_ok=True)
                self.sync_folder(path.parent)

    def create(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        """Make a new file that appears whole or not at all, with permission bits `mode`; never replaces one."""
        with reported(f"creating {path}"):
            name = self._temporary(path, data, mode)
            try:
                os.link(name, path)  # unlike a rename, a link does not replace what is there
            except FileExistsError as error:
                raise LedgerIOError(
                    f"{path} exists already and is never overwritten; choose another path or remove it."
                ) from error
            finally:
                Path(name).unlink()
            self.sync_folder(path.parent)

    def replace(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        """Give the file new content: after a crash it has the old or the new one, whole."""
        with reported(f"writing {path}"):
            name = self._temporary(path, data, mode)
            try:
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink()
                raise
            self.sync_folder(path.parent)

    def write_immutable(self, path: Path, data: bytes) -> None:
        """Write a file that nothing refers to yet and whose content can be no other, without the way round by a rename.

        A crash may leave part of it; writing it again mends that. Its folder must exist.
        """
        with reported(f"writing {path}"):
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                if path.read_bytes() != data:
                    self.replace(path, data)
                    return
                handle = os.open(
                    path, os.O_WRONLY
                )  # written again: after a failed fsync, what we read may be in memory only
            try:
                _write_all(handle, data, 0)
                os.fsync(handle)
            finally:
                os.close(handle)
            self.sync_folder(path.parent)

    def append(self, handle: int, data: bytes, at: int) -> None:
        """Write `data` behind the first `at` bytes and wait for the disk; on failure, try to undo it and raise."""
        with reported("appending to the journal"):
            size = os.fstat(handle).st_size
            if size != at:
                raise LedgerIOError(
                    f"the journal has {size} bytes instead of {at}: something else changed it; verify it, then reopen."
                )
            try:
                _write_all(handle, data, at)
                os.fdatasync(handle)
            except BaseException:  # an interrupt, too, should not leave entries that were never acknowledged
                with suppress(OSError):
                    os.ftruncate(handle, at)
                raise

    def cut(self, path: Path, size: int) -> None:
        """Shorten the file to its first `size` bytes, durably."""
        with reported(f"cutting the unfinished end of {path}"):
            handle = os.open(path, os.O_WRONLY)
            try:
                os.ftruncate(handle, size)
                os.fdatasync(handle)
            finally:
                os.close(handle)

    def open(self, path: Path) -> int:
        """A descriptor for `append`."""
        with reported(f"opening {path} for writing"):
            return os.open(path, os.O_WRONLY)

    def remove(self, path: Path) -> None:
        """Remove a file, durably; one that is not there is no error."""
        with reported(f"removing {path}"):
            path.unlink(missing_ok=True)
            self.sync_folder(path.parent)

    def remove_folder(self, path: Path) -> None:
        """Remove a folder of files that nothing needs any more; none there is no error."""
        with reported(f"removing {path}"):
            if path.is_dir():
                for file in path.iterdir():
                    file.unlink()
                path.rmdir()

    def rename(self, old: Path, new: Path) -> None:
        """Move a file or folder to a name of the same folder, durably."""
        with reported(f"renaming {old} to {new.name}"):
            old.rename(new)
            self.sync_folder(new.parent)

    def settle(self, folders: Iterable[Path]) -> None:
        """Make durable the names in these folders, which a killed process may have left to the system to write.

        Folders that are not there, or that we may not list, are passed over.
        """
        for folder in folders:
            with reported(f"syncing the folder {folder}"), suppress(FileNotFoundError, PermissionError):
                self.sync_folder(folder)

    def sync_folder(self, folder: Path) -> None:
        """A new name is durable only once its folder is."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _temporary(self, path: Path, data: bytes, mode: int) -> str:
        # As tempfile.mkstemp names it, in a third of the time: this is done for every batch. 0600 from birth.
        name = f"{path.parent}/.{path.name}.{os.urandom(4).hex()}"
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                os.fchmod(handle, mode)
                _write_all(handle, data, 0)
                os.fsync(handle)
            finally:
                os.close(handle)
        except BaseException:
            Path(name).unlink()
            raise
        return name


DISK = Disk()


def lock(folder: Path) -> int:
    """A descriptor that holds the folder's one write lock until it is closed.

    Raises LedgerIOError at once, without waiting, when another writer holds the lock.
    """
    with reported(f"locking {folder}"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise LedgerIOError(
                f"{folder} is open in another writer; a ledger has one at a time, so stop that one first."
            ) from error
        except BaseException:
            os.close(handle)
            raise
        return handle


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock for a moment, waiting for whoever holds it now; LedgerIOError when it cannot be locked."""
    with reported(f"locking {folder}"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except BaseException:
            os.close(handle)
            raise
    try:
        yield
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
