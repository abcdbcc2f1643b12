"""Signed notes (C2SP signed-note v1.0.0): a text and the signature lines under it.

    <text, ending in a newline>
    <empty line>
    — <key name> base64(key id, 4 bytes || signature)      one or more

Nothing may be believed of a note before `check_note` has returned.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ledger import strict
from ledger.errors import Refused
from ledger.keys import SigningKey
from ledger.vkey import ED25519, KEY_ID_BYTES, check_name, key_text, log_vkey, split_key_text
from ledger.vkey import VerifierKey as VerifierKey  # part of this module's interface

MAX_SIGNATURES = 100  # as in Go's sumdb; the specification asks for at least 16 and for a limit
_DASH = "— "
_PRIVATE = "PRIVATE+KEY+"
_NOT_IN_NOTES = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
# What the same key may sign elsewhere: a note that begins so could be passed off as a statement or a cosignature.
_OTHER_MESSAGES = ("DSSEv1 ", "cosignature/v1\n")


@dataclass(frozen=True)
class Signature:
    """One signature line: the key's name and id (4 bytes), and the signature's bytes (at least one)."""

    name: str
    key_id: bytes
    data: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.key_id) != KEY_ID_BYTES or not self.data:
            raise Refused(f"the signature of {self.name} is too short; a key id of 4 bytes and a signature are needed.")


@dataclass(frozen=True)
class Note:
    """A text, ending in a newline, and 1 to 100 signatures, not verified; Refused for what no note can carry."""

    text: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        _check_text(self.text)
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise Refused(f"the note has {len(self.signatures)} signatures; 1 to {MAX_SIGNATURES} are allowed.")


def parse_note(data: bytes) -> Note:
    """The note whose only spelling is `data`, nothing verified; Refused for any deviation from the format."""
    # The last empty line, for the text may have empty lines of its own.
    text, blank, lines = _decode(data).rpartition("\n\n")
    if not blank:
        raise Refused("this is no signed note; a text, an empty line and signature lines are needed.")
    return Note(f"{text}\n", _parse_lines(lines))


def format_note(note: Note) -> bytes:
    """The bytes that `parse_note` takes back."""
    return b"%b\n%b" % (note.text.encode(), b"".join(map(format_signature, note.signatures)))


def parse_signatures(data: bytes) -> tuple[Signature, ...]:
    """The signatures of 1 to 100 lines without a text, as a witness answers; Refused for any deviation."""
    return _parse_lines(_decode(data))


def format_signature(signature: Signature) -> bytes:
    """The signature's line, with its newline."""
    return f"{_DASH}{signature.name} {strict.base64_text(signature.key_id + signature.data)}\n".encode()


def check_note(note: Note, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Those of `keys` that signed the note, each once; never empty.

    Signatures by others are ignored. Refused when a line that bears a given key's name and id does not verify, and
    when no given key signed.
    """
    known = _by_name_and_id(keys)
    signed: dict[VerifierKey, None] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            _check_signature(note.text, signature, key)
            signed[key] = None
    if not signed:
        names = ", ".join(sorted({key.name for key in known.values()})[:5]) or "nobody"
        raise Refused(f"no trusted key signed this note (trusted: {names}); get one that is signed, or trust its key.")
    return tuple(signed)


class NoteSigner:
    """A key of kind 0x01 that signs notes under a name; Refused for a name that no key can have."""

    def __init__(self, name: str, key: SigningKey) -> None:
        self.vkey = log_vkey(name, key.who)
        self._key = key

    def __repr__(self) -> str:
        return f"NoteSigner({self.vkey})"  # never the seed: this ends up in logs

    @classmethod
    def parse(cls, text: str) -> "NoteSigner":
        """The signer that `export` wrote, in the private-key format of Go's sumdb/note; Refused for anything else."""
        try:
            name, identifier, kind, seed = split_key_text(text.removeprefix(_PRIVATE))
            signer = cls(name, SigningKey.from_seed(seed))
            fits = text.startswith(_PRIVATE) and (kind, identifier) == (ED25519, signer.vkey.key_id)
        except Refused:
            fits = False  # the cause is dropped: it would show the secret
        if not fits:
            raise Refused("this is no private note key; write PRIVATE+KEY+name+key id+base64(0x01 || seed).")
        return signer

    def export(self) -> str:
        """The private key as one line of text, without newline; who has it can sign."""
        return _PRIVATE + key_text(self.vkey.name, self.vkey.key_id, ED25519, self._key.seed)

    def sign(self, text: str) -> Signature:
        """The signature line for a note with this text; Refused for text that no note can carry."""
        _check_text(text)
        if text.startswith(_OTHER_MESSAGES):
            raise Refused("the text begins like a statement or a cosignature; a note with it is never signed.")
        return Signature(self.vkey.name, self.vkey.key_id, self._key.sign(text.encode()))


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise Refused("the note's text does not end in a newline; add one.")
    found = _NOT_IN_NOTES.search(text)
    if found:
        raise Refused(f"the note's text holds {found[0]!r}; control characters but the newline are not allowed.")


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("the note is not UTF-8; fetch it again, as it was published.") from error


def _parse_lines(lines: str) -> tuple[Signature, ...]:
    if not lines.endswith("\n"):
        raise Refused("the note does not end in a newline; it may be cut short, so fetch it again.")
    if lines.count("\n") > MAX_SIGNATURES:
        raise Refused(f"the note has more than {MAX_SIGNATURES} signature lines; remove those nobody needs.")
    return tuple(_parse_line(line) for line in lines[:-1].split("\n"))


def _parse_line(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH):
        raise Refused(f"{line[:60]!r} is no signature line; that is an em dash, a key's name and base64.")
    data = strict.base64_bytes(encoded, "signature")
    return Signature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def _by_name_and_id(keys: Iterable[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise Refused(f"two of the keys have the name {key.name} and the same key id; trust only one of them.")
    return known


def _check_signature(text: str, signature: Signature, key: VerifierKey) -> None:
    try:
        key.verify(text, signature.data)
    except Refused as error:
        raise Refused(f"the signature line of {key.name} does not fit the note ({error}); do not trust it.") from error
