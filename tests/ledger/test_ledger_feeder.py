"""Feeding witnesses: real servers in processes of their own, and ones that are down, behind, ahead, slow or lying."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from watched_log import WatchedLog
from witness_process import key_of, running

from ledger.checkpoint import Checkpoint, add_signatures
from ledger.cosignature import Cosigner, check_cosignature
from ledger.errors import LedgerIOError, NoQuorum, Refused, RolledBack
from ledger.note import format_signature
from ledger.policy import Policy
from ledger.witness.feeder import Peer, feed, feed_async, peers

LOG, FORK = WatchedLog(), WatchedLog(fork_at=4)
TEXT = Checkpoint(LOG.origin, 9, LOG.root(9)).text()
GOOD, OTHER = Cosigner("w", key_of("w")), Cosigner("w", key_of("other"))


class Proofs:
    """The log's side: proofs to the checkpoint of size `new`, and which were asked for."""

    def __init__(self, new, log=LOG):
        self.new, self.log, self.asked = new, log, []

    def __call__(self, old):
        self.asked.append(old)
        return self.log.proof(old, self.new)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    with (
        running(folder / "a", [LOG.vkey], name="a.example") as a,
        running(folder / "b", [LOG.vkey], name="b.example") as b,
        running(folder / "c", [LOG.vkey], name="c.example", prefix="/behind/proxy") as c,
    ):
        yield [a.peer, b.peer, c.peer]


@contextmanager
def pretender(status, body, vkey=GOOD.vkey, wait_s=0.0):
    """A server that says the same to everybody; yields it as a witness, and the requests it got."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(wait_s)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Peer(vkey.name, f"http://127.0.0.1:{server.server_port}", vkey), got
        finally:
            server.shutdown()
            thread.join()


def alone(peer, size=9, **more):
    """The signatures and the error of feeding one witness."""
    fed = feed(LOG.checkpoint(size), Proofs(size), [peer], **more)
    return fed.signatures, fed.errors.get(peer.name)


def test_three_witnesses_make_a_quorum_wherever_each_of_them_was(three):
    a, b, _ = three
    assert not feed(LOG.checkpoint(2), Proofs(2), [a]).errors
    assert not feed(LOG.checkpoint(5), Proofs(5), [b]).errors
    known = "".join(f"witness {peer.name} {peer.vkey} {peer.url}\n" for peer in three)
    policy = Policy.parse(f"log {LOG.vkey}\n{known}group all all a.example b.example c.example\nquorum all\n")
    assert peers(policy) == three
    proofs = Proofs(9)
    fed = feed(LOG.checkpoint(9), proofs, peers(policy), guess=5)
    assert fed.errors == {} and [line.name for line in fed.signatures] == [peer.name for peer in three]
    assert set(proofs.asked) == {2, 5}, "where the guess was wrong, the size that the witness answered"
    with pytest.raises(NoQuorum):
        policy.open(LOG.checkpoint(9))
    policy.open(add_signatures(LOG.checkpoint(9), fed.signatures))


def test_witnesses_that_fail_do_not_hold_up_the_others(three, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        down = Peer("down", f"http://127.0.0.1:{free.getsockname()[1]}", GOOD.vkey)
    with (
        pretender(200, forged(TEXT)) as (liar, _),
        pretender(200, b"", wait_s=3.0) as (slow, _),
        pretender(500, LINE) as (broken, _),
    ):
        asked = [
            down,
            three[0],
            liar._replace(name="liar"),
            three[1],
            slow._replace(name="slow"),
            broken._replace(name="broken"),
            Peer("no address", "nowhere", GOOD.vkey),
            Peer("unknown host", "http://witness.invalid", GOOD.vkey),
            three[2],
        ]
        fed = feed(LOG.checkpoint(12), Proofs(12), asked, timeout=2.0, guess=9)
    assert [line.name for line in fed.signatures] == ["a.example", "b.example", "c.example"]
    kinds = {name: type(error) for name, error in fed.errors.items()}
    assert kinds == {
        "down": LedgerIOError,
        "liar": Refused,
        "slow": LedgerIOError,
        "broken": LedgerIOError,
        "no address": LedgerIOError,
        "unknown host": LedgerIOError,
    }
    assert all(name in str(error) for name, error in fed.errors.items())
    for peer, line in zip(three, fed.signatures, strict=True):
        check_cosignature(peer.vkey, Checkpoint(LOG.origin, 12, LOG.root(12)).text(), line)


def forged(text):
    """A line with the good witness's name and key id, and a signature by another key."""
    good, other = GOOD.cosign(text, 1), OTHER.cosign(text, 1)
    return format_signature(type(good)(good.name, good.key_id, other.data))


