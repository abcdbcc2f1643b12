"""Verifier keys (C2SP signed-note v1.0.0, "Verifier keys"): who signs notes, under which name, and over which bytes.

Two kinds of Ed25519 keys are known: 0x01 signs a note's text as it is, 0x04 (C2SP tlog-cosignature v1.0.1) signs it
under a header and a time. The kind is part of the key id, so one kind's signature never passes for the other's.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

from ledger import keys, strict
from ledger.errors import Refused

ED25519 = 0x01
COSIGNATURE = 0x04
KEY_ID_BYTES = 4
_KEY_BYTES = 32
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
_KEY_ID = re.compile(r"[0-9a-f]{8}")
# Control characters and half surrogate pairs are no space in Unicode's sense, but no note can carry them either.
_NOT_IN_NAMES = re.compile(r"[\s+\x00-\x1f\ud800-\udfff]")


def check_name(name: str) -> None:
    """Return when a key may have this name; Refused when empty or with a space, a plus or a control character."""
    if not name or _NOT_IN_NAMES.search(name):
        raise Refused(f"{name!r} cannot name a key; use a name without spaces and plus signs, like example.com/log.")


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The 4 bytes that, with the name, select a key: SHA-256(name || newline || kind || public key)[:4]."""
    return hashlib.sha256(b"%b\n%c%b" % (name.encode(), kind, public)).digest()[:KEY_ID_BYTES]


def cosigned_message(text: str, time_s: int) -> bytes:
    """What a key of kind 0x04 signs for a checkpoint's note text at a POSIX time; Refused for a time out of range."""
    if not 1 <= time_s <= strict.MAX_COUNT:
        raise Refused(f"the cosignature's time is {time_s}; 1 to 2**63 - 1 seconds since 1970 are allowed.")
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def cosigned_at(data: bytes) -> int:
    """The POSIX time (s) in a signature of kind 0x04: its first 8 bytes; Refused when the length is not 8 + 64."""
    if len(data) != _TIME_BYTES + _SIGNATURE_BYTES:
        raise Refused(f"the cosignature has {len(data)} bytes; 8 of time and 64 of Ed25519 signature are allowed.")
    return int.from_bytes(data[:_TIME_BYTES], "big")


@dataclass(frozen=True)
class VerifierKey:
    """A name, a kind (0x01 or 0x04) and a public key (32 bytes); Refused when one of them is not allowed."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.kind not in (ED25519, COSIGNATURE):
            raise Refused(f"keys of type 0x{self.kind:02x} are not known; use type 0x01 or, for a witness, 0x04.")
        if len(self.public) != _KEY_BYTES:
            raise Refused(f"the public key has {len(self.public)} bytes; an Ed25519 key has {_KEY_BYTES}.")
        keys.public_key(self.who)  # low-order points are refused here, not at the first signature

    def __str__(self) -> str:
        return key_text(self.name, self.key_id, self.kind, self.public)

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """The key spelled `name+key id in hex+base64(kind || public key)`; Refused for any other spelling."""
        name, identifier, kind, public = split_key_text(text)
        key = cls(name, kind, public)
        if key.key_id != identifier:
            raise Refused(f"the key id in {text!r} is not that of its name and key; copy the whole key again.")
        return key

    @cached_property
    def key_id(self) -> bytes:
        """The 4 bytes that signature lines carry."""
        return key_id(self.name, self.kind, self.public)

    @property
    def who(self) -> str:
        """The same key as a participant's identity, `ed25519:<64 hex>`."""
        return f"ed25519:{self.public.hex()}"

    def verify(self, text: str, data: bytes) -> None:
        """Return when `data` is this key's signature of a note with this text; Refused otherwise."""
        if self.kind == COSIGNATURE:
            message, data = cosigned_message(text, cosigned_at(data)), data[_TIME_BYTES:]
        else:
            message = text.encode()
        keys.verify(self.who, message, data)


def key_text(name: str, identifier: bytes, kind: int, material: bytes) -> str:
    """`name+hex+base64(kind || material)`: how a key, public or private, is written."""
    return f"{name}+{identifier.hex()}+{strict.base64_text(bytes([kind]) + material)}"


def split_key_text(text: str) -> tuple[str, bytes, int, bytes]:
    """Name, key id, kind and material of `key_text`; Refused for another shape. Whether they fit is not checked."""
    name, _, rest = text.partition("+")
    identifier, _, encoded = rest.partition("+")
    material = strict.base64_bytes(encoded, "key") if _KEY_ID.fullmatch(identifier) else b""
    if not material:
        raise Refused("this is no key; write name+key id+key, with 8 lower-case hex digits and padded base64.")
    return name, bytes.fromhex(identifier), material[0], material[1:]


def log_vkey(log: str, who: str) -> VerifierKey:
    """The key with which the operator `who` ("ed25519:<hex>") signs the checkpoints of `log`."""
    return VerifierKey(log, ED25519, bytes.fromhex(who.removeprefix("ed25519:")))


def cosigner_vkey(name: str, who: str) -> VerifierKey:
    """The key with which the account `who` cosigns under its name."""
    return VerifierKey(name, COSIGNATURE, bytes.fromhex(who.removeprefix("ed25519:")))
