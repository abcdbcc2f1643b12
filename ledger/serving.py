"""Serving a web application until somebody says stop: what the witness and the log's own server share."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from aiohttp import web

from ledger.fs import reported

IDLE_S = 30.0  # how long a connection may say nothing
CLOSE_S = 5.0  # how long requests in progress may take once the server is told to end


async def until_stopped(app: web.Application, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answer until Ctrl-C, SIGTERM or cancellation; port 0 is any free one. LedgerIOError when it cannot listen.

    `ready` is given the address, such as http://127.0.0.1:8080.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,  # a compressed request is no request, so it cannot be a bomb either
        keepalive_timeout=IDLE_S,
        lingering_time=1.0,
        shutdown_timeout=CLOSE_S,
    )
    with _stopped_by_signal() as stop:
        try:
            await runner.setup()
            with reported(f"listening on {host} port {port}"):
                await web.TCPSite(runner, host, port).start()
            ready(_url(runner.addresses[0]))
            await stop.wait()
        finally:
            await runner.cleanup()


@contextmanager
def _stopped_by_signal() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C and SIGTERM set; outside the main thread neither can be caught."""
    stop, loop, caught = asyncio.Event(), asyncio.get_running_loop(), []
    with suppress(RuntimeError, ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
            caught.append(number)
    try:
        yield stop
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


def _url(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
