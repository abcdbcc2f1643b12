"""Checkpoints (C2SP tlog-checkpoint v1.0.0): a log's name, size and root hash, as the text of a signed note.

<origin>
<size, decimal>
<root hash, base64>
[extension lines]        read, but never signed by this package: implementations disagree about them
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ledger import strict
from ledger.errors import Refused
from ledger.note import Note, NoteSigner, Signature, VerifierKey, check_note, format_note, parse_note

_NOT_IN_LINES = re.compile(r"[\x00-\x1f\ud800-\udfff]")


@dataclass(frozen=True)
class Checkpoint:
    """The log `origin` had `size` leaves under `root` (32 bytes); Refused when one of them is not allowed."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            if not line or _NOT_IN_LINES.search(line):
                raise Refused(f"{line!r} cannot be a line of a checkpoint; write text without control characters.")
        if not 0 <= self.size <= strict.MAX_COUNT:
            raise Refused(f"the checkpoint's size is {self.size}; 0 to 2**63 - 1 are allowed.")
        if len(self.root) != strict.HASH_BYTES:
            raise Refused(f"the root has {len(self.root)} bytes; a SHA-256 hash has {strict.HASH_BYTES}.")

    def text(self) -> str:
        """The note text, byte for byte what `parse_checkpoint` took."""
        lines = (self.origin, str(self.size), strict.base64_text(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint and the note it came in."""

    checkpoint: Checkpoint
    note: Note


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint whose only spelling is a note's text; Refused for any deviation from the format."""
    # Not splitlines: to Python, U+2028 and its kin end a line too.
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop():
        raise Refused("this is no checkpoint; it has a line each for origin, size and root hash, ended by newlines.")
    origin, size, root, *extensions = lines
    return Checkpoint(
        origin, strict.decimal(size, "tree size"), strict.base64_hash(root, "root hash"), tuple(extensions)
    )


def open_checkpoint(data: bytes, keys: Iterable[VerifierKey]) -> SignedCheckpoint:
    """The checkpoint in a signed note, signed by the log: by one of `keys` whose name is the checkpoint's origin.

    So of several trusted logs none can speak for another, and no witness for a log. Refused otherwise, and when a
    line of any given key does not verify.
    """
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    if not any(key.name == checkpoint.origin for key in check_note(note, keys)):
        raise Refused(f"no trusted key named {checkpoint.origin} signed this checkpoint; get it from the log itself.")
    return SignedCheckpoint(checkpoint, note)


def sign_checkpoint(checkpoint: Checkpoint, signers: Iterable[NoteSigner]) -> bytes:
    """The signed note; Refused with extension lines, without signers, and for one not named as the log.

    The caller must never sign two checkpoints of which one does not extend the other.
    """
    signers = tuple(signers)
    if checkpoint.extensions:
        raise Refused("the checkpoint has extension lines, which cosigners treat differently; leave them out.")
    for signer in signers:
        if signer.vkey.name != checkpoint.origin:
            raise Refused(f"{signer.vkey.name} cannot sign for {checkpoint.origin}; name the key as the log.")
    text = checkpoint.text()
    return format_note(Note(text, tuple(signer.sign(text) for signer in signers)))


def add_signatures(data: bytes, lines: Iterable[Signature]) -> bytes:
    """The note with more signature lines; a key's line replaces the one it had. Nothing is verified: do that before."""
    note = parse_note(data)
    merged = {(line.name, line.key_id): line for line in (*note.signatures, *lines)}
    return format_note(Note(note.text, tuple(merged.values())))
