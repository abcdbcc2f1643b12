"""Asking witnesses to cosign a checkpoint (C2SP tlog-witness v1.0.0, the log's side), all of them at once."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

import aiohttp

from ledger import strict
from ledger.checkpoint import parse_checkpoint
from ledger.cosignature import check_cosignature
from ledger.errors import LedgerError, LedgerIOError, Refused, RolledBack
from ledger.note import Note, Signature, VerifierKey, parse_note, parse_signatures
from ledger.policy import Policy
from ledger.witness.cosigner import Consistency
from ledger.witness.rule import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    INCONSISTENT,
    UNKNOWN_LOG,
    Request,
    format_request,
)

MAX_ANSWER_BYTES = 64 * 1024
_ATTEMPTS = 4  # the first guess, the size it answers, and twice more when somebody else is feeding the same witness


class Peer(NamedTuple):
    """A witness to ask: its name in the policy, its submission prefix (http or https), and its key (kind 0x04)."""

    name: str
    url: str
    vkey: VerifierKey


class Fed(NamedTuple):
    """What the witnesses said: cosignatures that verify, in the order asked, and why each of the others gave none."""

    signatures: tuple[Signature, ...]
    errors: dict[str, LedgerError]


def peers(policy: Policy) -> list[Peer]:
    """The policy's witnesses that can be asked: those with a URL."""
    return [Peer(name, known.url, known.vkey) for name, known in policy.witnesses.items() if known.url]


def feed(
    checkpoint: bytes, consistency: Consistency, witnesses: Iterable[Peer], timeout: float = 10.0, guess: int = 0
) -> Fed:
    """`feed_async`, for callers outside an event loop."""
    return asyncio.run(feed_async(checkpoint, consistency, witnesses, timeout, guess))


async def feed_async(
    checkpoint: bytes, consistency: Consistency, witnesses: Iterable[Peer], timeout: float = 10.0, guess: int = 0
) -> Fed:
    """Ask every witness, concurrently, for `timeout` seconds at most; one that fails does not hold up the others.

    `checkpoint` is signed by its log, `consistency` proves it from an older size, `guess` is the size the witnesses
    probably cosigned last (a wrong one costs a round trip). In `errors`: LedgerIOError for a witness that cannot be
    reached or answers too late, RolledBack for one that has cosigned more than this checkpoint or does not find it
    consistent with that, Refused for an answer that does not verify. Raises Refused when `checkpoint` is none.
    """
    asked = list(witnesses)
    note = parse_note(checkpoint)
    size = parse_checkpoint(note.text).size
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        feeder = _Feeder(session, checkpoint, note, size, consistency)
        answers = await asyncio.gather(*(feeder.ask(peer, min(guess, size), timeout) for peer in asked))
    errors = {peer.name: answer for peer, answer in zip(asked, answers, strict=True) if isinstance(answer, LedgerError)}
    return Fed(tuple(answer for answer in answers if isinstance(answer, Signature)), errors)


class _Feeder:
    """One checkpoint on its way to the witnesses."""

    def __init__(
        self, session: aiohttp.ClientSession, checkpoint: bytes, note: Note, size: int, consistency: Consistency
    ) -> None:
        self._session, self._checkpoint, self._note, self._size = session, checkpoint, note, size
        self._consistency = consistency

    async def ask(self, peer: Peer, guess: int, timeout: float) -> Signature | LedgerError:
        try:
            async with asyncio.timeout(timeout):
                return await self._ask(peer, guess)
        except LedgerError as error:
            return error
        except TimeoutError:
            return LedgerIOError(f"the witness {peer.name} did not answer within {timeout:g} s; try again later.")
        except (aiohttp.ClientError, OSError) as error:
            return LedgerIOError(f"the witness {peer.name} at {peer.url} cannot be reached: {error}; check its URL.")

    async def _ask(self, peer: Peer, old: int) -> Signature:
        for _ in range(_ATTEMPTS):
            proof = tuple(self._consistency(old)) if 0 < old < self._size else ()
            status, body = await self._post(peer, Request(old, proof, self._checkpoint))
            if status != CONFLICT:
                return self._cosignature(peer, status, body)
            old = _size(peer, body)
            if old > self._size:
                raise RolledBack(
                    f"the witness {peer.name} has cosigned this log at size {old}, beyond {self._size}; the log was "
                    "rolled back, or somebody else continues it."
                )
        raise LedgerIOError(f"the witness {peer.name} keeps answering another size; let one process at a time feed it.")

    async def _post(self, peer: Peer, request: Request) -> tuple[int, bytes]:
        url = f"{peer.url.rstrip('/')}/add-checkpoint"
        async with self._session.post(url, data=format_request(request), allow_redirects=False) as response:
            body = b""
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise Refused(f"the witness {peer.name} answers more than {MAX_ANSWER_BYTES} bytes; do not ask it.")
            return response.status, body

    def _cosignature(self, peer: Peer, status: int, body: bytes) -> Signature:
        if status != 200:
            raise _refusal(peer, status, body)
        try:
            lines = parse_signatures(body)
            ours = [line for line in lines if (line.name, line.key_id) == (peer.vkey.name, peer.vkey.key_id)]
            for line in ours:
                check_cosignature(peer.vkey, self._note.text, line)
        except Refused as error:
            raise Refused(f"the cosignature of the witness {peer.name} does not verify: {error}") from error
        if not ours:
            raise Refused(f"the witness {peer.name} answers with no cosignature by {peer.vkey}; check its key.")
        return ours[0]


def _refusal(peer: Peer, status: int, body: bytes) -> LedgerError:
    """What an answer that is no cosignature means; the witness's words are quoted, for they could be anything."""
    said = f"the witness {peer.name} answers {status}, {body[:300].decode(errors='replace')!r}"
    if status == INCONSISTENT:
        return RolledBack(f"{said}: to it, this checkpoint does not continue the log; compare it with its own.")
    if status in (BAD_REQUEST, FORBIDDEN, UNKNOWN_LOG):
        return Refused(f"{said}; see that it knows this log's key.")
    return LedgerIOError(f"{said}; try again later.")


def _size(peer: Peer, body: bytes) -> int:
    try:
        digits, newline, rest = body.decode("ascii").partition("\n")
        if not newline or rest:
            raise Refused("a size is one line.")
        return strict.decimal(digits, "size")
    except ValueError as error:
        raise Refused(f"the witness {peer.name} answers 409 without a size; it speaks no tlog-witness.") from error
