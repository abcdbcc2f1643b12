"""A web server for one log's published files and nothing else (C2SP tlog-tiles): names are parsed, never looked up.

Any other web server that serves the folder log/ does the same.
"""

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web

from ledger.checkpoint import parse_checkpoint
from ledger.errors import LedgerError, Refused
from ledger.note import parse_note
from ledger.serving import until_stopped
from ledger.source import Source
from ledger.tiles import TILE_HEIGHT, TILE_WIDTH, parse_tile_path

_FOREVER = "public, max-age=31536000, immutable"  # a tile never changes
_log = logging.getLogger(__name__)


def application(source: Source) -> web.Application:
    """The web application that answers for the published files of a log."""

    async def answer(request: web.Request) -> web.Response:
        name = request.raw_path.removeprefix("/")
        try:
            data = await asyncio.to_thread(_read, source, name)
        except Refused:
            data = None
        except LedgerError as error:
            _log.error("%s", error)  # for the operator; strangers need no paths
            return web.Response(status=500, text="the log cannot be read; try again later.\n")
        if data is None:
            return web.Response(status=404, text="this log has no such file.\n")
        if name == "checkpoint":
            headers = {"Cache-Control": "no-cache"}
            return web.Response(body=data, content_type="text/plain", charset="utf-8", headers=headers)
        return web.Response(body=data, content_type="application/octet-stream", headers={"Cache-Control": _FOREVER})

    app = web.Application()
    app.router.add_get("/{name:.*}", answer)
    return app


def _read(source: Source, name: str) -> bytes | None:
    """A published file; one that reaches behind the checkpoint may be half written, and would be cached so."""
    checkpoint = source.read("checkpoint")
    if name == "checkpoint" or checkpoint is None:
        return checkpoint
    tile, size = parse_tile_path(name), parse_checkpoint(parse_note(checkpoint).text).size
    covered = tile.index * TILE_WIDTH + tile.width <= size >> TILE_HEIGHT * (tile.level or 0)
    return source.read(name) if covered else None


async def serve(source: Source, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; `ready` is given the address. LedgerIOError when it cannot listen."""
    await until_stopped(application(source), host, port, ready)
