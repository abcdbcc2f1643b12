"""The rule of a witness, pure: which checkpoint may be cosigned? (C2SP tlog-witness v1.0.0, add-checkpoint)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ledger import strict
from ledger.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint
from ledger.errors import Refused
from ledger.note import Note, VerifierKey, check_note, parse_note
from ledger.proofs import check_consistency
from ledger.witness.memory import Head

MAX_PROOF_LINES = 63
BAD_REQUEST, FORBIDDEN, UNKNOWN_LOG, CONFLICT, INCONSISTENT = 400, 403, 404, 409, 422


class Declined(Refused):
    """A checkpoint that is not cosigned. `status` is the specification's HTTP status; `size` is what a 409 answers."""

    def __init__(self, status: int, reason: str, size: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.size = size

    def __reduce__(self) -> tuple[type["Declined"], tuple[int, str, int | None]]:
        """Keep the error picklable: Exception's default would call the class with the message alone."""
        return type(self), (self.status, self.reason, self.size)


class Request(NamedTuple):
    """An add-checkpoint request: the size last cosigned, the proof from there (hashes of 32 bytes), the signed note."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes


def parse_request(body: bytes) -> Request:
    """The request in an HTTP body; Declined (400) for any deviation from the format."""
    header, _, checkpoint = body.partition(b"\n\n")
    try:
        first, *lines = header.decode("ascii").split("\n")
        if not first.startswith("old ") or not checkpoint or len(lines) > MAX_PROOF_LINES:
            raise Refused(
                f"a request is a line 'old <size>', at most {MAX_PROOF_LINES} lines of proof, an empty line and the "
                "signed checkpoint."
            )
        old = strict.decimal(first.removeprefix("old "), "old size")
        return Request(old, tuple(strict.base64_hash(line, "proof's hash") for line in lines), checkpoint)
    except ValueError as error:
        raise Declined(BAD_REQUEST, str(error)) from error


def format_request(request: Request) -> bytes:
    """The HTTP body that `parse_request` reads."""
    lines = "".join(f"{strict.base64_text(value)}\n" for value in request.proof)
    return f"old {request.old}\n{lines}\n".encode() + request.checkpoint


def open_signed(data: bytes, logs: Mapping[str, Sequence[VerifierKey]]) -> SignedCheckpoint:
    """The checkpoint in a signed note of a log (origin -> its keys), with one line of each key that signed it.

    Declined with 404 for an unknown origin, 403 without a good signature or with a bad one by a known key (a note that
    cannot be read has none), 400 for a text that is no checkpoint.
    """
    origin = data.partition(b"\n")[0].decode(errors="replace")
    keys = logs.get(origin)
    if keys is None:
        raise Declined(UNKNOWN_LOG, f"unknown log {origin[:200]!r}; ask the witness's operator to add its key.")
    try:
        note = parse_note(data)
        known = {(key.name, key.key_id) for key in check_note(note, keys)}
    except Refused as error:
        raise Declined(FORBIDDEN, f"invalid signature: {error}") from error
    try:
        checkpoint = parse_checkpoint(note.text)
    except Refused as error:
        raise Declined(BAD_REQUEST, str(error)) from error
    verified = {(line.name, line.key_id): line for line in note.signatures if (line.name, line.key_id) in known}
    return SignedCheckpoint(checkpoint, Note(note.text, tuple(verified.values())))


def judge(checkpoint: Checkpoint, old: int, proof: Sequence[bytes], last: Head) -> Head:
    """The head to remember when the checkpoint may be cosigned by who cosigned `last` before; Declined otherwise.

    400 when `old` is above the checkpoint's size, 409 when `last` has another size, 422 when the proof does not hold.
    """
    if old > checkpoint.size:
        raise Declined(
            BAD_REQUEST,
            f"the old size {old} is above the checkpoint's {checkpoint.size}; an older one is never signed.",
        )
    if old != last.size:
        raise Declined(CONFLICT, f"the last cosigned size is {last.size}, not {old}; prove it from there.", last.size)
    try:
        check_consistency(old, checkpoint.size, proof, last.root, checkpoint.root)
    except Refused as error:
        raise Declined(INCONSISTENT, f"invalid consistency proof: {error}") from error
    return Head(checkpoint.size, checkpoint.root)
