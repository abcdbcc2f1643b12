"""Inclusion and consistency proofs, against the RFC's own recursion, its worked example, pymerkle and sigstore."""

from types import SimpleNamespace

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merkle_reference import consistency, inclusion, synthetic_leaves, tree_hash
from sigstore._internal.merkle import VerificationError, verify_merkle_inclusion

from ledger.errors import Refused
from ledger.merkle import EMPTY_ROOT, leaf_hash
from ledger.proofs import check_consistency, check_inclusion, consistency_path, inclusion_path

LEAVES = synthetic_leaves(140)
ROOTS = [tree_hash(LEAVES[:size]) for size in range(len(LEAVES) + 1)]
SIZES = st.integers(1, len(LEAVES))


def hash_at(level: int, index: int) -> bytes:
    below = LEAVES[index << level : (index + 1) << level]
    assert len(below) == 1 << level, "a path may ask for perfect subtrees only"
    return tree_hash(below)


@pytest.mark.parametrize("size", range(1, 71))
def test_paths_are_those_of_the_recursive_definitions_at_every_small_size(size):
    for place in range(size):
        assert inclusion_path(hash_at, place, size) == inclusion(place, LEAVES[:size])
        assert consistency_path(hash_at, place + 1, size) == consistency(place + 1, LEAVES[:size])


@pytest.mark.parametrize("size", range(1, 71))
def test_every_path_passes_its_check_at_every_small_size(size):
    for place in range(size):
        check_inclusion(LEAVES[place], place, size, inclusion(place, LEAVES[:size]), ROOTS[size])
    for old in range(1, size + 1):
        check_consistency(old, size, consistency(old, LEAVES[:size]), ROOTS[old], ROOTS[size])


def test_the_seven_leaf_example_of_the_rfc():
    # RFC 6962, section 2.1.3: leaves d0..d6 with hashes a, b, c, d, e, f and the lone j on the right.
    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i, k, ell = (tree_hash(part) for part in ([a, b], [c, d], [e, f], [a, b, c, d], [e, f, j]))
    assert inclusion_path(hash_at, 0, 7) == [b, h, ell]
    assert inclusion_path(hash_at, 3, 7) == [c, g, ell]
    assert inclusion_path(hash_at, 4, 7) == [f, j, k]
    assert inclusion_path(hash_at, 6, 7) == [i, k]
    assert consistency_path(hash_at, 3, 7) == [c, d, g, ell]
    assert consistency_path(hash_at, 4, 7) == [ell]
    assert consistency_path(hash_at, 6, 7) == [i, j, k]


def test_the_empty_tree_is_the_beginning_of_every_tree():
    assert consistency_path(hash_at, 0, 5) == []
    check_consistency(0, 5, [], EMPTY_ROOT, ROOTS[5])
    check_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    for old_root, new_root, size, path in [
        (ROOTS[5], ROOTS[5], 5, []),  # no tree but the empty one has size 0
        (EMPTY_ROOT, ROOTS[5], 5, [ROOTS[5]]),
        (EMPTY_ROOT, ROOTS[5], 0, []),
        (ROOTS[5], ROOTS[5], 0, []),
    ]:
        with pytest.raises(Refused):
            check_consistency(0, size, path, old_root, new_root)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5), (6, 5)])
def test_an_entry_that_is_not_in_the_tree_has_no_path_and_no_check(index, size):
    with pytest.raises(Refused, match="has no entry"):
        inclusion_path(hash_at, index, size)
    with pytest.raises(Refused, match="has no entry"):
        check_inclusion(LEAVES[0], index, size, [], LEAVES[0])


@pytest.mark.parametrize(("old", "new"), [(6, 5), (-1, 5), (1, 0)])
def test_no_tree_is_the_beginning_of_a_smaller_one(old, new):
    with pytest.raises(Refused, match="cannot be the beginning"):
        consistency_path(hash_at, old, new)
    with pytest.raises(Refused, match="cannot be the beginning"):
        check_consistency(old, new, [], ROOTS[5], ROOTS[5])


def damaged(data: st.DataObject, path: list[bytes]) -> list[bytes]:
    """The path with one thing wrong: a hash missing, added, swapped, changed in a bit, or of another length."""
    place = data.draw(st.integers(0, len(path)), label="place")
    bit = data.draw(st.integers(0, 255), label="bit")
    extra = data.draw(st.sampled_from([bytes(32), EMPTY_ROOT, b"", *path]), label="extra")
    ways = [[*path[:place], extra, *path[place:]]]
    if place < len(path):
        here = path[place]
        flipped = (int.from_bytes(here, "big") ^ 1 << bit).to_bytes(32, "big")
        garbage = (flipped, here[:31], here + b"\x00", b"", EMPTY_ROOT)
        ways += [[*path[:place], other, *path[place + 1 :]] for other in garbage]
        ways += [path[:place] + path[place + 1 :], path[:place], path[place + 1 :]]
    if place >= 2:
        ways.append([path[1], path[0], *path[2:]])
        ways.append(path[::-1])
    return data.draw(st.sampled_from(ways), label="damaged")


@settings(max_examples=400)
@given(st.data(), SIZES)
def test_a_damaged_inclusion_path_is_refused(data, size):
    index = data.draw(st.integers(0, size - 1))
    path = inclusion(index, LEAVES[:size])
    with pytest.raises(Refused):
        check_inclusion(LEAVES[index], index, size, damaged(data, path), ROOTS[size])


