"""The Merkle tree of RFC 6962, against the certificate-transparency reference tests."""

import hashlib

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merkle_reference import synthetic_leaves, tree_hash

from ledger.errors import Refused
from ledger.merkle import EMPTY_ROOT, CompactRange, data_root, leaf_hash, node_hash, require_hash, root

# certificate-transparency-go, merkle/rfc6962 and merkle/testonly: leaves and the roots of the first n of them.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size):
    assert root(leaf_hash(leaf) for leaf in LEAVES[:size]).hex() == ROOTS[size]


def test_leaves_and_nodes_are_hashed_apart():
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


def test_the_hashes_are_those_of_the_reference_library_of_certificate_transparency():
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert EMPTY_ROOT.hex() == ROOTS[0] == root([]).hex()


def test_the_root_is_the_recursive_definition_of_the_rfc():
    leaves = synthetic_leaves(70)
    for size in range(71):
        assert root(leaves[:size]) == tree_hash(leaves[:size])


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=300))
def test_roots_are_those_of_pymerkle(entries):
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    assert root(map(leaf_hash, entries)) == tree.get_root()


def test_a_compact_range_has_the_root_of_every_size_it_grows_through():
    leaves, tree = synthetic_leaves(130), CompactRange()
    for size, leaf in enumerate(leaves):
        assert (tree.size, tree.root()) == (size, tree_hash(leaves[:size]))
        tree.append(leaf)


def test_the_peaks_are_the_roots_of_the_perfect_subtrees_from_the_largest_down():
    leaves, tree = synthetic_leaves(13), CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    assert tree.peaks == (tree_hash(leaves[:8]), tree_hash(leaves[8:12]), leaves[12])


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_compact_range_taken_up_from_its_peaks_grows_as_if_it_had_never_stopped(stop, more):
    leaves, first = synthetic_leaves(stop + more), CompactRange()
    for leaf in leaves[:stop]:
        first.append(leaf)
    second = CompactRange(first.size, first.peaks)
    for leaf in leaves[stop:]:
        second.append(leaf)
    assert second.root() == tree_hash(leaves)


def test_growing_a_copy_leaves_the_range_alone():
    leaves, tree = synthetic_leaves(8), CompactRange()
    for leaf in leaves[:7]:
        tree.append(leaf)
    copy = tree.copy()
    copy.append(leaves[7])
    assert (tree.size, tree.root()) == (7, tree_hash(leaves[:7]))
    assert (copy.size, copy.root()) == (8, tree_hash(leaves))


@pytest.mark.parametrize(("size", "peaks"), [(0, 1), (1, 0), (3, 1), (4, 2), (-1, 1)])
def test_peaks_that_do_not_fit_the_size_are_refused(size, peaks):
    with pytest.raises(Refused, match="peaks"):
        CompactRange(size, synthetic_leaves(peaks))


@pytest.mark.parametrize("peak", [b"", bytes(31), bytes(33), bytearray(32), "0" * 32, None])
def test_anything_but_32_bytes_is_refused_as_a_hash(peak):
    with pytest.raises(Refused, match="32 bytes"):
        CompactRange(1, [peak])
    with pytest.raises(Refused, match="a name"):
        require_hash(peak, "a name")


def test_a_data_root_tells_order_and_repetition():
    first, second = hashlib.sha256(b"1").digest(), hashlib.sha256(b"2").digest()
    roots = {data_root(samples) for samples in ([], [first], [first, second], [second, first], [first, first])}
    assert len(roots) == 5
    assert data_root([first]) == hashlib.sha256(b"\x00" + first).hexdigest()
