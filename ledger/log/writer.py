"""The writer: puts statements in order, signs for them, and publishes.

Journal, then head (compare and swap in the key folder): now the entries are durable and inside a signed checkpoint, and
receipts are due. Then tiles, cosignatures and checkpoint, which all follow from these two: a crash in between only
delays them. With witnesses, receipts wait for the cosigned checkpoint.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.canonical import Value
from ledger.checkpoint import Checkpoint, add_signatures, sign_checkpoint
from ledger.entry import Entry, encode_entry, entry_hash, first_prev
from ledger.errors import LedgerIOError, Refused
from ledger.folder import LedgerFolder
from ledger.fs import Disk, lock, read
from ledger.keyring import KeyRing
from ledger.keys import SigningKey
from ledger.log.batch import IssuedReceipt, Request
from ledger.log.publish import Publisher
from ledger.log.recovery import Recovered, origin_of, recover
from ledger.log.snapshot import save_snapshot
from ledger.merkle import leaf_hash
from ledger.note import NoteSigner, Signature
from ledger.receipt import Receipt
from ledger.statements import check_signature, rotation_proof, sign
from ledger.tiles import TILE_WIDTH


class Sequenced(NamedTuple):
    """A statement in its place, not yet written: the entry, its leaf hash, and who waits for it."""

    data: bytes
    leaf: bytes
    owner: Request


Cosign = Callable[[LedgerFolder, bytes], Sequence[Signature]]
"""Asks witnesses to cosign a signed checkpoint whose tiles are in the folder; raises NoQuorum when too few do."""
PUBLISH_EVERY = 8 * TILE_WIDTH
"""How many entries may be acknowledged and not yet published; the journal holds them."""
SNAPSHOT_EVERY = 16 * TILE_WIDTH
SNAPSHOT_ENTRIES_AN_ACCOUNT = 8  # a snapshot's cost grows with the accounts, so the more there are the rarer it is


class Writer:
    """One ledger, locked. `record` is for one thread; the rest may be called from any."""

    def __init__(
        self, path: str | Path, key: SigningKey | None, keys: str | Path | None, cosign: Cosign | None, disk: Disk
    ) -> None:
        self.path = Path(path)
        self._folder, self._ring, self._disk, self._cosign = LedgerFolder(path), KeyRing(keys, disk), disk, cosign
        self._folder.check_exists()
        self._busy = threading.Lock()
        self._failed: BaseException | None = None
        self._next_key: SigningKey | None = None
        self._published_at = 0.0
        self.published: tuple[Checkpoint, bytes]
        self._lock = lock(self._folder.journal)
        try:
            self.origin = origin_of(self._folder)
            self._key = key or self._ring.key(self.origin)
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    def record(self, requests: Sequence[Request]) -> Iterator[list[Request]]:
        """Record the requests' statements, batch by batch; after each, those that can be answered."""
        waiting = list(requests)
        while waiting:
            with self._busy:
                self._commit(self._sequence(waiting))
            yield [request for request in waiting if request.done]
            waiting = [request for request in waiting if not request.done]

    @property
    def behind(self) -> bool:
        """Whether something is signed for and not yet published, and may still be."""
        return self._failed is None and self.head != self.published[0]

    def publish(self, every: float = 0.0) -> None:
        """Show the newest head to the public, unless another was shown less than `every` seconds ago.

        Raises LedgerIOError when the disk refuses; then this writer has stopped.
        """
        with self._busy:
            if self.behind and time.monotonic() - self._published_at >= every:
                with self._stopping():
                    self._publish()

    def add_cosignatures(self, size: int, signatures: Sequence[Signature]) -> bytes:
        """Add cosignatures to a published checkpoint; what it is now. The caller has verified them."""
        with self._busy:
            signed = self._publisher.cosign(size, signatures)
            if size == self.published[0].size:
                self.published = self.published[0], signed
            return signed

    def rotate(self, new: SigningKey) -> Receipt:
        """Hand over to `new`. The new key waits beside the old one until the hand-over is published."""
        proof = rotation_proof(new, self.origin, self._key.who)
        said = sign(self._key, "operator.rotate", self.origin, new=new.who, proof=proof)
        request = Request((said,), True, Future())
        with self._busy:  # no other batch may come between the hand-over and the new key's first checkpoint
            self._hand_over(request, new)
        return request.receipts[0]

    def _hand_over(self, request: Request, new: SigningKey) -> None:
        self._require_working()
        with self._stopping():
            self._ring.save_next_key(self.origin, new)
        self._next_key = new
        self._commit(self._sequence([request]))
        self._next_key = None
        if request.error is not None:
            raise request.error
        self._key = new
        with self._stopping():
            if self.head != self.published[0]:
                self._publish()  # the one checkpoint that both keys have signed: who trusts the old one needs it
            self._ring.adopt_next_key(self.origin)

    def close(self) -> None:
        """Keep a snapshot of the state and give up the lock; closing twice is harmless."""
        if self._lock < 0:
            return
        try:
            self.publish()
            if self.head != self.published[0]:
                raise LedgerIOError(
                    f"the newest {self.head.size - self.published[0].size} entries are recorded but not published, for "
                    f"the writer stopped ({self._failed}); open the ledger again, which publishes them."
                )
            if self._failed is None and self._snapshot_size < self.state.size == self.head.size:
                self._save_snapshot()
        finally:
            self._journal.close()
            os.close(self._lock)
            self._lock = -1

    def _require_working(self) -> None:
        if self._lock < 0:
            raise LedgerIOError(f"the ledger {self.path} is closed; open it again to append.")
        if self._failed is not None:
            raise LedgerIOError(
                f"this writer stopped after an error ({self._failed}); open the ledger again, which recovers it."
            )

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """After an error in here this writer goes on no more."""
        try:
            yield
        except BaseException as error:  # an interrupt, too, may have come between two files
            self._failed = error
            raise

    def _recover(self) -> None:
        found = recover(self._folder, self._ring, self.origin, self._key, self._disk)
        self.head, self._signed, self._edge = found.checkpoint, found.signed, found.edge
        self._journal, self.state = found.journal, found.state
        self._last_ts = found.last.ts if found.last else 0
        self._prev = entry_hash(found.last_data) if found.last else first_prev(self.origin)
        self._key, self._snapshot_size = found.key, found.snapshot_size
        self._publisher = Publisher(self._folder, self._disk)
        try:
            self._catch_up(found)
        except BaseException:
            self._journal.close()
            raise

    def _catch_up(self, found: Recovered) -> None:
        """Publish what was signed before a crash and has not been published."""
        self._publisher.write_tiles(self._edge.tiles())
        shown = read(self._folder.checkpoint) if found.published else None  # it may have cosignatures
        self.published = found.checkpoint, shown or found.signed
        if not found.published:
            self._publish()
        self._journal.drop_published()

    def _sequence(self, requests: Sequence[Request]) -> list[Sequenced]:
        """As many statements as the bundle has room for, as entries."""
        batch, room = list[Sequenced](), self._edge.room
        now = time.time_ns() // 1_000_000
        for request in requests:
            while request.taken < len(request.statements) and request.error is None and len(batch) < room:
                try:
                    batch.append(self._entry(request, now))
                    request.taken += 1
                except (Refused, LedgerIOError) as error:
                    request.error = error
                except Exception as error:  # a mistake in the rules, perhaps with the state half changed
                    self._failed = request.error = error
        return batch

    def _entry(self, request: Request, now: int) -> Sequenced:
        self._require_working()
        statement = request.statements[request.taken]
        if type(statement.body) is not dict or type(statement.signature) is not bytes:
            raise Refused("the statement is not a body and the bytes of a signature; make statements with ledger.sign.")
        if statement.body.get("kind") == "operator.rotate" and self._next_key is None:
            raise Refused("operator.rotate needs the new key at hand; run: fedray ledger key rotate")
        entry = Entry(self.state.size, self._prev, max(now, self._last_ts), statement)
        data = encode_entry(entry)
        if request.check:
            check_signature(statement)
            self._check_head(statement.body)
        self.state.apply(statement.body, cosignatures=request.check)
        leaf = leaf_hash(data)
        self._prev, self._last_ts = leaf.hex(), entry.ts
        return Sequenced(data, leaf, request)

    def _check_head(self, body: Mapping[str, Value]) -> None:
        """A round closes over a head of this very log, whatever its signer believes; its forms are checked later."""
        size, root = body.get("head_size"), body.get("head_root")
        if body.get("kind") != "round.close" or type(size) is not int:
            return
        if not 0 <= size <= self.head.size:
            raise Refused(f"head_size is {size}, and the log has {self.head.size} entries; name a checkpoint of it.")
        if size > self.published[0].size:
            with self._stopping():
                self._publish()
        found = self._folder.root(size, self.published[0].size).hex()
        if root != found:
            raise Refused(f"head_root is {root!r:.100}, and the root at {size} entries is {found}; name that one.")

    def _commit(self, batch: Sequence[Sequenced]) -> None:
        if not batch:
            return
        try:
            first = self.head.size
            self._sign(batch)
            if self.head.size % TILE_WIDTH == 0:
                self._journal.roll(self.head.size)
            if self._cosign is not None or self.head.size - self.published[0].size >= PUBLISH_EVERY:
                self._publish()
            checkpoint = self._signed if self._cosign is None else self.published[1]
            find = self._path_finder(self.head.size)
            for index, entry in enumerate(batch, first):
                entry.owner.receipts.append(IssuedReceipt(index, checkpoint, find))
        except BaseException as error:
            self._failed = error
            for entry in batch:
                entry.owner.error = error if isinstance(error, Exception) else LedgerIOError("it was interrupted")
            if not isinstance(error, Exception):
                raise

    def _sign(self, batch: Sequence[Sequenced]) -> None:
        """Make the entries durable, then the head that contains them: from here on they can be acknowledged."""
        entries = [entry.data for entry in batch]
        self._journal.append(entries)
        self._edge.append(entries, [entry.leaf for entry in batch])
        head = Checkpoint(self.origin, self._edge.size, self._edge.root())
        keys = [self._key] if self._next_key is None else [self._key, self._next_key]
        signed = sign_checkpoint(head, [NoteSigner(self.origin, key) for key in keys])
        self._ring.swap_head(self.origin, self._signed, signed)
        self.head, self._signed = head, signed

    def _publish(self) -> None:
        """Show the head to the public; each file is durable before the next refers to it."""
        full = self._publisher.write_tiles(self._edge.tiles())
        shown = self._signed
        if self._cosign is not None:
            shown = add_signatures(shown, self._cosign(self._folder, shown))
        self._publisher.publish(self.head.size, shown)
        self.published = self.head, shown
        self._published_at = time.monotonic()
        self._edge.published()
        if full:
            self._publisher.drop_partial(full)
            self._journal.drop_published()
        often = max(SNAPSHOT_EVERY, SNAPSHOT_ENTRIES_AN_ACCOUNT * len(self.state.accounts))
        if self.head.size - self._snapshot_size >= often:
            self._save_snapshot()

    def _path_finder(self, size: int) -> Callable[[int], tuple[bytes, ...]]:
        """From an index to its inclusion path in the tree of `size`.

        Looked up in the published tiles: a perfect subtree of that tree is one of every later tree, too.
        """

        def path(index: int) -> tuple[bytes, ...]:
            self.publish()
            return self._folder.inclusion_path(index, size, self.published[0].size)

        return path

    def _save_snapshot(self) -> None:
        save_snapshot(self._folder.snapshot, self.state, self._key, self._disk)
        self._snapshot_size = self.state.size