LINE = format_signature(GOOD.cosign(TEXT, 1))
OTHER_TREE = format_signature(GOOD.cosign(Checkpoint(LOG.origin, 9, FORK.root(9)).text(), 1))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\n",
        b"OK",
        forged(TEXT),
        OTHER_TREE,
        LINE[:-1],
        LINE * 101,
        forged(TEXT) + LINE,
        LINE + forged(TEXT),
        format_signature(OTHER.cosign(TEXT, 1)),
        b"\xff" + LINE,
        LINE.replace(b"\n", b"\r\n"),
    ],
)
def test_an_answer_without_the_witnesss_own_good_cosignature_is_refused(answer):
    with pretender(200, answer) as (peer, _):
        signatures, error = alone(peer)
    assert signatures == () and isinstance(error, Refused)


def test_lines_by_unknown_keys_beside_a_good_one_are_ignored():
    with pretender(200, format_signature(OTHER.cosign(TEXT, 1)) + LINE) as (peer, _):
        assert alone(peer) == ((GOOD.cosign(TEXT, 1),), None)


@pytest.mark.parametrize(
    "body", [b"", b"x\n", b"07\n", b"-1\n", b"1_0\n", b" 7\n", "٧\n".encode(), b"7\n\n", b"7", b"7" * 30 + b"\n"]
)
def test_a_conflict_without_a_size_is_refused(body):
    with pretender(409, body) as (peer, got):
        assert isinstance(alone(peer)[1], Refused) and len(got) == 1


def test_a_witness_that_is_ahead_means_the_log_was_rolled_back():
    with pretender(409, b"10\n") as (peer, got):
        assert isinstance(alone(peer)[1], RolledBack) and len(got) == 1


def test_a_witness_that_never_agrees_on_a_size_is_given_up():
    with pretender(409, b"3\n") as (peer, got):
        assert isinstance(alone(peer)[1], LedgerIOError) and len(got) == 4


@pytest.mark.parametrize(
    ("status", "kind"),
    [(422, RolledBack), (400, Refused), (403, Refused), (404, Refused), (500, LedgerIOError), (302, LedgerIOError)],
)
def test_every_other_status_is_an_error_that_quotes_the_witness(status, kind):
    with pretender(status, b"\x1b[31mno " + LINE) as (peer, got):
        signatures, error = alone(peer)
    assert signatures == () and type(error) is kind and len(got) == 1
    assert f"answers {status}, '\\x1b[31mno" in str(error), "quoted: the answer could be anything"


def test_an_endless_answer_is_cut_off():
    with pretender(200, LINE * 10_000) as (peer, _):
        assert "more than 65536 bytes" in str(alone(peer)[1])


def test_a_fork_gets_no_cosignature_from_who_saw_the_log(tmp_path):
    with running(tmp_path / "memory", [LOG.vkey]) as (peer, _):
        assert alone(peer, size=7)[1] is None
        for size in (7, 9):
            fed = feed(FORK.checkpoint(size), Proofs(size, FORK), [peer])
            assert fed.signatures == () and isinstance(fed.errors[peer.name], RolledBack)
        assert isinstance(alone(peer, size=5)[1], RolledBack)
        assert alone(peer)[1] is None


def test_what_goes_wrong_in_making_the_proof_is_told(three):
    def broken(old):
        raise LedgerIOError("the tile cannot be read")

    fed = feed(LOG.checkpoint(20), broken, three[:1], guess=3)
    assert str(fed.errors["a.example"]) == "the tile cannot be read"


def test_what_is_no_checkpoint_is_refused_before_anybody_is_asked():
    with pretender(200, LINE) as (peer, got):
        with pytest.raises(Refused):
            feed(b"hello", Proofs(9), [peer])
        assert got == []


def test_no_witnesses_give_no_cosignatures():
    assert feed(LOG.checkpoint(9), Proofs(9), []) == ((), {})


def test_it_can_be_awaited_in_a_running_loop():
    with pretender(200, LINE) as (peer, _):
        assert asyncio.run(feed_async(LOG.checkpoint(9), Proofs(9), [peer])).signatures == (GOOD.cosign(TEXT, 1),)
