"""Signed notes: the published vectors, and nothing but the one spelling."""

import hashlib
import pickle

import pytest

from ledger import strict
from ledger.errors import Refused
from ledger.keys import SigningKey
from ledger.note import (
    MAX_SIGNATURES,
    Note,
    NoteSigner,
    Signature,
    check_note,
    format_note,
    format_signature,
    parse_note,
    parse_signatures,
)
from ledger.vkey import COSIGNATURE, ED25519, VerifierKey

# C2SP signed-note.md, "Example".
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
# golang.org/x/mod, sumdb/note/note_test.go.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
PETER_NOTE = f"{TEXT}\n{PETER_LINE}".encode()
# Every code point with the property White_Space (Unicode PropList.txt): what Go's unicode.IsSpace tells.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def opened(data: bytes, *vkeys: str) -> list[str]:
    return [key.name for key in check_note(parse_note(data), map(VerifierKey.parse, vkeys))]


def many(count: int) -> bytes:
    lines = (format_signature(Signature(f"key{number}", b"abcd", b"x")) for number in range(count - 1))
    return PETER_NOTE + b"".join(lines)


def test_the_example_of_the_specification_is_verified():
    assert opened(FOO_NOTE, FOO) == ["example.com/foo"]
    assert parse_note(FOO_NOTE).text == "This is an example message.\n"


def test_a_private_key_signs_as_go_does():
    signer = NoteSigner.parse(PETER_PRIVATE)
    assert str(signer.vkey) == PETER
    assert format_note(Note(TEXT, (signer.sign(TEXT),))) == PETER_NOTE
    assert signer.export() == PETER_PRIVATE


def test_a_verifier_key_comes_back_as_it_was_written():
    for vkey in (FOO, PETER, ENOCH):
        assert str(VerifierKey.parse(vkey)) == vkey
    key = VerifierKey.parse(PETER)
    assert key == VerifierKey("PeterNeumann", ED25519, key.public) == pickle.loads(pickle.dumps(key))
    assert key.key_id == bytes.fromhex("c74f20a3") == hashlib.sha256(b"PeterNeumann\n\x01" + key.public).digest()[:4]
    assert key.who == f"ed25519:{key.public.hex()}"


@pytest.mark.parametrize("vkey", [FOO, PETER])
def test_no_part_of_a_verifier_key_is_one(vkey):
    for start in range(len(vkey)):
        for end in range(start + 1, len(vkey) + 1):
            if (start, end) != (0, len(vkey)):
                with pytest.raises(Refused):
                    VerifierKey.parse(vkey[start:end])


@pytest.mark.parametrize(("parse", "text"), [(VerifierKey.parse, PETER), (NoteSigner.parse, PETER_PRIVATE)])
def test_no_other_character_fits_in_a_key(parse, text):
    for place in range(len(text)):
        for other in {*"Az09+/= \n\u0667\x1f\x85", chr(ord(text[place]) + 1), text[place].swapcase()} - {text[place]}:
            with pytest.raises(Refused):
                parse(text[:place] + other + text[place + 1 :])


def test_no_part_of_a_private_key_is_one():
    for start in range(len(PETER_PRIVATE)):
        for end in range(start + 1, len(PETER_PRIVATE) + 1):
            if (start, end) != (0, len(PETER_PRIVATE)):
                with pytest.raises(Refused):
                    NoteSigner.parse(PETER_PRIVATE[start:end])


@pytest.mark.parametrize(
    "vkey",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # x/mod: wrong length
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # x/mod: unknown kind
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("c74f20a3", "c7 4f20a3"),
        PETER.replace("c74f20a3", "00c74f20a3"),
        PETER + "\n",
        " " + PETER,
        PETER + "====",
        PETER[:-2] + "\n" + PETER[-2:],
        "",
        "++",
        "a++",
        "a+12345678+",
    ],
)
def test_a_malformed_verifier_key_is_refused(vkey):
    with pytest.raises(Refused):
        VerifierKey.parse(vkey)


def test_a_key_under_which_signatures_prove_nothing_is_refused():
    with pytest.raises(Refused, match="low-order"):
        VerifierKey("log", ED25519, bytes(32))


def test_an_error_or_a_printed_signer_never_shows_the_seed():
    secret = PETER_PRIVATE.split("+", 4)[-1]
    with pytest.raises(Refused) as caught:
        NoteSigner.parse(PETER_PRIVATE.replace("c74f", "c74e"))
    for stray in (PETER_PRIVATE + "=", PETER_PRIVATE[12:]):
        with pytest.raises(Refused) as caught:
            NoteSigner.parse(stray)
        assert caught.value.__cause__ is None and caught.value.__context__ is None
    assert secret not in str(caught.value) and secret not in repr(NoteSigner.parse(PETER_PRIVATE))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\x00b", "a\x1cb", "\ud800", *WHITE_SPACE])
