"""A disk of one MiB that is full: appends fail cleanly, and go on once there is room again."""

import os
import shutil
import subprocess
import warnings
from contextlib import suppress

import pytest
from written_log import Acknowledged, append, check_published, check_recovers, create, reopen, statement

from ledger import LedgerIOError
from ledger.verify import verify_dir


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        warnings.warn(f"NO FULL DISK WAS TRIED: {mounted.stderr.strip()}", stacklevel=1)
        pytest.skip(f"mounting a small disk is not permitted here, so NO FULL DISK WAS TRIED: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder, but=0):
    """Take all the room there is, but so many bytes."""
    with (folder / "ballast").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(file.seek(0, os.SEEK_END) - but, 0))


@pytest.mark.parametrize("room", [0, 4096, 8192, 12288, 20480, 40960])
def test_a_full_disk_loses_nothing_and_the_log_goes_on_when_there_is_room(small_disk, room):
    create(small_disk, 250).close()
    promised = []
    log = reopen(small_disk)
    fill(small_disk, but=room)
    with pytest.raises(LedgerIOError):
        for _ in range(300):
            append(log, 1, promised)
    with pytest.raises(LedgerIOError, match="stopped after an error"):
        log.append_now(statement(log.size))
    with suppress(LedgerIOError):
        log.close()
    check_published(small_disk / "ledger")
    report = verify_dir(small_disk / "ledger", keys=small_disk / "keys")
    assert report.ok, report.problems
    with suppress(LedgerIOError), reopen(small_disk) as log:  # still full: it may open, and then fail; nothing is lost
        append(log, 1, promised)
    (small_disk / "ballast").unlink()
    check_recovers(small_disk, promised, least=250 + len(promised))


def test_a_log_that_fills_the_disk_by_itself(small_disk):
    promised = []
    log = create(small_disk)
    with pytest.raises(LedgerIOError):
        for start in range(0, 100_000, 100):
            receipts = log.append_now(*map(statement, range(start, start + 100)), check=False)
            promised += [Acknowledged(receipt.index, receipt.checkpoint) for receipt in receipts]
    with pytest.raises(LedgerIOError):
        log.close()
    check_published(small_disk / "ledger")
    moved = shutil.copytree(small_disk, small_disk.parent / "larger")
    assert len(promised) > 500
    check_recovers(moved, promised, least=len(promised))
