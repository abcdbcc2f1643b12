"""The sequencer: many callers, one order, one flush for all who wait (group commit).

An append returns when its entry is durable and inside a signed checkpoint, never before. That is published at once when
nobody waits, else ten times a second. After any error of the disk this writer stops, and opening the ledger again
recovers it. One thread writes; callers may be threads or coroutines, so the class serves as a Ray actor as it is.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ledger.checkpoint import Checkpoint
from ledger.errors import LedgerIOError
from ledger.fs import DISK, Disk
from ledger.keys import SigningKey
from ledger.log.batch import Receipts, Request, deliver
from ledger.log.create import create
from ledger.log.writer import Cosign, Writer
from ledger.note import Signature
from ledger.receipt import Receipt
from ledger.state import State
from ledger.statements import Statement

T = TypeVar("T")
Chore = tuple[Future[Any], Callable[[], Any]]
LINGER_SECONDS = 0.002
"""How long a batch waits for callers that the last batch let go, when those were several."""
PUBLISH_SECONDS = 0.1
"""How far publication may lag behind acknowledgement while callers keep the writer busy."""


class Log:
    """The one writer of a ledger; use as a context manager or `close` it."""

    def __init__(self, writer: Writer) -> None:
        """Use Log.create or Log.open."""
        self._writer = writer
        self._wake = threading.Condition()
        self._queue: deque[Request] = deque()
        self._chores: deque[Chore] = deque()
        self._closing = False
        self._expected = 1
        self._thread = threading.Thread(target=self._work, name="fedray-ledger", daemon=True)
        self._thread.start()

    @classmethod
    def create(
        cls, path: str | Path, origin: str, key: SigningKey, *, keys: str | Path | None = None, disk: Disk = DISK
    ) -> "Log":
        """Make the folder `path` a ledger named `origin`, operated by `key`, and open it; entry 0 must be a genesis.

        The key and the newest head are kept in the folder `keys` ($FEDRAY_KEYS or ~/.config/fedray/keys).
        Raises Refused for an ill-formed origin, LedgerIOError when there is a ledger already or it cannot be written.
        """
        create(path, origin, key, keys, disk)
        return cls.open(path, keys=keys, disk=disk)

    @classmethod
    def open(
        cls,
        path: str | Path,
        key: SigningKey | None = None,
        *,
        keys: str | Path | None = None,
        cosign: Cosign | None = None,
        disk: Disk = DISK,
    ) -> "Log":
        """Open the ledger in the folder `path` to append to it, and recover what a crash left.

        `key`: the operator's; without it, the one in the folder `keys`. `cosign` asks witnesses for cosignatures before
        a checkpoint is published. Raises NotALedger, RolledBack when the ledger is behind its signed head or differs
        from it, Tampered for damaged files, LedgerIOError when another writer has it or the disk refuses.
        """
        return cls(Writer(path, key, keys, cosign, disk))

    @property
    def origin(self) -> str:
        """The log's name, which every statement carries."""
        return self._writer.origin

    @property
    def size(self) -> int:
        """Entries that are durable and signed for."""
        return self._writer.head.size

    @property
    def state(self) -> State:
        """What the entries say, as far as they are sequenced; read it only between appends."""
        return self._writer.state

    def head(self) -> Checkpoint:
        """The newest checkpoint; keep it somewhere else, and `verify` can tell whether the ledger was rolled back."""
        return self._writer.head

    def submit(self, statements: Iterable[Statement], *, check: bool = True) -> "Future[Receipts]":
        """Queue statements; the future gives a receipt for each once all are durable and signed for.

        They are recorded in order up to the first that is refused, whose error the future then raises (Refused).
        `check=False` skips their signatures, for a caller that has made or checked them. It raises LedgerIOError when
        the disk refuses; then the writer has stopped, and whether they are recorded only reopening tells.
        """
        future: Future[Receipts] = Future()
        self._enqueue(Request(tuple(statements), check, future))
        return future

    def append_now(self, *statements: Statement, check: bool = True) -> Receipts:
        """Record statements and wait for their receipts; raises as `submit` does."""
        return self.submit(statements, check=check).result()

    async def append(self, statement: Statement, *, check: bool = True) -> Receipt:
        """Record a statement and wait for its receipt; raises as `submit` does."""
        future: asyncio.Future[Receipts] = asyncio.get_running_loop().create_future()
        self._enqueue(Request((statement,), check, future))
        return (await future)[0]

    def published(self) -> tuple[Checkpoint, bytes]:
        """The newest checkpoint that is published, and its signed note with the cosignatures it has."""
        return self._writer.published

    def publish(self) -> "Future[Checkpoint]":
        """Have all that was submitted before shown to the public; gives the newest checkpoint once it is."""

        def show() -> Checkpoint:
            self._writer.publish()
            return self._writer.published[0]

        return self._later(show)

    def cosign(self, size: int, signatures: Sequence[Signature]) -> "Future[bytes]":
        """Have verified cosignatures added to the published checkpoint of `size` entries; gives it as it is then."""
        return self._later(lambda: self._writer.add_cosignatures(size, signatures))

    def rotate(self, new: SigningKey) -> Receipt:
        """Hand the log over to the operator key `new`: the checkpoint of the hand-over is signed by both."""
        return self._writer.rotate(new)

    def close(self) -> None:
        """Record what is queued, keep a snapshot, and give up the write lock; closing twice is harmless."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        self._writer.close()

    def __enter__(self) -> "Log":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enqueue(self, request: Request) -> None:
        with self._wake:
            self._require_open()
            self._queue.append(request)
            if len(self._queue) in (1, self._expected):
                self._wake.notify()

    def _later(self, work: Callable[[], T]) -> "Future[T]":
        """Have the log's thread do some work after recording what is queued now."""
        future: Future[T] = Future()
        with self._wake:
            self._require_open()
            self._chores.append((future, work))
            self._wake.notify()
        return future

    def _require_open(self) -> None:
        if self._closing:
            raise LedgerIOError(f"the ledger {self._writer.path} is closed; open it again to append.")

    def _work(self) -> None:
        while batch := self._next_batch():
            waiting, chores = batch
            self._expected = len(waiting)
            for answered in self._writer.record(waiting):
                deliver(answered)
            with suppress(Exception):  # the writer has stopped: later appends, and closing, tell of it
                self._writer.publish(every=PUBLISH_SECONDS if self._expected > 1 else 0.0)
            for future, work in chores:
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    future.set_result(work())
                except Exception as error:
                    future.set_exception(error)

    def _next_batch(self) -> tuple[list[Request], list[Chore]] | None:
        """Everything queued, and a moment's more if the last batch was of several; None when closing.

        Nothing, too, when it is time to publish what a burst of callers has left behind.
        """
        with self._wake:
            patience = PUBLISH_SECONDS if self._writer.behind else None
            self._wake.wait_for(lambda: self._queue or self._chores or self._closing, patience)
            if self._expected > 1 and self._queue:
                self._wake.wait_for(lambda: len(self._queue) >= self._expected or self._closing, LINGER_SECONDS)
            batch = list(self._queue), list(self._chores)
            self._queue.clear()
            self._chores.clear()
            return batch if any(batch) or not self._closing else None