def test_some_names_no_key_can_have(name):
    for make in (
        lambda: NoteSigner(name, SigningKey.from_seed(bytes(32))),
        lambda: VerifierKey(name, COSIGNATURE, bytes.fromhex("d75a980182b10ab7" * 4)),
        lambda: Signature(name, b"abcd", b"x"),
    ):
        with pytest.raises(Refused):
            make()


def test_a_name_may_be_of_any_script():
    key = SigningKey.from_seed(bytes(32))
    signer = NoteSigner("журнал/日誌#1\u200b", key)  # U+200B is no space in Unicode's sense
    data = format_note(Note("text\n", (signer.sign("text\n"),)))
    assert opened(data, str(signer.vkey)) == [signer.vkey.name]


@pytest.mark.parametrize(("data", "vkey"), [(FOO_NOTE, FOO), (PETER_NOTE, PETER)])
def test_a_mangled_byte_is_always_refused(data, vkey):
    for place in range(len(data)):
        for flip in (1, 2, 32, 128, 255):
            mangled = bytearray(data)
            mangled[place] ^= flip
            with pytest.raises(Refused):
                opened(bytes(mangled), vkey)


def test_a_cut_or_stretched_note_is_refused():
    for place in range(len(PETER_NOTE)):
        for changed in (PETER_NOTE[:place], PETER_NOTE[:place] + PETER_NOTE[place + 1 :]):
            with pytest.raises(Refused):
                opened(changed, PETER)
        for added in (b"\n", b" ", b"\r", b"=", b"A", "—".encode()):
            with pytest.raises(Refused):
                opened(PETER_NOTE[:place] + added + PETER_NOTE[place:], PETER)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        TEXT.encode(),
        f"{TEXT}\n".encode(),
        PETER_NOTE[:-1],
        PETER_NOTE + b"\n",
        PETER_NOTE + b"Unexpected line.\n",
        PETER_NOTE.replace(b"\n", b"\r\n"),
        PETER_NOTE.replace(b"\n\n", b"\n\r\n"),
        b"\x01" + PETER_NOTE,
        b"\x00" + PETER_NOTE,
        b"a\tb" + PETER_NOTE,
        b"\xff" + PETER_NOTE,
        b"\xed\xa0\x80" + PETER_NOTE,
        b"\xc0\xaf" + PETER_NOTE,
        PETER_NOTE.replace("—".encode(), b"-"),
        PETER_NOTE.replace("— ".encode(), "—".encode()),
        PETER_NOTE.replace("— ".encode(), "—  ".encode()),
        PETER_NOTE.replace("— ".encode(), "—\u00a0".encode()),
        PETER_NOTE.replace(b"PeterNeumann", b"Bad Name"),
        PETER_NOTE.replace(b"PeterNeumann", "Bad\u2003Name".encode()),
        PETER_NOTE.replace(b"PeterNeumann", b"Bad+Name"),
        PETER_NOTE.replace(b"PeterNeumann ", b" "),
        PETER_NOTE + "— EnochRoot \n".encode(),
        PETER_NOTE + "— EnochRoot\n".encode(),
        PETER_NOTE + "— EnochRoot rwz+eA==\n".encode(),  # an id and nothing else
        PETER_NOTE.replace(b"BwJnAM=", b"BwJnAM"),  # no padding
        PETER_NOTE.replace(b"BwJnAM=", b"BwJnAN="),  # the same bytes, with a stray bit behind them
        PETER_NOTE.replace(b"BwJnAM=", b"BwJnAM= "),
        PETER_NOTE.replace(b"BwJnAM=", b"BwJn AM="),
        PETER_NOTE.replace(b"BwJnAM=", b"BwJn\xc2\x85AM="),
        PETER_NOTE.replace(b"BwJnAM=", b"BwJn!AM="),
        PETER_NOTE.replace(b"BwJnAM=", b"BwJnAM=="),
        PETER_NOTE.replace(b"/ZJku", b"_ZJku"),
    ],
)
def test_a_malformed_note_is_refused(data):
    with pytest.raises(Refused):
        parse_note(data)


def test_a_note_comes_back_as_it_was_written():
    strange = "\n\n \u2028\x85\x7f\n— Peter x08g\n\n"  # a text may hold what only looks like a line end or a signature
    for text in (TEXT, "\n", strange):
        data = format_note(Note(text, (NoteSigner.parse(PETER_PRIVATE).sign(text),)))
        assert parse_note(data).text == text
        assert format_note(parse_note(data)) == data
        assert opened(data, PETER) == ["PeterNeumann"]


@pytest.mark.parametrize("text", ["", "no newline", "a\r\n", "a\x00\n", "a\ud800\n", "a\u2028"])
def test_a_text_that_no_note_can_carry_is_not_signed(text):
    with pytest.raises(Refused):
        NoteSigner.parse(PETER_PRIVATE).sign(text)
    with pytest.raises(Refused):
        Note(text, parse_note(PETER_NOTE).signatures)


