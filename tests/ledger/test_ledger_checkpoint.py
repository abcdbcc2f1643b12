"""Checkpoints: logs of other implementations are read, and nothing but the one spelling."""

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigstore._internal.rekor import checkpoint as rekor

from ledger.checkpoint import Checkpoint, add_signatures, open_checkpoint, parse_checkpoint, sign_checkpoint
from ledger.errors import Refused
from ledger.keys import SigningKey
from ledger.note import Note, NoteSigner, Signature, format_note, parse_note
from ledger.vkey import VerifierKey

# transparency-dev/tessera, testdata: the key (build_log.sh) and the checkpoints of sizes 0, 1 and 15 of its log.
TESSERA = VerifierKey.parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
TESSERA_LOG = {
    0: (
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "M9e0lhxJACzE1KoUdqKuPa+9p6R7dSW8BlEvrg/noo8FkGg6PbJoRNOcdjqjOq89wVvTA60eubCc4oufo5BvIVEgtQc=",
    ),
    1: (
        "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=",
        "M9e0lhr9kuLxGdAtaUrhm84TQffVsLdcy808sN0a3WyniNlfcr9+bywoiIke1YYciCNjJGkCgIlQ8b16jhsmg/SChAM=",
    ),
    15: (
        "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=",
        "M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=",
    ),
}
ROOT = hashlib.sha256(b"root").digest()
ROOT_TEXT = base64.b64encode(ROOT).decode()
LOG = NoteSigner("example.com/log", SigningKey.from_seed(b"l" * 32))
NEXT = NoteSigner("example.com/log", SigningKey.from_seed(b"n" * 32))
OTHER = NoteSigner("example.com/other", SigningKey.from_seed(b"o" * 32))
HEAD = Checkpoint("example.com/log", 7, ROOT)
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="+"), min_size=1, max_size=20)


def tessera(size: int) -> bytes:
    root, signature = TESSERA_LOG[size]
    return f"{TESSERA.name}\n{size}\n{root}\n\n— {TESSERA.name} {signature}\n".encode()


@pytest.mark.parametrize("size", TESSERA_LOG)
def test_checkpoints_of_tessera_are_opened(size):
    opened = open_checkpoint(tessera(size), [TESSERA])
    assert opened.checkpoint == Checkpoint(TESSERA.name, size, base64.b64decode(TESSERA_LOG[size][0]))
    assert opened.note == parse_note(tessera(size))
    if size < 2:  # that log's first entry is "one"
        preimage = (b"", b"\0one")[size]
        assert opened.checkpoint.root == hashlib.sha256(preimage).digest()


def test_every_mangled_byte_of_a_checkpoint_is_refused():
    data = sign_checkpoint(HEAD, [LOG])
    for place in range(len(data)):
        for flip in (1, 4, 32, 128):
            mangled = bytearray(data)
            mangled[place] ^= flip
            with pytest.raises(Refused):
                open_checkpoint(bytes(mangled), [LOG.vkey])


@settings(deadline=None)  # a loaded machine is no failure
@given(NAMES, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_sigstore_reads_the_same_from_an_honest_checkpoint(origin, size, root):
    signer = NoteSigner(origin, SigningKey.from_seed(root))
    data = sign_checkpoint(Checkpoint(origin, size, root), [signer])
    theirs, ours = rekor.SignedCheckpoint.from_text(data.decode()), open_checkpoint(data, [signer.vkey])
    assert (theirs.checkpoint.origin, theirs.checkpoint.log_size) == (origin, size)
    assert theirs.checkpoint.log_hash == ours.checkpoint.root.hex() == root.hex()
    assert theirs.signed_note.note == ours.note.text
    (line,), (own,) = theirs.signed_note.signatures, ours.note.signatures
    assert (line.name, line.sig_hash, base64.b64decode(line.signature)) == (own.name, own.key_id, own.data)


@settings(deadline=None)  # a loaded machine is no failure
@given(LINES, st.integers(0, 2**63 - 1), st.lists(LINES, max_size=3))
def test_a_checkpoint_comes_back_as_it_was_written(origin, size, extensions):
    checkpoint = Checkpoint(origin, size, ROOT, tuple(extensions))
    assert parse_checkpoint(checkpoint.text()) == checkpoint
    assert parse_checkpoint(checkpoint.text()).text() == checkpoint.text()


@pytest.mark.parametrize(
    "size", ["", "-1", "+7", "07", "00", "7_00", " 700 ", "7 ", "٧", "７", "7.0", "0x7", str(2**63)]
)
def test_a_size_has_one_spelling(size):
    with pytest.raises(Refused):
        parse_checkpoint(f"log\n{size}\n{ROOT_TEXT}\n")


@pytest.mark.parametrize(
    "root",
    [
        "",
        ROOT_TEXT[:-1],
        ROOT_TEXT + "=",
        ROOT_TEXT + " ",
        " " + ROOT_TEXT,
        ROOT_TEXT[:8] + "!" + ROOT_TEXT[8:],
        ROOT_TEXT[:-2] + chr(ord(ROOT_TEXT[-2]) + 1) + "=",  # a stray bit
        base64.b64encode(ROOT[:31]).decode(),
        base64.b64encode(ROOT + b"\0").decode(),
        base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        ROOT.hex(),
    ],
)
def test_a_root_has_one_spelling(root):
    with pytest.raises(Refused):
        parse_checkpoint(f"log\n7\n{root}\n")


def test_sigstore_forgives_what_is_refused_here():
    for size, root in (("7_00", ROOT_TEXT), (" 700 ", ROOT_TEXT), ("700", ROOT_TEXT[:8] + "!" + ROOT_TEXT[8:])):
        text = f"log\n{size}\n{root}\n"
        assert rekor.LogCheckpoint.from_text(text).log_size == 700
        with pytest.raises(Refused):
            parse_checkpoint(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "log\n",
        "log\n7\n",
        f"log\n7\n{ROOT_TEXT}",
        f"\n7\n{ROOT_TEXT}\n",
        f"log\n7\n{ROOT_TEXT}\n\n",
        f"log\n7\n{ROOT_TEXT}\n\nextension\n",
        f"log\n\n7\n{ROOT_TEXT}\n",
        f"log\r\n7\r\n{ROOT_TEXT}\r\n",
        f"log\t\n7\n{ROOT_TEXT}\n",
        f"log\n7\n{ROOT_TEXT}\nextension\x1f\n",
        *(f"log{end}7{end}{ROOT_TEXT}{end}" for end in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),  # splitlines would
    ],
)
def test_a_malformed_checkpoint_is_refused(text):
    with pytest.raises(Refused):
        parse_checkpoint(text)


