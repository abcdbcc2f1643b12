"""A witness server in a process of its own, asked over real connections."""

import asyncio
import gzip
import os
import random
import signal
import socket
import threading
from hashlib import sha256
from urllib.parse import urlsplit

import aiohttp
import pytest
from watched_log import LongLog, WatchedLog
from witness_process import NOBODY, running
from witness_vector import CASES, LOG_KEY, ORIGIN

from ledger.checkpoint import open_checkpoint, parse_checkpoint
from ledger.cosignature import check_cosignature
from ledger.errors import LedgerIOError, Refused
from ledger.keys import SigningKey
from ledger.merkle import EMPTY_ROOT
from ledger.note import ED25519, VerifierKey, check_note, parse_note, parse_signatures
from ledger.witness import server
from ledger.witness.cosigner import Cosigner, Witness
from ledger.witness.memory import EMPTY, Head, Memory
from ledger.witness.rule import Request, format_request

LOG = WatchedLog()
TEXT = "text/plain; charset=utf-8"


def http(url, body=None, method=None, headers=None):
    """Status, content type and body of one answer; `body` may be an async iterator, which is sent in chunks."""

    async def ask():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            how = method or ("GET" if body is None else "POST")
            async with session.request(how, url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status, answer.headers["Content-Type"], await answer.read()

    return asyncio.run(ask())


def add(peer, body, **more):
    return http(f"{peer.url}/add-checkpoint", body, **more)


def wish(log, old, new):
    return format_request(Request(old, log.proof(old, new), log.checkpoint(new)))


def shown_at(peer, origin):
    return http(f"{peer.url}/{sha256(origin.encode()).hexdigest()}/checkpoint")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server for requests that change nothing; impatient, and under a prefix."""
    memory = tmp_path_factory.mktemp("witness") / "memory"
    with running(memory, [LOG.vkey], request_s=0.5, idle_s=0.5, prefix="/w1/deep") as server:
        yield server


def test_the_nine_published_requests_get_the_published_answers(tmp_path):
    log = VerifierKey(ORIGIN, ED25519, LOG_KEY)
    with running(tmp_path / "memory", [log]) as (peer, _):
        assert shown_at(peer, ORIGIN)[0] == 404
        for case in CASES:
            status, kind, body = add(peer, case.body)
            assert status == case.status
            assert kind == ("text/x.tlog.size" if status == 409 else TEXT)
            assert body == case.says.encode() if status == 409 else case.says in body.decode()
            if status == 200:
                text = parse_note(case.body.partition(b"\n\n")[2]).text
                check_cosignature(peer.vkey, text, *parse_signatures(body))
                status, kind, shown = shown_at(peer, ORIGIN)
                assert (status, kind) == (200, TEXT) and body in shown
        note = open_checkpoint(shown, [log, peer.vkey])
        assert note.checkpoint.size == 5 and len(check_note(note.note, [log, peer.vkey])) == 2


class Race:
    """A thousand requests at two servers of one witness, for a log and its fork, each sent once."""

    def __init__(self, peers):
        self.peers = peers
        self.random = random.Random(7)
        self.logs = [LongLog(size=1200), LongLog(size=1200, fork_at=10)]
        self.known, self.answers = 0, []

    async def run(self):
        self.turn = asyncio.Semaphore(24)  # so many connections ask at once, each knowing what all have heard so far
        async with aiohttp.ClientSession() as self.session:
            await asyncio.gather(*(self.ask() for _ in range(1000)))

    async def ask(self):
        async with self.turn:
            log, peer = self.random.choice(self.logs), self.random.choice(self.peers)
            old = max(0, self.known - self.random.choice([0, 0, 0, 0, 1, 7]))
            new = old + self.random.choice([0, 1, 1, 2, 3])
            async with self.session.post(f"{peer.url}/add-checkpoint", data=wish(log, old, new)) as answer:
                body = await answer.read()
            self.answers.append((answer.status, parse_checkpoint(log_text(log, new)), body))
            heard = {200: new, 409: int(body) if answer.status == 409 else 0}
            self.known = max(self.known, heard.get(answer.status, 0))


def log_text(log, size):
    return parse_note(log.checkpoint(size)).text


def test_a_thousand_racing_requests_never_roll_a_witness_back(tmp_path):
    path = tmp_path / "memory"
    with running(path, [LOG.vkey]) as (one, _), running(path, [LOG.vkey]) as (two, _):
        over, seen = threading.Event(), []

        def watch():
            memory = Memory(path)
            while not over.is_set():
                seen.append(memory.head(one.name, LOG.origin))

        watcher = threading.Thread(target=watch)
        watcher.start()
        race = Race([one, two])
        try:
            asyncio.run(race.run())
        finally:
            over.set()
            watcher.join()
    assert len(race.answers) == 1000 and {status for status, *_ in race.answers} <= {200, 409, 422}
    assert seen == sorted(seen, key=lambda head: head.size), "a recorded size fell"
    cosigned = {}
    for status, checkpoint, body in race.answers:
        if status == 200:
            check_cosignature(one.vkey, checkpoint.text(), *parse_signatures(body))
            assert cosigned.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root, "two roots at one size"
    branches = [log for log in race.logs if all(log.root(size) == root for size, root in cosigned.items())]
    assert branches, "what was cosigned is one history"
    assert len(cosigned) >= 10 and max(cosigned) > 10, "the race went beyond the fork"
    assert {head.size: head.root for head in seen if head.size}.items() <= cosigned.items()


def test_a_server_that_is_killed_after_its_answer_remembers_it(tmp_path):
    for old, new in ((0, 3), (3, 4), (4, 9)):
        with running(tmp_path / "memory", [LOG.vkey]) as (peer, process):
            assert add(peer, wish(LOG, old, new))[0] == 200
            process.kill()
    with running(tmp_path / "memory", [LOG.vkey]) as (peer, _):
        assert add(peer, wish(LOG, 0, 12))[::2] == (409, b"9\n")
        assert open_checkpoint(shown_at(peer, LOG.origin)[2], [LOG.vkey]).checkpoint.size == 9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_ends_cleanly_when_told_to_even_with_open_connections(tmp_path, number):
    with running(tmp_path / "memory", [LOG.vkey]) as (peer, process), connection(peer) as idle:
        assert add(peer, wish(LOG, 0, 3))[0] == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")
        assert idle.recv(1) == b""


def test_a_body_that_is_too_large_is_413_and_not_read_to_its_end(shared):
    async def chunks():
        for _ in range(8):
            yield b"old 3\n" + bytes(16_000)

    for body in (b"x" * 70_000, chunks()):
        assert add(shared.peer, body)[0] == 413


def connection(peer):
    address = urlsplit(peer.url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


def test_a_slow_client_is_told_so_and_holds_up_nobody(shared):
    path = urlsplit(shared.peer.url).path
    with connection(shared.peer) as slow, connection(shared.peer) as silent, connection(shared.peer) as halting:
        slow.sendall(f"POST {path}/add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nold 3\n".encode())
        halting.sendall(b"POST /w1/")
        assert add(shared.peer, b"old 3\n\nx\n1\n")[0] == 404
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")
        assert silent.recv(1) == b"", "a connection on which nothing is said is closed"
        assert b"HTTP/1.1 200" not in halting.recv(100)


def test_a_compressed_body_is_not_unpacked(shared):
    body = gzip.compress(wish(LOG, 0, 3))
    assert add(shared.peer, body, headers={"Content-Encoding": "gzip"})[0] == 400


def test_other_paths_and_methods_are_unknown(shared):
    url = shared.peer.url
    root = url.removesuffix("/w1/deep")
    some_hash = sha256(LOG.origin.encode()).hexdigest()
    for unknown in (
        f"{root}/add-checkpoint",
        f"{url}/",
        f"{url}/add-checkpoint/",
        f"{url}/{'0' * 64}/checkpoint",
        f"{url}/{some_hash.upper()}/checkpoint",
        f"{url}/{some_hash}/checkpoint",
        f"{url}/../../etc/passwd",
    ):
        assert http(unknown)[0] in (404, 405) and http(unknown, b"")[0] in (404, 405)
    assert http(f"{url}/add-checkpoint")[0] == 405
    assert http(f"{url}/add-checkpoint", b"", method="PUT")[0] == 405


def test_nothing_is_cosigned_while_the_memory_cannot_be_written(ordinary_user):
    path = ordinary_user.folder / "memory"
    Memory(path).swap(LOG.origin, {"example.com/witness": EMPTY}, Head(3, LOG.root(3)))
    path.chmod(0o444)
    with running(path, [LOG.vkey], nobody=True) as (peer, process):
        before = path.read_bytes()
        status, _, body = add(peer, wish(LOG, 3, 4))
        assert status == 500 and b"\xe2\x80\x94" not in body and str(path).encode() not in body
        assert add(peer, wish(LOG, 0, 4))[::2] == (409, b"3\n"), "what needs no writing is still answered"
        assert path.read_bytes() == before
        if os.geteuid() == 0:
            for each in (path.parent, *path.parent.iterdir()):
                os.chown(each, NOBODY, NOBODY)
        path.chmod(0o600)
        assert add(peer, wish(LOG, 3, 4))[0] == 200, "and when it can be written again, all is well"
        process.terminate()
        assert str(path) in process.communicate(timeout=10)[1], "the operator is told"


def a_witness(tmp_path):
    return Witness(Cosigner("w", SigningKey.from_seed(bytes(32))), Memory(tmp_path / "memory"), [LOG.vkey])


def test_a_port_that_is_taken_is_an_error_that_names_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LedgerIOError, match=f"listening on 127.0.0.1 port {port}"):
            asyncio.run(server.serve(a_witness(tmp_path), port=port))


@pytest.mark.parametrize("prefix", ["w1", "/w1/", "/", "/{x}", "/a b", "/a?b"])
def test_a_prefix_that_is_no_plain_path_is_refused(tmp_path, prefix):
    with pytest.raises(Refused, match="plain URL path"):
        server.application(a_witness(tmp_path), prefix)


def test_in_a_thread_a_server_runs_until_it_is_cancelled(tmp_path):
    async def main():
        said = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(server.serve(a_witness(tmp_path), ready=said.set_result))
        word, name, vkey, url = (await said).split()
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/add-checkpoint", data=wish(LOG, 0, 0)) as got,
        ):
            (signature,) = parse_signatures(await got.read())
        task.cancel()
        assert (word, name) == ("witness", "w") and LOG.root(0) == EMPTY_ROOT
        return check_cosignature(VerifierKey.parse(vkey), log_text(LOG, 0), signature)

    times = []
    thread = threading.Thread(target=lambda: times.append(asyncio.run(main())))
    thread.start()
    thread.join(timeout=20)
    assert times and times[0] > 1_700_000_000
