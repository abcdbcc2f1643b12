"""A web server for one log's published files and nothing else (C2SP tlog-tiles): names are parsed, never looked up."""

import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ledger.errors import LedgerIOError, Refused
from ledger.source import open_source
from ledger.tiles import parse_tile_path

_FOREVER = "public, max-age=31536000, immutable"  # a tile never changes
_PATIENCE_SECONDS = 30.0


class LogServer(ThreadingHTTPServer):
    """Answers for the log in `folder`; port 0 is any free one. OSError when it cannot listen."""

    daemon_threads = True

    def __init__(self, folder: Path, host: str, port: int) -> None:
        self.source, _ = open_source(folder)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"


class _Handler(BaseHTTPRequestHandler):
    server: LogServer
    server_version = "fedray-ledger"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_SECONDS

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the terminal is the operator's."""

    def _answer(self, with_body: bool) -> None:
        name = self.path.removeprefix("/")
        status, body = self._find(name)
        kind = (
            "application/octet-stream"
            if name != "checkpoint" and status == HTTPStatus.OK
            else "text/plain; charset=utf-8"
        )
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", _FOREVER if kind.startswith("application") else "no-cache")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _find(self, name: str) -> tuple[HTTPStatus, bytes]:
        try:
            if name != "checkpoint":
                parse_tile_path(name)
            data = self.server.source.read(name)
        except Refused:
            data = None
        except LedgerIOError:
            return HTTPStatus.INTERNAL_SERVER_ERROR, b"the log cannot be read; try again later.\n"
        return (HTTPStatus.NOT_FOUND, b"this log has no such file.\n") if data is None else (HTTPStatus.OK, data)
