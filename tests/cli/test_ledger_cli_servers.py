"""The verbs that serve: real processes, spoken to over HTTP as strangers would."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from ledger_desk import Desk

from ledger.tiles import parse_tile_path


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    desk.begin()
    desk.open_round()
    return desk


@contextlib.contextmanager
def running(desk, *words):
    """The first line a server prints; it is told to end as by Ctrl-C, and must end well."""
    command = [sys.executable, "-m", "fedray", "ledger", *map(str, words)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=os.environ | desk.env)  # fmt: skip
    try:
        yield server.stdout.readline().strip()
    finally:
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=30)
    assert "Traceback" not in errors and server.returncode in (0, 130), errors


def get(url, path, method="GET"):
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


def test_a_served_log_is_byte_for_byte_the_published_files_and_nothing_else(desk):
    with running(desk, "serve", desk.book) as url:
        for file in (path for path in (desk.book / "log").rglob("*") if path.is_file()):
            name = file.relative_to(desk.book / "log").as_posix()
            status, body, headers = get(url, f"/{name}")
            assert (status, body) == (200, file.read_bytes())
            if name != "checkpoint":
                assert parse_tile_path(name) and "immutable" in headers["Cache-Control"]
        for name in ("/", "/tile", "/tile/", "/tile/entries/", "/tile/0/001", "/tile/0/0", "/history/1", "/journal/0",
                     "/../journal/0", "/tile/../../journal/0", "/tile/0/000.p/04", "/checkpoint/", "/%63heckpoint",
                     "/tile/entries/000.p/4?x", "/.checkpoint"):  # fmt: skip
            assert get(url, name)[0] == 404, name
        status, body, headers = get(url, "/checkpoint", "HEAD")
        assert (status, body) == (200, b"") and "no-cache" in headers["Cache-Control"]
        assert int(headers["Content-Length"]) == (desk.book / "log/checkpoint").stat().st_size
        assert get(url, "/checkpoint", "POST")[0] == 405


def test_strangers_read_verify_prove_and_sign_at_a_distance(desk):
    desk.key("alice")
    with running(desk, "serve", desk.book) as url:
        report = desk.json("verify", url, "--log", desk.vkey)[0]
        assert report["ok"] and report["size"] == 4
        assert len(desk.json("show", url)) == 4 and desk.json("balance", url)[0]["name"] == "operator"
        assert desk.good("checkpoint", url) == (desk.book / "log/checkpoint").read_text()
        desk.good("prove", url, 2, "-o", desk.folder / "receipt", "--entry", desk.folder / "entry")
        desk.good("receipt", "verify", desk.folder / "receipt", desk.folder / "entry", "--log", desk.vkey)
        lines = desk.good("contribute", "data", url, desk.file("data"), "--key", "alice", "--sign-only")
        assert "alice" in desk.good("witness", "cosign", url, "--key", "alice")
        assert desk.fedray("verify", f"{url}/tile").exit_code == 2
    assert [line["kind"] for line in desk.json("append", desk.book, "-", input=lines)] == [
        "account.register",
        "data.register",
    ]


def test_a_witness_at_a_distance_cosigns_what_it_is_fed(desk):
    desk.key("wilma")
    with running(desk, "witness", "serve", "--key", "wilma", "--log", desk.vkey) as line:
        assert line.startswith("witness wilma wilma+")
        policy = desk.file("policy", f"log {desk.vkey}\n{line}\nquorum wilma\n")
        assert desk.fedray("checkpoint", desk.book, "--policy", policy).exit_code == 3
        fed = desk.json("witness", "feed", desk.book, "--policy", policy)[0]
        assert fed["cosigned"] == ["wilma"] and fed["refused"] == {}
    desk.good("checkpoint", desk.book, "--policy", policy)
    assert desk.json("verify", desk.book, "--policy", policy)[0]["cosigned"] == 1
    desk.key("dora")
    desk.good("account", "register", desk.book, "--key", "dora", "--name", "dora")
    unreachable = desk.fedray("witness", "feed", desk.book, "--policy", policy, "--timeout", 1)
    assert unreachable.exit_code == 3 and "wilma" in unreachable.stderr


def test_a_port_that_is_taken_is_exit_code_4(desk):
    with running(desk, "serve", desk.book) as url:
        done = desk.fedray("serve", desk.book, "--port", urlsplit(url).port)
        assert done.exit_code == 4 and "in use" in done.stderr and len(done.stderr.splitlines()) == 1
