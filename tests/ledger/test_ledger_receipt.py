"""Receipts: proof, without the log, that an entry is in it; anything changed proves nothing."""

import hashlib

import pytest
from pymerkle import InmemoryTree

from ledger.checkpoint import Checkpoint, add_signatures, sign_checkpoint
from ledger.cosignature import Cosigner
from ledger.errors import NoQuorum, Refused
from ledger.keys import SigningKey
from ledger.note import NoteSigner
from ledger.policy import Policy
from ledger.receipt import MAX_PATH, Receipt, parse_receipt

LOG = NoteSigner("example.com/log", SigningKey.from_seed(b"l" * 32))
OTHER = NoteSigner("example.com/log", SigningKey.from_seed(b"o" * 32))
WITNESSES = [Cosigner(f"witness{number}.example", SigningKey.from_seed(bytes([number]) * 32)) for number in range(3)]
POLICY = Policy.parse(
    f"log {LOG.vkey}\n"
    + "".join(f"witness w{number} {cosigner.vkey}\n" for number, cosigner in enumerate(WITNESSES))
    + "group all-of-them all w0 w1 w2\nquorum all-of-them\n"
)
# tlog-proof.md, the example: its index and path lines (its checkpoint is abridged there).
PUBLISHED = """\
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=
"""


def entry(index: int) -> bytes:
    return b"entry %d" % index


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def tree(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, by its recursive definition."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node(tree(leaves[:split]), tree(leaves[split:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1, by its recursive definition."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path(index, leaves[:split]), tree(leaves[split:])]
    return [*path(index - split, leaves[split:]), tree(leaves[:split])]


def receipt(index: int, size: int, extra: bytes | None = None, by: NoteSigner = LOG) -> Receipt:
    leaves = [entry(number) for number in range(size)]
    head = Checkpoint("example.com/log", size, tree(leaves))
    signed = add_signatures(sign_checkpoint(head, [by]), [cosigner.cosign(head.text(), 1) for cosigner in WITNESSES])
    return Receipt(index, tuple(path(index, leaves)), signed, extra)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9])
def test_every_entry_of_a_tree_has_a_receipt(size):
    for index in range(size):
        made = parse_receipt(receipt(index, size).format())
        assert made == receipt(index, size)
        head = made.verify(POLICY, entry(index))
        assert (head.origin, head.size) == ("example.com/log", size)
        assert made.verify([LOG.vkey], entry(index)) == head
        assert made.verify(Policy.of_log(LOG.vkey), entry(index)) == head


def test_the_tree_of_pymerkle_has_the_same_root():
    reference = InmemoryTree(algorithm="sha256")
    for index in range(9):
        reference.append_entry(entry(index))
    assert receipt(4, 9).verify(POLICY, entry(4)).root == reference.get_root()


def test_a_receipt_proves_one_entry_in_one_place():
    made = receipt(4, 9)
    for other in (entry(3), entry(4) + b"\n", b"", *made.path):
        with pytest.raises(Refused):
            made.verify(POLICY, other)
    for index in (0, 3, 5, 8):
        with pytest.raises(Refused):
            Receipt(index, made.path, made.checkpoint).verify(POLICY, entry(4))


def test_an_inner_node_does_not_pass_for_an_entry():
    leaves = [entry(number) for number in range(4)]
    inside = tree(leaves[:1]) + tree(leaves[1:2])
    with pytest.raises(Refused):
        Receipt(0, (tree(leaves[2:]),), receipt(0, 4).checkpoint).verify(POLICY, inside)


def test_a_changed_path_is_refused():
    made = receipt(4, 9)
    for changed in (
        made.path[:-1],
        made.path[1:],
        (*made.path, bytes(32)),
        made.path[::-1],
        (bytes(32), *made.path[1:]),
        (made.path[0][:31], *made.path[1:]),
    ):
        with pytest.raises(Refused):
            Receipt(4, changed, made.checkpoint).verify(POLICY, entry(4))


def test_a_receipt_of_a_stranger_or_of_too_few_witnesses_is_refused():
    with pytest.raises(Refused):
        receipt(4, 9, by=OTHER).verify(POLICY, entry(4))
    with pytest.raises(Refused):
        receipt(4, 9).verify([OTHER.vkey], entry(4))
    bare = receipt(4, 9)
    head = bare.verify(POLICY, entry(4))
    alone = Receipt(4, bare.path, sign_checkpoint(head, [LOG]))
    with pytest.raises(NoQuorum):
        alone.verify(POLICY, entry(4))
    assert alone.verify([LOG.vkey], entry(4)) == head


def test_every_mangled_or_cut_receipt_is_refused():
    data = receipt(1, 3).format()
    for place in range(len(data)):
        mangled = (bytes([*data[:place], data[place] ^ flip, *data[place + 1 :]]) for flip in (1, 4, 32, 128))
        for changed in (data[:place], *mangled):
            with pytest.raises((Refused, NoQuorum)):  # a changed witness's name is a stranger's
                parse_receipt(changed).verify(POLICY, entry(1))


def test_the_checkpoint_is_kept_byte_for_byte():
    made = receipt(4, 9)
    assert made.format().endswith(b"\n\n" + made.checkpoint)
    assert parse_receipt(made.format()).checkpoint == made.checkpoint


