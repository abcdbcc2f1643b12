"""What callers wait for: statements to be recorded, and the way their receipts come back to thread or event loop."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from ledger.receipt import Receipt
from ledger.statements import Statement

Receipts = list[Receipt]


class IssuedReceipt(Receipt):
    """A receipt whose path is looked up in the published tiles when it is first asked for: few ever are."""

    def __init__(self, index: int, checkpoint: bytes, find: Callable[[int], tuple[bytes, ...]]) -> None:
        vars(self).update(index=index, checkpoint=checkpoint, extra=None, find=find)

    def __getattr__(self, name: str) -> tuple[bytes, ...]:
        if name != "path":
            raise AttributeError(name)
        path: tuple[bytes, ...] = vars(self)["find"](self.index)
        vars(self)["path"] = path
        return path

    def __reduce__(self) -> tuple[type[Receipt], tuple[int, tuple[bytes, ...], bytes, bytes | None]]:
        """Sent elsewhere, where the tiles are not, it becomes a plain receipt."""
        return Receipt, (self.index, self.path, self.checkpoint, self.extra)


@dataclass(eq=False)
class Request:
    """Statements of one caller, recorded in order up to the first that is refused."""

    statements: Sequence[Statement]
    check: bool
    future: "Future[Receipts] | asyncio.Future[Receipts]"
    receipts: Receipts = field(default_factory=list)
    taken: int = 0
    error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether the caller can have an answer."""
        return self.error is not None or len(self.receipts) == len(self.statements)

    def answer(self) -> None:
        """Hand over the receipts, or the error; nothing happens when the caller has gone away."""
        if isinstance(self.future, Future):
            if not self.future.set_running_or_notify_cancel():  # from here on it cannot be cancelled any more
                return
        elif self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.receipts)


def deliver(requests: Iterable[Request]) -> None:
    """Answer all of them; those of one event loop with a single wake-up."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Request]] = {}
    for request in requests:
        if isinstance(request.future, asyncio.Future):
            by_loop.setdefault(request.future.get_loop(), []).append(request)
        else:
            request.answer()
    for loop, waiting in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(_answer_all, waiting)


def _answer_all(requests: list[Request]) -> None:
    for request in requests:
        request.answer()
