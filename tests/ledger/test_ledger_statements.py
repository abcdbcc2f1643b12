"""What is signed is what is said: no other bytes, no other signer, no other log."""

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from ledger_story import LOG, NODE, OPERATOR, USERS, digest, register_data, rotate

from ledger.errors import Refused
from ledger.keys import SigningKey
from ledger.statements import Statement, check_rotation, check_signature, commitment, rotation_proof, sign


def dsse(payload_type: str, body: bytes) -> bytes:
    """DSSE v1's pre-authentication encoding, written once more from the specification's formula."""
    return b" ".join([b"DSSEv1", str(len(payload_type)).encode(), payload_type.encode(), str(len(body)).encode(), body])


def key_of(who: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(who.partition(":")[2]))


def test_the_signature_is_over_the_dsse_encoding_of_the_sorted_json():
    statement = register_data(0)
    text = json.dumps(statement.body, sort_keys=True, separators=(",", ":"))
    payload = dsse("application/vnd.fedray.statement.v1+json", text.encode())
    key_of(USERS[0].who).verify(statement.signature, payload)  # raises when it is not
    check_signature(statement)


def test_a_forged_statement_is_refused():
    honest = register_data(0)
    for forged in (
        Statement(honest.body | {"examples": 11}, honest.signature),
        Statement(honest.body | {"log": "example.org/other"}, honest.signature),
        Statement(honest.body | {"who": USERS[1].who}, honest.signature),
        Statement(honest.body, register_data(1).signature),
        Statement(honest.body, b""),
        Statement(honest.body, honest.signature + b"\x00"),
        Statement({**honest.body, "who": "nobody"}, honest.signature),
        Statement({name: value for name, value in honest.body.items() if name != "who"}, honest.signature),
    ):
        for _ in range(2):  # a key that is remembered is no more lenient
            with pytest.raises(Refused):
                check_signature(forged)
    check_signature(honest)


def test_a_statement_out_of_form_cannot_be_signed():
    with pytest.raises(Refused, match="examples"):
        sign(USERS[0], "data.register", LOG, run="r", root=digest("d"), examples=1.0)
    with pytest.raises(Refused, match="unknown"):
        sign(USERS[0], "payday", LOG, amount=1)


def test_nobody_signs_under_another_name():
    fields = {"run": "r", "root": digest("d"), "examples": 1, "who": OPERATOR.who}
    assert sign(USERS[0], "data.register", LOG, **fields).body["who"] == USERS[0].who


def test_a_commitment_is_the_hash_of_all_it_is_bound_to():
    what = (LOG, "r", 7, USERS[0].who, digest("salt"), digest("update"))
    text = f"{LOG}\nr\n7\n{USERS[0].who}\n{digest('salt')}\n{digest('update')}\n"
    payload = dsse("application/vnd.fedray.update.v1", text.encode())
    assert commitment(*what) == hashlib.sha256(payload).hexdigest()


def test_a_commitment_to_anything_else_is_another():
    what = (LOG, "r", 1, USERS[0].who, digest("salt"), digest("update"))
    others = ("example.org/other", "r2", 2, USERS[1].who, digest("another salt"), digest("another update"))
    changed = [(*what[:at], other, *what[at + 1 :]) for at, other in enumerate(others)]
    swapped = (*what[:4], what[5], what[4])
    assert len({commitment(*one) for one in (what, swapped, *changed)}) == 8


def test_a_rotation_is_proved_by_the_new_key():
    proof = rotation_proof(NODE, LOG, USERS[0].who)
    message = f"{LOG}\n{USERS[0].who}\n{NODE.who}\n".encode()
    key_of(NODE.who).verify(base64.b64decode(proof), dsse("application/vnd.fedray.rotation.v1", message))
    check_rotation(proof, LOG, USERS[0].who, NODE.who)
    assert rotate(USERS[0], NODE).body["proof"] == proof


def test_a_rotation_proof_holds_for_nothing_else():
    proof = rotation_proof(NODE, LOG, USERS[0].who)
    other = SigningKey.generate()
    for log, old, new in (
        ("example.org/other", USERS[0].who, NODE.who),
        (LOG, USERS[1].who, NODE.who),
        (LOG, USERS[0].who, other.who),
        (LOG, NODE.who, USERS[0].who),
    ):
        with pytest.raises(Refused, match="signature"):
            check_rotation(proof, log, old, new)
    for text in ("", "x", proof[:-1], proof + "\n", base64.b64encode(bytes(64)).decode()):
        with pytest.raises(Refused):
            check_rotation(text, LOG, USERS[0].who, NODE.who)
