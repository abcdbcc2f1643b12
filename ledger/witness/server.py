"""A witness over HTTP (C2SP tlog-witness v1.0.0): POST <prefix>/add-checkpoint, GET <prefix>/<origin hash>/checkpoint.

It listens on this machine only unless told otherwise: put a proxy that speaks TLS in front of it for others.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import TypeVar

from aiohttp import web

from ledger.errors import LedgerIOError, Refused
from ledger.note import format_signature
from ledger.serving import until_stopped
from ledger.witness.cosigner import Witness
from ledger.witness.rule import CONFLICT, Declined, parse_request

MAX_BODY_BYTES = 64 * 1024
REQUEST_S = 10.0  # how long a request may take to arrive
SIZE_TYPE = "text/x.tlog.size"
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class _Handlers:
    """What is answered. One thread cosigns: the disk takes one commit at a time anyway, and the loop stays free."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._origins = {sha256(origin.encode()).hexdigest(): origin for origin in witness.origins}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="witness")

    async def add_checkpoint(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(REQUEST_S):
                body = await request.read()
        except TimeoutError:
            return _text(408, f"the request took longer than {REQUEST_S:g} s to arrive; send it at once.")
        return await self._in_thread(lambda: self._answer(body))

    async def checkpoint(self, request: web.Request) -> web.Response:
        origin = self._origins.get(request.match_info["hash"])
        latest = None if origin is None else await self._in_thread(lambda: self._witness.latest(origin))
        if latest is None:
            return _text(404, "no checkpoint of a log with this origin hash was ever cosigned here.")
        return _plain(200, latest)

    def close(self) -> None:
        self._thread.shutdown()

    def _answer(self, body: bytes) -> web.Response:
        try:
            request = parse_request(body)
            signature = self._witness.cosign(request.checkpoint, request.old, request.proof)
        except Declined as error:
            if error.status == CONFLICT:
                return web.Response(status=CONFLICT, body=b"%d\n" % (error.size or 0), content_type=SIZE_TYPE)
            return _text(error.status, error.reason)
        return _plain(200, format_signature(signature))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except LedgerIOError as error:
            _log.error("%s", error)  # for the operator; strangers need no paths
            raise web.HTTPInternalServerError(text="the witness cannot reach its memory; try again later.\n") from error


def application(witness: Witness, prefix: str = "") -> web.Application:
    """The web application that answers for a witness under a URL path such as `/w1`; Refused for another form of it."""
    if prefix and (not prefix.startswith("/") or prefix.endswith("/") or set(prefix) & set("{}?#% ")):
        raise Refused(f"the prefix {prefix!r} is no plain URL path; write it like /w1, or leave it out.")
    handlers = _Handlers(witness)
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_post(f"{prefix}/add-checkpoint", handlers.add_checkpoint)
    app.router.add_get(f"{prefix}/{{hash}}/checkpoint", handlers.checkpoint)

    async def close(_: web.Application) -> None:
        handlers.close()

    app.on_cleanup.append(close)
    return app


async def serve(
    witness: Witness,
    host: str = "127.0.0.1",
    port: int = 0,
    prefix: str = "",
    ready: Callable[[str], None] | None = None,
) -> None:
    """Answer until Ctrl-C, SIGTERM or cancellation; port 0 is any free one. LedgerIOError when it cannot listen.

    `ready` (default: print) gets the line `witness <name> <vkey> <url>`, as it goes into a policy (C2SP tlog-policy).
    """
    line = f"witness {witness.vkey.name} {witness.vkey} "
    say = partial(print, flush=True) if ready is None else ready
    await until_stopped(application(witness, prefix), host, port, lambda url: say(f"{line}{url}{prefix}"))


def _text(status: int, reason: str) -> web.Response:
    return _plain(status, f"{reason}\n".encode())


def _plain(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="text/plain", charset="utf-8")