@pytest.mark.parametrize("text", ["cosignature/v1\ntime 1\nlog\n", "DSSEv1 1 a 1 \n"])
def test_a_note_signer_signs_nothing_that_passes_for_another_message(text):
    with pytest.raises(Refused, match="never signed"):
        NoteSigner.parse(PETER_PRIVATE).sign(text)


def test_signatures_by_others_are_ignored():
    both = PETER_NOTE + ENOCH_LINE.encode()
    assert opened(both, PETER) == ["PeterNeumann"]
    assert opened(both, ENOCH) == ["EnochRoot"]
    assert opened(both, ENOCH, PETER, PETER) == ["PeterNeumann", "EnochRoot"]
    stranger = format_signature(Signature("PeterNeumann", b"\0\0\0\1", b"same name, other id"))
    stranger += format_signature(Signature("Other", bytes.fromhex("c74f20a3"), b"same id, other name"))
    assert opened(PETER_NOTE + stranger, PETER) == ["PeterNeumann"]


def test_a_note_that_no_trusted_key_signed_is_refused():
    for keys in ([], [ENOCH], [FOO, ENOCH]):
        with pytest.raises(Refused, match="no trusted key"):
            opened(PETER_NOTE, *keys)


def test_one_wrong_line_of_a_known_key_spoils_the_note():
    forged = format_signature(Signature("EnochRoot", bytes.fromhex("af0cfe78"), bytes(64)))
    assert opened(PETER_NOTE + forged, PETER) == ["PeterNeumann"]
    with pytest.raises(Refused, match="EnochRoot does not fit"):
        opened(PETER_NOTE + forged, PETER, ENOCH)
    with pytest.raises(Refused, match="EnochRoot does not fit"):  # also behind a right one
        opened(PETER_NOTE + ENOCH_LINE.encode() + forged, PETER, ENOCH)


def test_a_key_that_signed_twice_is_named_once():
    assert opened(PETER_NOTE + PETER_LINE.encode(), PETER) == ["PeterNeumann"]


def test_two_keys_that_share_name_and_id_are_ambiguous():
    class Twin(VerifierKey):
        key_id = bytes.fromhex("c74f20a3")  # finding a real one would take 2**32 tries

    twin = Twin("PeterNeumann", ED25519, VerifierKey.parse(ENOCH).public)
    with pytest.raises(Refused, match="same key id"):
        check_note(parse_note(PETER_NOTE), [VerifierKey.parse(PETER), twin])


def test_sixteen_signatures_are_read_and_more_than_the_limit_are_not():
    for count in (16, MAX_SIGNATURES):
        assert opened(many(count), PETER) == ["PeterNeumann"]
        assert len(parse_note(many(count)).signatures) == count
    with pytest.raises(Refused, match="more than 100"):
        parse_note(many(MAX_SIGNATURES + 1))
    with pytest.raises(Refused, match="101 signatures"):
        Note(TEXT, parse_note(PETER_NOTE).signatures * 101)
    with pytest.raises(Refused, match="0 signatures"):
        Note(TEXT, ())


def test_signature_lines_alone_come_back_as_they_were_written():
    lines = (PETER_LINE + ENOCH_LINE).encode()
    assert b"".join(map(format_signature, parse_signatures(lines))) == lines
    for bad in (b"", b"\n", lines[:-1], lines + b"\n", b"\n" + lines, lines.replace(b"\n", b"\r\n"), b"\xff\n"):
        with pytest.raises(Refused):
            parse_signatures(bad)


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "00", "07", "7_00", " 700 ", "700\n", "٧", "７", "²", "1.0", "0x1", "1e3", str(2**63), "9" * 5000],
)
def test_a_decimal_has_one_spelling(text):
    with pytest.raises(Refused):
        strict.decimal(text, "size")


def test_a_decimal_counts_from_0_to_2_to_the_63_minus_1():
    assert [strict.decimal(str(value), "size") for value in (0, 7, 2**63 - 1)] == [0, 7, 2**63 - 1]


@pytest.mark.parametrize(
    "text", ["AB==", "AAB=", "A", "AA", "AA=", "AA===", "AA==\n", " AA==", "A-A_", "AA==AA==", "é"]
)
def test_base64_has_one_spelling(text):
    with pytest.raises(Refused):
        strict.base64_bytes(text, "hash")


def test_a_hash_has_32_bytes():
    assert strict.base64_hash(strict.base64_text(bytes(32)), "hash") == bytes(32)
    for size in (0, 31, 33):
        with pytest.raises(Refused, match="32"):
            strict.base64_hash(strict.base64_text(bytes(size)), "hash")
