"""Writing files of a run: whole or not at all, and every refusal of the disk a sentence with the fix."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedray.errors import StorageError

_FIXES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space or raise the quota",
    errno.EACCES: "give this user permission to write there",
    errno.EROFS: "choose a folder on a writable disk",
}


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn an operating-system error into a StorageError that names ``what`` and the fix."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        fix = _FIXES.get(error.errno or 0, "check the path and the disk")
        raise StorageError(f"Cannot write {what}: {error.strerror or error}; {fix}, then try again.") from error


def write_whole(file: Path, data: bytes) -> None:
    """Replace ``file`` durably: a crash leaves the old content or the new, never a part."""
    with writing(str(file)):
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
