"""What is stated of a file, an app or a data set instead of the thing itself: its digest."""

import hashlib
from pathlib import Path


def file_digest(path: Path) -> bytes:
    """SHA-256 of a file's bytes; LedgerIOError when it cannot be read."""
    from ledger.fs import reported

    with reported(f"reading {path}"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def data_digests(path: Path) -> list[bytes]:
    """A digest for each example, a file: all in a folder, sorted by path, or the one given; Refused for none."""
    from ledger.errors import Refused
    from ledger.fs import reported

    if path.is_file():
        return [file_digest(path)]
    with reported(f"reading {path}"):
        files = sorted((file for file in path.rglob("*") if file.is_file()), key=lambda file: file.as_posix())
    if not files:
        raise Refused(f"{path} holds no file; name a file, or a folder with a file for each example.")
    return [file_digest(file) for file in files]


def app_digest(folder: Path) -> tuple[str, str]:
    """An app's name and the digest of its code; InvalidInput when the folder is no app."""
    from fedray.app import App

    app = App.find(folder)
    return app.file.name, app.code_digest()


def is_digest(text: str) -> bool:
    """Whether this is a SHA-256 digest in hex."""
    from ledger.forms import DIGEST

    return DIGEST.fits(text)
