"""A log is read from a folder or from a web server, and neither can make the reader do more than read."""

import functools
import http.server
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
