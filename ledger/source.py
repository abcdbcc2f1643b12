"""Where a log's files are read from: a folder, or a web server that serves one (C2SP tlog-tiles).

Names are those below the log's prefix: "checkpoint", "tile/0/000", "tile/entries/x001/067.p/5". What is read is never
trusted, not even to be of a sensible size.
"""

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ledger.errors import LedgerIOError, NotALedger, Refused
from ledger.fs import reported

TIMEOUT_SECONDS = 30.0
_MOST_BYTES = {"checkpoint": 1 << 16, "tile/entries/": 256 * (2 + 65_535), "tile/": 256 * 32}


class Source(Protocol):
    """A log's files, whoever holds them; may be sent to other processes."""

    def read(self, name: str) -> bytes | None:
        """The file's bytes, None when there is none; more than it can have are cut one byte behind the most.

        LedgerIOError when it cannot be had.
        """

    def names(self) -> Iterator[str] | None:
        """Every file there is, in no order; None when that cannot be known."""


@dataclass(frozen=True)
class FolderSource:
    """The log in a folder: a ledger's log/, or a copy of one."""

    folder: Path

    def read(self, name: str) -> bytes | None:
        """The file's bytes; None, too, when something else than a file has its name."""
        path = self.folder / name
        with reported(f"reading {path}"):
            if not path.is_file():
                return None
            with path.open("rb") as file:
                return file.read(_most(name) + 1)

    def names(self) -> Iterator[str]:
        """Every file below the folder, and whatever else is neither file nor folder."""
        with reported(f"reading {self.folder}"):
            for folder, folders, files in os.walk(self.folder, onerror=_stop):
                links = [name for name in folders if (Path(folder) / name).is_symlink()]
                for name in (*files, *links):
                    yield (Path(folder) / name).relative_to(self.folder).as_posix()


@dataclass(frozen=True)
class HttpSource:
    """The log at an http or https address; Refused for any other."""

    url: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise Refused(f"{self.url!r:.100} is no address of a log; it begins with http:// or https://.")

    def read(self, name: str) -> bytes | None:
        """What the server answers; None for its 404 and 410."""
        address = f"{self.url.rstrip('/')}/{name}"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:
                data: bytes = answer.read(_most(name) + 1)
                short = answer.length or 0  # read(n) does not tell of a connection that broke
                if short and len(data) <= _most(name):
                    raise http.client.IncompleteRead(data, short)
                return data
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                return None
            raise LedgerIOError(f"{address} answers {error.code}; ask who runs the log, or try again.") from error
        except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: an address that is none
            said = " ".join(str(error).split()) or type(error).__name__
            raise LedgerIOError(f"{address} cannot be read ({said:.200}); check the address, or try again.") from error

    def names(self) -> None:
        """A web server does not say which files it has."""


def open_source(path: str | Path) -> tuple[Source, Path | None]:
    """The log at an address or in a folder, and the ledger's folder when it is one with more than the log.

    NotALedger when there is neither a ledger nor a log.
    """
    if isinstance(path, str) and path.startswith(("http://", "https://")):
        return HttpSource(path), None
    folder = Path(path)
    with reported(f"looking for a ledger in {folder}"):
        if (folder / "log").is_dir():
            return FolderSource(folder / "log"), folder
        if (folder / "checkpoint").is_file():
            return FolderSource(folder), None
    raise NotALedger(f"{path} is no ledger (it needs log/) and no log (it needs checkpoint); name a folder or address.")


def _most(name: str) -> int:
    return next((most for start, most in _MOST_BYTES.items() if name.startswith(start)), 1 << 16)


def _stop(error: OSError) -> None:
    raise error
