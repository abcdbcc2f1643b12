"""Writing files of a run: whole or not at all, and every refusal of the disk a sentence with the fix."""

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

from fedray.errors import StorageError

_FIXES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space or raise the quota",
    errno.EACCES: "give this user permission to write there",
    errno.EROFS: "choose a folder on a writable disk",
}


def to_json(record: Any, indent: int | None = None) -> str:
    """Strict JSON (RFC 8259): NaN and infinite numbers, which it has no word for, become null."""
    return json.dumps(_plain(record), indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


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