@settings(max_examples=400)
@given(st.data(), SIZES)
def test_a_damaged_consistency_path_is_refused(data, size):
    old = data.draw(st.integers(1, size))
    path = consistency(old, LEAVES[:size])
    with pytest.raises(Refused):
        check_consistency(old, size, damaged(data, path), ROOTS[old], ROOTS[size])


@settings(max_examples=400)
@given(st.data(), SIZES)
def test_an_inclusion_path_proves_one_entry_at_one_place_of_one_tree_only(data, size):
    index = data.draw(st.integers(0, size - 1))
    path = inclusion(index, LEAVES[:size])
    other = data.draw(st.integers(-2, size + 2).filter(lambda other: other != index))
    with pytest.raises(Refused):
        check_inclusion(LEAVES[index], other, size, path, ROOTS[size])
    with pytest.raises(Refused):
        check_inclusion(LEAVES[other % size if other % size != index else -1], index, size, path, ROOTS[size])
    with pytest.raises(Refused):
        check_inclusion(LEAVES[index], index, size, path, ROOTS[size - 1])


@settings(max_examples=400)
@given(st.data(), SIZES)
def test_a_consistency_path_holds_between_its_two_trees_only(data, size):
    old = data.draw(st.integers(1, size))
    other = data.draw(st.integers(1, size).filter(lambda other: other != old) if size > 1 else st.just(2))
    path = consistency(old, LEAVES[:size])
    for sizes, roots in [
        ((old, size), (ROOTS[other], ROOTS[size])),
        ((old, size), (ROOTS[old], ROOTS[size - 1])),
        ((old, size), (ROOTS[size], ROOTS[old]) if old < size else (ROOTS[old], EMPTY_ROOT)),
        ((size, old), (ROOTS[size], ROOTS[old]) if old < size else (EMPTY_ROOT, ROOTS[old])),
        ((0, size), (ROOTS[old], ROOTS[size])),
    ]:
        with pytest.raises(Refused):
            check_consistency(*sizes, path, *roots)


@pytest.mark.parametrize("garbage", [b"", bytes(31), bytes(33), "0" * 32, None])
def test_anything_but_32_bytes_is_refused_where_a_hash_belongs(garbage):
    path = inclusion(2, LEAVES[:5])
    for leaf, hashes, root in [(garbage, path, ROOTS[5]), (LEAVES[2], path, garbage), (LEAVES[2], [garbage], ROOTS[5])]:
        with pytest.raises(Refused, match="32 bytes"):
            check_inclusion(leaf, 2, 5, hashes, root)
    for hashes, old_root, new_root in [([garbage], ROOTS[2], ROOTS[5]), ([], garbage, garbage)]:
        with pytest.raises(Refused, match="32 bytes"):
            check_consistency(2 if hashes else 5, 5, hashes, old_root, new_root)


def test_a_path_as_long_as_an_attacker_likes_is_refused_at_once():
    with pytest.raises(Refused, match="has 100000 hashes"):
        check_inclusion(LEAVES[0], 0, 2**63 - 1, [EMPTY_ROOT] * 100_000, ROOTS[1])


@settings(max_examples=40)
@given(st.data(), st.integers(1, 600))
def test_pymerkle_builds_the_same_inclusion_paths_and_agrees_on_consistency(data, size):
    entries = [b"%d" % number for number in range(size)]
    leaves, tree = [leaf_hash(entry) for entry in entries], pymerkle.InmemoryTree(algorithm="sha256")
    tree.append_entries(entries)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))

    def at(level: int, index: int) -> bytes:
        return tree_hash(leaves[index << level : (index + 1) << level])

    theirs = tree.prove_inclusion(index + 1, size)  # it counts from one, and its path begins with the leaf itself
    assert inclusion_path(at, index, size) == theirs.path[1:]
    check_inclusion(theirs.path[0], index, size, theirs.path[1:], tree.get_root(size))
    # Its consistency paths are laid out in an order of its own; the states they hold between are the same.
    check_consistency(old, size, consistency_path(at, old, size), tree.get_root(old), tree.get_root(size))
    pymerkle.verify_consistency(tree_hash(leaves[:old]), tree_hash(leaves), tree.prove_consistency(old, size))


@settings(max_examples=60)
@given(st.data(), SIZES, st.booleans())
def test_sigstore_gives_the_same_verdict_on_inclusion(data, size, honest):
    entries = [b"%d" % number for number in range(size)]
    leaves = [leaf_hash(entry) for entry in entries]
    index = data.draw(st.integers(0, size - 1))
    path = inclusion(index, leaves) if honest else damaged(data, inclusion(index, leaves))
    proof = SimpleNamespace(log_index=index, tree_size=size, hashes=path, root_hash=tree_hash(leaves))
    inner = SimpleNamespace(inclusion_proof=proof, canonicalized_body=entries[index])
    try:
        verify_merkle_inclusion(SimpleNamespace(_inner=inner))
        theirs = True
    except VerificationError:
        theirs = False
    try:
        check_inclusion(leaves[index], index, size, path, tree_hash(leaves))
        ours = True
    except Refused:
        ours = False
    assert ours == theirs == honest
