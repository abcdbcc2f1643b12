"""Logs to be broken. Statement number n becomes entry n, so that a loss shows; reading and checking are independent."""

import base64
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ledger_story import LOG, OPERATOR, genesis
from merkle_reference import tree_hash

from ledger import Log, Receipt, decode_entry, log_vkey, sign
from ledger.folder import LedgerFolder
from ledger.fs import DISK
from ledger.verify import verify_dir

KEY = log_vkey(LOG, OPERATOR.who)


class Acknowledged(NamedTuple):
    """What a caller was promised."""

    index: int
    checkpoint: bytes


@cache
def statement(number):
    """The genesis, then one stake of 1 after the other: in no other order, and none twice."""
    if number == 0:
        return genesis(allocations={OPERATOR.who: 2**40})
    return sign(OPERATOR, "stake", LOG, amount=1, nonce=number)


def statements(start, stop):
    return [statement(number) for number in range(start, stop)]


def create(base, count=0, disk=DISK):
    """An open log below `base`, with `count` entries in as few batches as possible."""
    log = Log.create(base / "ledger", LOG, OPERATOR, keys=base / "keys", disk=disk)
    if count:
        log.append_now(*statements(0, count), check=False)
    return log


def reopen(base, **given):
    return Log.open(base / "ledger", keys=base / "keys", **given)


def append(log, count=1, promised=None):
    """Append the next statements one by one; what is promised is noted when the caller hears of it, no later."""
    size = log.size
    for number in range(size, size + count):
        (receipt,) = log.append_now(statement(number))
        assert receipt.index == number
        if promised is not None:
            promised.append(Acknowledged(receipt.index, receipt.checkpoint))


def read_published(ledger: Path):
    """(size, root, entries) of what is published, read without the ledger package: C2SP tlog-checkpoint, tlog-tiles."""
    _, size, root, *_ = (ledger / "log" / "checkpoint").read_bytes().split(b"\n")
    entries = []
    for index in range((int(size) + 255) // 256):
        entries += _bundle(ledger / "log" / "tile" / "entries", index, min(256, int(size) - index * 256))
    return int(size), base64.b64decode(root), entries


def _bundle(folder, index, width):
    full = folder / f"{index:03d}"
    partial = folder / f"{index:03d}.p" / str(width)
    data, entries = (full if width == 256 or not partial.exists() else partial).read_bytes(), []
    while data:
        length = int.from_bytes(data[:2], "big")
        assert len(data) >= 2 + length
        entries.append(data[2 : 2 + length])
        data = data[2 + length :]
    return entries[:width]


def check_published(ledger):
    """The published checkpoint never promises more than the files beside it hold; its entries."""
    size, root, entries = read_published(ledger)
    leaves = [sha256(b"\x00" + entry).digest() for entry in entries]
    assert len(leaves) == size and tree_hash(leaves) == root
    for index, entry in enumerate(entries):
        assert _statement_in(entry) == statement(index)
    folder = LedgerFolder(ledger)
    for index in {0, size // 2, size - 1} if size else ():
        path = folder.inclusion_path(index, size, size)
        checkpoint = (ledger / "log" / "checkpoint").read_bytes()
        Receipt(index, path, checkpoint).verify([KEY], entries[index])
    return entries


@cache
def _statement_in(entry):
    return decode_entry(entry).statement


def check_promises(ledger, promised, entries):
    """Every promise still holds: its entry is there, unchanged, and its own checkpoint proves it."""
    folder = LedgerFolder(ledger)
    for index, checkpoint in promised:
        size = int(checkpoint.split(b"\n")[1])
        assert size <= len(entries), f"entry {index} was acknowledged and is lost"
        receipt = Receipt(index, folder.inclusion_path(index, size, len(entries)), checkpoint)
        receipt.verify([KEY], entries[index])


def check_recovers(base, promised=(), more=10, fast=False, least=0):
    """Open what an accident left; nothing promised may be missing, and the log must go on. Its size after that."""
    with reopen(base) as log:
        size = log.size
        assert size >= least
        later = []
        append(log, more, later)
    assert log.size == size + more
    entries = check_published(base / "ledger")
    assert len(entries) == size + more
    check_promises(base / "ledger", [*promised, *later], entries)
    report = verify_dir(base / "ledger", keys=base / "keys", fast=fast)
    assert report.ok, report.problems
    return size
