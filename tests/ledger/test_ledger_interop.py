"""Whole ledgers, as the writer leaves them on disk, before pymerkle (RFC 9162) and sigstore, which know nothing of us.

Neither reads tiles: the entries are taken from the bundles by a few lines of this file.
"""

import hashlib
from base64 import b64decode
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from grown_ledger import OPERATOR, VKEY, WITNESSES, Grown, grow, policy
from ledger_story import LOG
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion
from sigstore._internal import merkle as sigstore_merkle
from sigstore._internal.rekor.checkpoint import SignedCheckpoint
from sigstore.errors import VerificationError

from ledger.errors import Refused
from ledger.folder import LedgerFolder
from ledger.proofs import check_consistency
from ledger.receipt import Receipt
from ledger.verify import verify_dir

SMALL = (0, 1, 2, 255, 256, 257, 511, 512, 513)
LARGE = (65_535, 65_536, 65_537, 70_000)
RECEIPTS = 50


@pytest.fixture(scope="module", params=[*SMALL, *(pytest.param(size, marks=pytest.mark.slow) for size in LARGE)])
def case(request, tmp_path_factory):
    """A ledger of this many entries, and pymerkle's tree of its entries."""
    grown = grow(tmp_path_factory.mktemp("grown"), request.param)
    tree = InmemoryTree(algorithm="sha256")
    told = list(entries(grown.path))
    tree.append_entries(told)
    assert len(told) == tree.get_size() == request.param
    return SimpleNamespace(grown=grown, entries=told, tree=tree, size=request.param)


def entries(ledger: Path) -> Iterator[bytes]:
    """The entries in a ledger's bundles, the widest of each number."""
    folder = ledger / "log" / "tile" / "entries"
    full = [path for path in folder.rglob("*") if path.is_file() and path.parent.suffix != ".p"]
    partial = [path for path in folder.rglob("*.p/*") if not path.parent.with_suffix("").is_file()]
    for path in [*sorted(full), *sorted(partial, key=lambda path: int(path.name))[-1:]]:
        data = path.read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            yield data[2 : 2 + length]
            data = data[2 + length :]


def checkpoints(grown: Grown) -> dict[int, SignedCheckpoint]:
    """Every checkpoint that was published, as sigstore reads it."""
    files = (grown.path / "history").iterdir()
    return {int(file.name): SignedCheckpoint.from_text(file.read_text()) for file in files}


def root(tree: InmemoryTree, size: int) -> bytes:
    """pymerkle's root over the first `size` entries; for it, an empty tree's is the hash of nothing too."""
    return tree.get_root(size) if size else hashlib.sha256(b"").digest()


def sigstore_accepts(entry: bytes, receipt: Receipt) -> bool:
    """Whether sigstore finds the entry in the tree of the receipt's checkpoint."""
    checkpoint = SignedCheckpoint.from_text(receipt.checkpoint.decode()).checkpoint
    proof = SimpleNamespace(
        log_index=receipt.index,
        tree_size=checkpoint.log_size,
        hashes=list(receipt.path),
        root_hash=bytes.fromhex(checkpoint.log_hash),
    )
    try:
        inner = SimpleNamespace(inclusion_proof=proof, canonicalized_body=entry)
        sigstore_merkle.verify_merkle_inclusion(SimpleNamespace(_inner=inner))
    except VerificationError:
        return False
    return True


def receipts(case) -> list[Receipt]:
    """What the writer gave, and more under the newest checkpoint, those at the edges among them."""
    rng = Random(case.size)
    chosen = rng.sample(range(case.size), min(case.size, RECEIPTS)) + [case.size - 1, 0] * (case.size > 0)
    return [*case.grown.receipts[-RECEIPTS:], *case.grown.receipt(*chosen)]


def test_every_published_checkpoint_is_one_to_sigstore_and_has_the_root_of_pymerkle(case):
    found = checkpoints(case.grown)
    assert {0, case.size} <= found.keys() and max(found) == case.size
    for size, signed in found.items():
        checkpoint = signed.checkpoint
        assert (checkpoint.origin, checkpoint.log_size, checkpoint.other_content) == (LOG, size, [])
        assert checkpoint.log_hash == root(case.tree, size).hex()


def test_the_operator_signed_every_checkpoint_by_the_lines_that_sigstore_reads(case):
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(OPERATOR.who.removeprefix("ed25519:")))
    for signed in checkpoints(case.grown).values():
        (line,) = [line for line in signed.signed_note.signatures if line.name == LOG]
        assert line.sig_hash == VKEY.key_id
        key.verify(b64decode(line.signature), signed.signed_note.note.encode())


def test_three_witnesses_cosigned_the_newest_checkpoint_by_the_lines_that_sigstore_reads(case):
    note = checkpoints(case.grown)[case.size].signed_note
    for witness in WITNESSES:
        (line,) = [line for line in note.signatures if line.name == witness.vkey.name]
        time, signature = b64decode(line.signature)[:8], b64decode(line.signature)[8:]
        message = f"cosignature/v1\ntime {int.from_bytes(time, 'big')}\n{note.note}".encode()
        key = Ed25519PublicKey.from_public_bytes(witness.vkey.public)
        key.verify(signature, message)
        with pytest.raises(InvalidSignature):
            key.verify(signature, message.replace(b"time 1", b"time 2"))


def test_sigstore_finds_the_entry_of_every_receipt_in_the_tree_and_no_other_entry(case):
    for receipt in receipts(case):
        assert sigstore_accepts(case.entries[receipt.index], receipt)
        assert not sigstore_accepts(case.entries[receipt.index] + b" ", receipt)


def test_a_receipt_has_the_path_that_pymerkle_proves_and_verifies(case):
    for receipt in receipts(case):
        size = SignedCheckpoint.from_text(receipt.checkpoint.decode()).checkpoint.log_size
        proof = case.tree.prove_inclusion(receipt.index + 1, size)
        assert list(receipt.path) == proof.path[1:]
        verify_inclusion(case.tree.get_leaf(receipt.index + 1), root(case.tree, size), proof)


def test_pymerkle_agrees_that_every_published_checkpoint_extends_the_one_before(case):
    found = checkpoints(case.grown)
    for old, new in pairwise(sorted(found.keys() - {0})):
        old_root, new_root = (bytes.fromhex(found[size].checkpoint.log_hash) for size in (old, new))
        verify_consistency(old_root, new_root, case.tree.prove_consistency(old, new))


def test_the_consistency_paths_read_from_the_tiles_hold_between_the_roots_of_pymerkle(case):
    newest = root(case.tree, case.size)
    paths = LedgerFolder(case.grown.path).consistency_paths(checkpoints(case.grown), case.size)
    for old, path in paths.items():
        check_consistency(old, case.size, path, root(case.tree, old), newest)
        if path:
            with pytest.raises(Refused):
                check_consistency(old, case.size, path, newest, newest)


def test_the_own_verifier_agrees_too(case):
    report = verify_dir(case.grown.path, policy(), keys=case.grown.path.parent / "keys")
    assert (report.problems, report.size, report.cosigned) == ((), case.size, 3)
    assert report.root == root(case.tree, case.size).hex()
