"""Who signs: Ed25519 identities (RFC 8032), written `ed25519:<64 hex>`, and the bytes that are signed (DSSE v1, PAE).

pyca/cryptography agrees with Go on the 914 edge cases of C2SP/CCTV, but like Go it lets low-order public keys through:
under such a key one signature fits many messages, so nobody may be known by one.
"""

import os
import re
import stat
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger import fs
from ledger.errors import Refused

SEED_BYTES = 32
_WHO = re.compile(r"ed25519:([0-9a-f]{64})")
_KEY_FILE = re.compile(rb"fedray-ledger-key/v1 ([0-9a-f]{64})\n")

# The curve's prime, and y of the eight points whose order divides 8: of order 1, 2, 4, and twice 8; x differs in sign.
_P = 2**255 - 19
_Y8 = int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little")
_LOW_ORDER_Y = frozenset({1, _P - 1, 0, _Y8, _P - _Y8})


class SigningKey:
    """A private key; whoever holds it is `who`."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise Refused(f"the seed has {len(seed)} bytes; an Ed25519 seed has {SEED_BYTES}.")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.who = f"ed25519:{self._private.public_key().public_bytes_raw().hex()}"

    def __repr__(self) -> str:
        return f"SigningKey({self.who})"  # never the seed: this ends up in logs

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new key from the operating system's randomness."""
        return cls(os.urandom(SEED_BYTES))

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """The key of a 32-byte seed (RFC 8032, 5.1.5); Refused for another length."""
        return cls(seed)

    @classmethod
    def derive(cls, secret: bytes, label: str) -> "SigningKey":
        """The key named `label` under a secret of at least 32 random bytes, such as a key's `seed`.

        By HKDF-SHA256 (RFC 5869). So ten thousand simulated users need one secret file. Refused for a shorter secret:
        passwords are too weak.
        """
        if len(secret) < SEED_BYTES:
            raise Refused(f"the secret has {len(secret)} bytes; deriving keys needs at least {SEED_BYTES} random ones.")
        return cls(HKDF(SHA256(), SEED_BYTES, salt=b"fedray-ledger-key/v1", info=label.encode()).derive(secret))

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes that `from_seed` takes back."""
        return self._private.private_bytes_raw()

    def sign(self, payload: bytes) -> bytes:
        """The 64-byte signature over `payload`."""
        return self._private.sign(payload)

    def save(self, path: str | Path, disk: fs.Disk = fs.DISK) -> None:
        """Write the key to a new file of mode 0600; LedgerIOError when `path` exists or the disk refuses."""
        disk.create(Path(path), b"fedray-ledger-key/v1 " + self.seed.hex().encode() + b"\n", mode=0o600)

    @classmethod
    def load(cls, path: str | Path) -> "SigningKey":
        """The key in a file made by `save`; Refused when others may read the file or it holds anything else."""
        with fs.reported(f"reading the key {path}"), Path(path).open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & ~0o600:
                raise Refused(f"the key {path} has mode {mode:04o}; at most 0600 is allowed, so run: chmod 600 {path}")
            content = file.read(1024)
        match = _KEY_FILE.fullmatch(content)
        if match is None:
            raise Refused(f"{path} is no key file; name one that SigningKey.save wrote.")
        return cls(bytes.fromhex(match[1].decode()))


def public_key(who: str) -> Ed25519PublicKey:
    """The key that `who` names; Refused for another form, a point written non-canonically or one of low order."""
    match = _WHO.fullmatch(who)
    if match is None:
        raise Refused(f"{who!r} names nobody; a participant is written ed25519:<64 lower-case hex digits>.")
    raw = bytes.fromhex(match[1])
    y = int.from_bytes(raw, "little") & (2**255 - 1)  # the top bit is the sign of x
    if y >= _P or y in _LOW_ORDER_Y:
        raise Refused(
            f"{who} is a point under which signatures prove nothing (low-order or non-canonical); make another key."
        )
    return Ed25519PublicKey.from_public_bytes(raw)


_known_key = lru_cache(maxsize=65536)(public_key)  # the same participants sign again and again; parsing costs


def verify(who: str, payload: bytes, signature: bytes) -> None:
    """Return when `who` signed `payload`; Refused otherwise."""
    try:
        _known_key(who).verify(signature, payload)
    except InvalidSignature as error:
        raise Refused(
            f"the signature is not that of {who} over these bytes; sign them, unchanged, with that key."
        ) from error


def pae(payload_type: str, body: bytes) -> bytes:
    """What is signed for `body` (DSSE v1, PAE): the lengths keep type and body from running together."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)
