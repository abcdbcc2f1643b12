"""Keys: RFC 8032's vectors, names that prove something, files that stay private."""

import hashlib
import hmac
import stat

import pytest

from ledger import LedgerIOError, Refused, SigningKey
from ledger.keys import pae, public_key, verify

# RFC 8032, 7.1: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]

# Every encoding of a point whose order divides 8, canonical or not (C2SP/CCTV ed25519).
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_signatures_are_those_of_rfc_8032(seed, public, message, signature):
    key = SigningKey.from_seed(bytes.fromhex(seed))
    assert key.who == f"ed25519:{public}"
    assert key.sign(bytes.fromhex(message)).hex() == signature
    verify(key.who, bytes.fromhex(message), bytes.fromhex(signature))
    with pytest.raises(Refused):
        verify(key.who, bytes.fromhex(message) + b"x", bytes.fromhex(signature))


@pytest.mark.parametrize("encoding", LOW_ORDER)
def test_nobody_is_known_by_a_low_order_key(encoding):
    with pytest.raises(Refused, match="prove nothing"):
        public_key(f"ed25519:{encoding}")


@pytest.mark.parametrize("who", ["", "ed25519:", "ed25519:" + "AB" * 32, "ed25519:" + "ab" * 31, "rsa:" + "ab" * 32])
def test_a_name_has_one_form(who):
    with pytest.raises(Refused, match="names nobody"):
        public_key(who)


def test_a_signature_of_another_length_is_refused():
    key = SigningKey.generate()
    for signature in (b"", b"x", key.sign(b"m")[:63], key.sign(b"m") + b"\0"):
        with pytest.raises(Refused):
            verify(key.who, b"m", signature)


def test_derived_keys_are_hkdf_of_the_secret_and_the_label():
    secret = bytes(range(32))
    extracted = hmac.digest(b"fedray-ledger-key/v1", secret, hashlib.sha256)
    seed = hmac.digest(extracted, b"user/7\x01", hashlib.sha256)
    assert SigningKey.derive(secret, "user/7").seed == seed
    assert SigningKey.derive(secret, "user/7").who != SigningKey.derive(secret, "user/8").who


def test_a_short_secret_or_seed_is_refused():
    with pytest.raises(Refused):
        SigningKey.derive(b"password", "user/7")
    with pytest.raises(Refused):
        SigningKey.from_seed(b"x" * 31)


def test_what_is_signed_is_the_dsse_encoding():
    assert pae("http://example.com/HelloWorld", b"hello world") == (  # the example of the DSSE specification
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


def test_a_saved_key_is_private_and_comes_back(tmp_path):
    key, path = SigningKey.generate(), tmp_path / "server.key"
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey.load(path).who == key.who
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_is_never_overwritten(tmp_path):
    key, path = SigningKey.generate(), tmp_path / "server.key"
    key.save(path)
    with pytest.raises(LedgerIOError, match="never overwritten"):
        SigningKey.generate().save(path)
    assert SigningKey.load(path).who == key.who
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o700, 0o620])
def test_a_key_that_others_may_read_is_refused(tmp_path, mode):
    path = tmp_path / "server.key"
    SigningKey.generate().save(path)
    path.chmod(mode)
    with pytest.raises(Refused, match="chmod 600"):
        SigningKey.load(path)


@pytest.mark.parametrize(
    "spoil", [lambda d: d[:-1], lambda d: d + b"\n", lambda d: d.upper(), lambda d: b"", lambda d: d[5:]]
)
def test_a_key_file_has_one_form(tmp_path, spoil):
    path = tmp_path / "server.key"
    SigningKey.generate().save(path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(Refused, match="no key file"):
        SigningKey.load(path)


def test_a_missing_key_file_says_so(tmp_path):
    with pytest.raises(LedgerIOError, match="No such file"):
        SigningKey.load(tmp_path / "none.key")


def test_printing_a_key_does_not_show_it():
    key = SigningKey.generate()
    assert key.seed.hex() not in repr(key)