def test_an_origin_may_hold_what_only_python_takes_for_a_line_end():
    origin = "a\u2028b c\x85"
    assert parse_checkpoint(f"{origin}\n7\n{ROOT_TEXT}\n") == Checkpoint(origin, 7, ROOT)


@pytest.mark.parametrize(
    "fields",
    [
        ("", 7, ROOT),
        ("a\nb", 7, ROOT),
        ("\ud800", 7, ROOT),
        ("log", -1, ROOT),
        ("log", 2**63, ROOT),
        ("log", 7, b""),
        ("log", 7, ROOT, ("",)),
        ("log", 7, ROOT, ("a\n",)),
    ],
)
def test_a_checkpoint_that_cannot_be_written_is_not_made(fields):
    with pytest.raises(Refused):
        Checkpoint(*fields)


def test_extension_lines_are_kept_but_never_signed():
    text = f"{HEAD.text()}extension 1\nextension 2\n"
    data = format_note(Note(text, (LOG.sign(text),)))
    checkpoint = open_checkpoint(data, [LOG.vkey]).checkpoint
    assert checkpoint.extensions == ("extension 1", "extension 2")
    with pytest.raises(Refused, match="leave them out"):
        sign_checkpoint(checkpoint, [LOG])


def test_old_and_new_key_of_a_log_both_open_its_checkpoint():
    data = sign_checkpoint(HEAD, [LOG, NEXT])
    for keys in ([LOG.vkey], [NEXT.vkey], [LOG.vkey, NEXT.vkey, OTHER.vkey]):
        assert open_checkpoint(data, keys).checkpoint == HEAD


def test_a_log_cannot_speak_for_another():
    text = HEAD.text()
    data = format_note(Note(text, (OTHER.sign(text),)))
    with pytest.raises(Refused, match=r"no trusted key named example\.com/log"):
        open_checkpoint(data, [LOG.vkey, OTHER.vkey])
    with pytest.raises(Refused, match="name the key as the log"):
        sign_checkpoint(HEAD, [LOG, OTHER])
    with pytest.raises(Refused, match="0 signatures"):
        sign_checkpoint(HEAD, [])


def test_a_checkpoint_without_a_trusted_signature_is_refused():
    for keys in ([], [NEXT.vkey], [OTHER.vkey]):
        with pytest.raises(Refused, match="no trusted key"):
            open_checkpoint(sign_checkpoint(HEAD, [LOG]), keys)


def test_a_signed_note_that_is_no_checkpoint_is_refused():
    data = format_note(Note("text\n", (LOG.sign("text\n"),)))
    with pytest.raises(Refused, match="no checkpoint"):
        open_checkpoint(data, [LOG.vkey])


def test_added_signatures_stand_below_and_each_key_has_one_line():
    data = sign_checkpoint(HEAD, [LOG])
    first, second, newer = (
        Signature(name, b"abcd", value) for name, value in (("w1", b"1"), ("w2", b"2"), ("w1", b"3"))
    )
    both = add_signatures(data, [first, second, first])
    assert both.startswith(data) and parse_note(both).signatures[1:] == (first, second)
    assert add_signatures(both, []) == add_signatures(both, [second]) == both
    assert parse_note(add_signatures(both, [newer])).signatures[1:] == (newer, second)
    with pytest.raises(Refused):
        add_signatures(data, [Signature(f"w{number}", b"abcd", b"x") for number in range(100)])