def test_extra_data_comes_back_and_is_optional():
    made = receipt(4, 9, extra=b"\x00any\nbytes\xff")
    assert parse_receipt(made.format()) == made
    assert made.format().split(b"\n")[1].startswith(b"extra ")
    assert parse_receipt(receipt(4, 9).format()).extra is None
    with pytest.raises(Refused, match="leave it out"):
        receipt(4, 9, extra=b"").format()


def test_the_lines_of_the_example_of_the_specification_are_read():
    checkpoint = sign_checkpoint(Checkpoint("example.com/log", 109482, bytes(32)), [LOG])
    data = b"c2sp.org/tlog-proof@v1\n" + PUBLISHED.encode() + b"\n" + checkpoint
    made = parse_receipt(data)
    assert made.index == 73894 and made.format() == data
    assert [digest.hex()[:8] for digest in made.path] == ["8122b25e", "07de650d", "10a373a0", "468a2912", "0070a2a1"]


def test_a_receipt_with_three_witnesses_is_small():
    checkpoint = receipt(0, 1).checkpoint
    million_entries = Receipt(0, (bytes(32),) * 20, checkpoint)
    assert len(million_entries.format()) < 2048


def head_of(data: bytes) -> tuple[bytes, bytes]:
    head, _, rest = data.partition(b"\n\n")
    return head, b"\n\n" + rest


@pytest.mark.parametrize(
    "spoil",
    [
        lambda head, rest: b"",
        lambda head, rest: head,
        lambda head, rest: head + b"\n",
        lambda head, rest: head + b"\n\n",
        lambda head, rest: head + b"\n\n" + rest,  # two empty lines
        lambda head, rest: b"\n" + head + rest,
        lambda head, rest: (head + rest).replace(b"\n", b"\r\n"),
        lambda head, rest: head.replace(b"\n", b"\r\n") + rest,
        lambda head, rest: head.replace(b"@v1", b"@v2") + rest,
        lambda head, rest: head.replace(b"@v1", b"@v1 ") + rest,
        lambda head, rest: head.replace(b"index 4", b"index  4") + rest,
        lambda head, rest: head.replace(b"index 4", b"index\t4") + rest,
        lambda head, rest: head.replace(b"index 4", b"index 04") + rest,
        lambda head, rest: head.replace(b"index 4", b"index +4") + rest,
        lambda head, rest: head.replace(b"index 4", b"index 0_4") + rest,
        lambda head, rest: head.replace(b"index 4", "index ٤".encode()) + rest,
        lambda head, rest: head.replace(b"index 4", b"index ") + rest,
        lambda head, rest: head.replace(b"index 4", b"index") + rest,
        lambda head, rest: head.replace(b"index 4", b"index -1") + rest,
        lambda head, rest: head.replace(b"index 4", b"index 9") + rest,  # behind the checkpoint's end
        lambda head, rest: head.replace(b"index 4\n", b"") + rest,
        lambda head, rest: head.replace(b"index 4", b"index 4\nindex 4") + rest,
        lambda head, rest: head.replace(b"index 4", b"index 4\nextra AAAA") + rest,
        lambda head, rest: head.replace(b"index 4", b"extra AAAA\nextra AAAA\nindex 4") + rest,
        lambda head, rest: head.replace(b"index 4", b"extra \nindex 4") + rest,
        lambda head, rest: head.replace(b"index 4", b"extra\nindex 4") + rest,
        lambda head, rest: head.replace(b"index 4", b"extra AAB=\nindex 4") + rest,
        lambda head, rest: head.replace(b"index 4", b"extra AA\nindex 4") + rest,
        lambda head, rest: head.replace(b"index 4", b"Extra AAAA\nindex 4") + rest,
        lambda head, rest: head[:-1] + rest,
        lambda head, rest: head + b"=" + rest,
        lambda head, rest: head + b" " + rest,
        lambda head, rest: head[:-2] + bytes([head[-2] + 1]) + b"=" + rest,  # a stray bit
        lambda head, rest: head + b"\nAAAA" + rest,
        lambda head, rest: head + (b"\n" + b"A" * 43 + b"=") * MAX_PATH + rest,
        lambda head, rest: head + "\u2028".encode() + rest,
        lambda head, rest: head + rest + b"\n",
        lambda head, rest: head + rest[:-1],
        lambda head, rest: head + rest.replace(b"\n9\n", b"\n09\n"),
    ],
)
def test_a_malformed_receipt_is_refused(spoil):
    good = receipt(4, 9).format()
    assert b"".join(head_of(good)) == good
    with pytest.raises(Refused):
        parse_receipt(spoil(*head_of(good)))


@pytest.mark.parametrize(
    "broken",
    [
        Receipt(-1, (), receipt(0, 1).checkpoint),
        Receipt(1, (), receipt(0, 1).checkpoint),
        Receipt(0, (b"short",), receipt(0, 1).checkpoint),
        Receipt(0, (), b"no checkpoint"),
    ],
)
def test_a_receipt_that_could_not_be_read_is_not_written(broken):
    with pytest.raises(Refused):
        broken.format()
