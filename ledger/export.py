"""A copy of what is public of a ledger, to hand to anybody: whole and verified, or not made at all.

A folder or a .tar.gz with log/ and history/, as of the published checkpoint. No key, journal or snapshot goes with it.
"""

import gzip
import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ledger.errors import LedgerIOError
from ledger.fs import DISK, Disk, reported
from ledger.merkle import HASH_BYTES
from ledger.source import Source, open_source
from ledger.tiles import Tile, decode_bundle, encode_bundle, tiles_of
from ledger.verify import verify_dir
from ledger.verify.heads import History
from ledger.verify.report import Report

_ARCHIVE = ".tar.gz"


def export(path: str | Path, target: str | Path, *, keys: str | Path | None = None, disk: Disk = DISK) -> Report:
    """Copy the public part of the ledger (or log, or address) `path` to `target`: a new folder, or a new .tar.gz.

    Gives the report of the verification before. Raises what is wrong with the ledger (Tampered, RolledBack), and
    NotALedger, and LedgerIOError when `target` is there already or cannot be written.
    """
    target = Path(target).absolute()
    if target.exists():
        raise LedgerIOError(f"{target} exists already and is never overwritten; choose another name.")
    report = verify_dir(path, keys=keys)
    if report.problems:
        raise report.problems[0]
    files = _files(*open_source(path), report.size)
    disk.make_folder(target.parent)
    if target.name.endswith(_ARCHIVE):
        disk.create(target, _archive(files, target.name.removesuffix(_ARCHIVE)))
    else:
        _write_folder(files, target, report, disk)
    return report


def _files(source: Source, folder: Path | None, size: int) -> Iterator[tuple[str, bytes]]:
    """Every file of a log of this size, and of its history, by name."""
    history = History(folder)
    newest = max((past for past in history.sizes if past <= size), default=None)
    for past in history.sizes:
        if past <= size:
            yield f"history/{past}", history.bytes(past)
    # The history's is the published one, even when a writer has gone on since.
    yield "log/checkpoint", history.bytes(size) if newest == size else _read(source, "checkpoint")
    for tile in tiles_of(size):
        yield f"log/{tile.path}", _tile(source, tile)


def _tile(source: Source, tile: Tile) -> bytes:
    """The file; the beginning of the full one, when a writer has just put that in its place."""
    data = source.read(tile.path)
    if data is not None:
        return data
    full = _read(source, Tile(tile.level, tile.index).path)
    return (
        full[: tile.width * HASH_BYTES] if tile.level is not None else encode_bundle(decode_bundle(full)[: tile.width])
    )


def _read(source: Source, name: str) -> bytes:
    data = source.read(name)
    if data is None:
        raise LedgerIOError(f"log/{name} has gone while the ledger was copied: a writer is at work; try again.")
    return data


def _write_folder(files: Iterator[tuple[str, bytes]], target: Path, report: Report, disk: Disk) -> None:
    with reported(f"making {target}"):
        draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            draft.chmod(0o755)
            for name, data in files:
                disk.make_folder((draft / name).parent)
                disk.write_immutable(draft / name, data)
            _check(draft, report)
            disk.rename(draft, target)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


def _check(draft: Path, report: Report) -> None:
    """What was written is what was verified, whatever a writer or a disk has done meanwhile."""
    copy = verify_dir(draft, keys=draft / "no-keys", fast=True)
    if copy.problems:
        raise copy.problems[0]
    if (copy.size, copy.root) != (report.size, report.root):
        raise LedgerIOError("the ledger changed while it was copied; try again.")


def _archive(files: Iterator[tuple[str, bytes]], top: str) -> bytes:
    """The same ledger always gives the same bytes."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, data in files:
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()
