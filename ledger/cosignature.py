"""Cosignatures (C2SP tlog-cosignature v1.0.1, Ed25519): "at this time, this was the largest tree of that log I saw".

The signature line holds 8 bytes of POSIX time, big-endian, and 64 bytes of Ed25519 over the lines `cosignature/v1` and
`time <t>` and the checkpoint's whole note text. The name is not signed, so every cosigner needs a key of its own.
"""

from ledger.checkpoint import parse_checkpoint
from ledger.errors import Refused
from ledger.keys import SigningKey
from ledger.note import Signature
from ledger.vkey import COSIGNATURE, VerifierKey, cosigned_at, cosigned_message, cosigner_vkey


class Cosigner:
    """A key of kind 0x04 that cosigns checkpoints under a name; Refused for a name that no key can have."""

    def __init__(self, name: str, key: SigningKey) -> None:
        self.vkey = cosigner_vkey(name, key.who)
        self._key = key

    def __repr__(self) -> str:
        return f"Cosigner({self.vkey})"  # never the seed: this ends up in logs

    def cosign(self, checkpoint_text: str, time_s: int) -> Signature:
        """The signature line for a checkpoint at a POSIX time (1 to 2**63 - 1); Refused for what is no checkpoint.

        The caller has checked that the checkpoint extends every other one it has cosigned.
        """
        parse_checkpoint(checkpoint_text)
        signed = self._key.sign(cosigned_message(checkpoint_text, time_s))
        return Signature(self.vkey.name, self.vkey.key_id, time_s.to_bytes(8, "big") + signed)


def check_cosignature(vkey: VerifierKey, checkpoint_text: str, signature: Signature) -> int:
    """The POSIX time (s) at which `vkey` cosigned the checkpoint; Refused when it did not."""
    if vkey.kind != COSIGNATURE:
        raise Refused(f"{vkey} is no cosigner's key; give one of type 0x04.")
    if (signature.name, signature.key_id) != (vkey.name, vkey.key_id):
        raise Refused(f"the line is by {signature.name}+{signature.key_id.hex()}, not by {vkey}; pick that key's line.")
    parse_checkpoint(checkpoint_text)
    vkey.verify(checkpoint_text, signature.data)
    return cosigned_at(signature.data)
