"""A log is read from a folder or from a web server, and neither can make the reader do more than read."""

import functools
import http.server
import os
import socket
import threading

import pytest
from forged_ledger import honest

from ledger import LedgerIOError, NotALedger, Refused
from ledger.show import rows
from ledger.source import FolderSource, HttpSource, open_source
from ledger.verify import verify_dir


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture
def served(tmp_path):
    """The address of an honest ledger's log, and the ledger's folder."""
    path = honest().write(tmp_path / "ledger", 10, 299)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(path / "log")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", path
    server.shutdown()
    server.server_close()


def test_a_served_log_is_verified_and_shown_like_a_folder(served, tmp_path):
    address, path = served
    for url in (address, f"{address}/"):
        report = verify_dir(url, keys=tmp_path / "none")
        assert (report.problems, report.size) == ((), 299)
        assert any("address" in gap for gap in report.not_ruled_out)
    assert list(rows(address)) == list(rows(path))


def test_a_damaged_served_log_is_found(served, tmp_path):
    address, path = served
    (path / "log/tile/entries/000").unlink()
    assert verify_dir(address, keys=tmp_path / "none").exit_code == 1


def test_an_address_without_a_log_holds_no_ledger(served, tmp_path):
    address, _ = served
    with pytest.raises(NotALedger):
        verify_dir(f"{address}/nowhere", keys=tmp_path / "none")


def test_a_server_that_does_not_answer_is_an_io_error(tmp_path):
    with pytest.raises(LedgerIOError):
        HttpSource("http://127.0.0.1:1").read("checkpoint")


@pytest.mark.parametrize("address", ["ftp://example.org/log", "file:///etc", "example.org"])
def test_only_web_addresses_are_fetched(address):
    with pytest.raises(Refused):
        HttpSource(address)


def test_no_more_is_read_than_a_file_can_have(served, tmp_path):
    address, path = served
    huge = path / "log/tile/0/000"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    for source in (HttpSource(address), FolderSource(path / "log")):
        assert len(source.read("tile/0/000") or b"") == 8193
    assert verify_dir(path, keys=tmp_path / "none").exit_code == 1


def test_a_folder_is_a_ledger_or_a_log(served, tmp_path):
    _, path = served
    assert open_source(path) == (FolderSource(path / "log"), path)
    assert open_source(path / "log") == (FolderSource(path / "log"), None)
    with pytest.raises(NotALedger):
        open_source(tmp_path)


@pytest.fixture
def answering():
    """A server that answers every request with the bytes put into the list, then hangs up; and its address."""
    said = []
    listening = socket.create_server(("127.0.0.1", 0))

    def answer():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(said[0])

    threading.Thread(target=answer, daemon=True).start()
    yield said, f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nshort",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://a..b/\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://host:port/\r\n\r\n",
    ],
)
def test_a_bad_answer_is_an_io_error_of_one_line(answering, answer):
    said, address = answering
    said.append(answer)
    with pytest.raises(LedgerIOError) as caught:
        HttpSource(address).read("checkpoint")
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "address", ["http://a..b", "http://[::1", "http://host:port", "http://x y", "http://" + "é" * 99]
)
def test_a_bad_address_is_an_io_error(address):
    with pytest.raises(LedgerIOError):
        HttpSource(address).read("checkpoint")


def test_a_pipe_is_no_file_of_a_log(tmp_path):
    os.mkfifo(tmp_path / "checkpoint")
    assert FolderSource(tmp_path).read("checkpoint") is None
