"""Cosignatures: a foreign witness's line is verified, and ours is what an independent reading of the format makes."""

import base64
import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.checkpoint import Checkpoint, add_signatures, open_checkpoint, sign_checkpoint
from ledger.cosignature import Cosigner, check_cosignature
from ledger.errors import Refused
from ledger.keys import SigningKey
from ledger.note import NoteSigner, Signature, check_note, parse_note
from ledger.vkey import COSIGNATURE, VerifierKey

# FiloSottile/sunlight, cmd/skylight/testdata: a mirror's key and the checkpoint it cosigned.
MIRROR = VerifierKey.parse("mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O")
MIRRORED = (
    "rome2026h1.example.org\n300\ngw31yQrqZZCcEOPrzX+bpy3nJ6QgngTKn8G1m0i62uU=\n\n— mirror.example.org "
    "P7FI7wAAAABpVGeAjA1S4pJm6MbcXjX7UUImu4azZtrfcVW2uyr/LXIYlwEJzXC0N0EiZkbqfLdXt/4gVEEuGmxJjAfXKMCISpsJAg==\n"
).encode()
SEED = b"w" * 32
WITNESS = Cosigner("example.com/witness", SigningKey.from_seed(SEED))
LOG = NoteSigner("example.com/log", SigningKey.from_seed(b"l" * 32))
HEAD = Checkpoint("example.com/log", 7, hashlib.sha256(b"root").digest())
TIME = 1_679_315_147


def signed_by_hand(message: bytes, time_s: int) -> Signature:
    """As the specification reads, with nothing but hashlib and cryptography."""
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    identifier = hashlib.sha256(b"example.com/witness\n\x04" + key.public_key().public_bytes_raw()).digest()[:4]
    return Signature("example.com/witness", identifier, struct.pack(">Q", time_s) + key.sign(message))


def test_the_cosignature_of_a_sunlight_mirror_is_verified():
    note = parse_note(MIRRORED)
    assert check_note(note, [MIRROR]) == (MIRROR,)
    assert check_cosignature(MIRROR, note.text, note.signatures[0]) == 1_767_139_200


def test_a_cosignature_is_what_the_specification_describes():
    message = (  # the example of tlog-cosignature.md, "Ed25519 signed message"
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    text = message.split("\n", 2)[2]
    made = WITNESS.cosign(text, TIME)
    assert made == signed_by_hand(message.encode(), TIME)
    assert check_cosignature(WITNESS.vkey, text, made) == TIME


def test_extension_lines_are_cosigned_with_the_rest():
    text = f"{HEAD.text()}extension\n"
    expected = signed_by_hand(f"cosignature/v1\ntime {TIME}\n{text}".encode(), TIME)
    assert WITNESS.cosign(text, TIME) == expected
    with pytest.raises(Refused):
        check_cosignature(WITNESS.vkey, HEAD.text(), expected)


def test_log_and_witness_share_a_note():
    data = add_signatures(sign_checkpoint(HEAD, [LOG]), [WITNESS.cosign(HEAD.text(), TIME)])
    assert check_note(parse_note(data), [WITNESS.vkey, LOG.vkey]) == (LOG.vkey, WITNESS.vkey)
    assert open_checkpoint(data, [LOG.vkey, WITNESS.vkey]).checkpoint == HEAD
    with pytest.raises(Refused, match="no trusted key named"):
        open_checkpoint(data, [WITNESS.vkey])


def test_every_mangled_byte_of_a_cosignature_is_refused():
    made = WITNESS.cosign(HEAD.text(), TIME)
    for place in range(len(made.data)):
        for flip in (1, 128):
            mangled = bytearray(made.data)
            mangled[place] ^= flip
            with pytest.raises(Refused):
                check_cosignature(WITNESS.vkey, HEAD.text(), Signature(made.name, made.key_id, bytes(mangled)))


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: d[8:], lambda d: d[:8]])
def test_a_cosignature_of_another_length_is_refused(change):
    made = WITNESS.cosign(HEAD.text(), TIME)
    with pytest.raises(Refused, match="bytes"):
        check_cosignature(WITNESS.vkey, HEAD.text(), Signature(made.name, made.key_id, change(made.data)))


def test_a_cosignature_holds_for_its_checkpoint_alone():
    made = WITNESS.cosign(HEAD.text(), TIME)
    for other in (
        Checkpoint(HEAD.origin, HEAD.size + 1, HEAD.root),
        Checkpoint("example.com/other", HEAD.size, HEAD.root),
        Checkpoint(HEAD.origin, HEAD.size, hashlib.sha256(b"other").digest()),
    ):
        with pytest.raises(Refused):
            check_cosignature(WITNESS.vkey, other.text(), made)


@pytest.mark.parametrize("time_s", [0, -1, 2**63, 2**64])
def test_a_time_out_of_range_is_refused(time_s):
    with pytest.raises(Refused, match="time"):
        WITNESS.cosign(HEAD.text(), time_s)
    if time_s in (0, 2**63):
        message = f"cosignature/v1\ntime {time_s}\n{HEAD.text()}".encode()
        with pytest.raises(Refused, match="time"):
            check_cosignature(WITNESS.vkey, HEAD.text(), signed_by_hand(message, time_s))


def test_the_first_and_the_last_second_are_allowed():
    for time_s in (1, 2**63 - 1):
        assert check_cosignature(WITNESS.vkey, HEAD.text(), WITNESS.cosign(HEAD.text(), time_s)) == time_s


@pytest.mark.parametrize("text", ["", "no checkpoint\n", "log\n07\n" + base64.b64encode(bytes(32)).decode() + "\n"])
def test_what_is_no_checkpoint_is_neither_cosigned_nor_believed(text):
    with pytest.raises(Refused):
        WITNESS.cosign(text, TIME)
    with pytest.raises(Refused):
        message = f"cosignature/v1\ntime {TIME}\n{text}".encode()
        check_cosignature(WITNESS.vkey, text, signed_by_hand(message, TIME))


def test_the_kinds_of_one_key_do_not_pass_for_each_other():
    key = SigningKey.from_seed(SEED)
    note_signer, made = NoteSigner("example.com/witness", key), WITNESS.cosign(HEAD.text(), TIME)
    assert note_signer.vkey.key_id != WITNESS.vkey.key_id
    with pytest.raises(Refused, match="type 0x04"):
        check_cosignature(note_signer.vkey, HEAD.text(), made)
    with pytest.raises(Refused, match="pick that key's line"):
        check_cosignature(WITNESS.vkey, HEAD.text(), note_signer.sign(HEAD.text()))
    plain = Signature(WITNESS.vkey.name, WITNESS.vkey.key_id, bytes(8) + note_signer.sign(HEAD.text()).data)
    with pytest.raises(Refused):
        check_cosignature(WITNESS.vkey, HEAD.text(), plain)


def test_another_witness_line_is_not_taken():
    other = Cosigner("example.com/other", SigningKey.from_seed(b"o" * 32))
    with pytest.raises(Refused, match="pick that key's line"):
        check_cosignature(WITNESS.vkey, HEAD.text(), other.cosign(HEAD.text(), TIME))


def test_a_cosigner_key_is_written_with_type_4():
    assert WITNESS.vkey.kind == COSIGNATURE and VerifierKey.parse(str(WITNESS.vkey)) == WITNESS.vkey
    assert base64.b64decode(str(WITNESS.vkey).split("+", 2)[2])[:1] == b"\x04"
    assert SigningKey.from_seed(SEED).seed.hex() not in repr(WITNESS)
