"""Proofs about a Merkle tree that only grows: an entry is in it, and an older tree is its beginning.

RFC 9162, sections 2.1.3 (inclusion) and 2.1.4 (consistency); the same proofs as RFC 6962, sections 2.1.1 and 2.1.2.
Node (level, index) of a tree is the one over its entries [index << level, (index + 1) << level).
"""

from collections.abc import Callable, Iterator, Sequence

from ledger.errors import Refused
from ledger.merkle import EMPTY_ROOT, fold, node_hash, require_hash

HashAt = Callable[[int, int], bytes]
"""(level, index) -> MTH(D[index << level : (index + 1) << level]), 32 bytes: the root of a perfect subtree."""


def inclusion_path(hash_at: HashAt, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962, section 2.1.1: the siblings (32 bytes each) from the leaf's to the top.

    Refused when the tree of that size has no such entry.
    """
    _require_index(index, size)
    return list(_siblings(hash_at, 0, index, size))


def consistency_path(hash_at: HashAt, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962, section 2.1.2, hashes of 32 bytes; empty for old = 0 and old = new.

    Refused when old > new.
    """
    _require_order(old, new)
    if old in (0, new):
        return []
    level, index = _last_perfect(old)
    # Whoever checks knows the old root: it is this node itself when the old tree was perfect.
    start = [hash_at(level, index)] if index else []
    return start + list(_siblings(hash_at, level, index, new))


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Return when `path` leads from this leaf hash at `index` to the root of the tree of `size`; else Refused.

    RFC 9162, section 2.1.3.2. Anything but hashes of 32 bytes is Refused as well.
    """
    _require_index(index, size)
    _require_hashes(path, leaf=leaf, root=root)
    sides = list(_sides(index, size - 1))
    if len(path) != len(sides):
        raise Refused(
            f"the inclusion path of entry {index} has {len(path)} hashes, but in a tree of size {size} it has "
            f"{len(sides)}; ask for the proof again."
        )
    for sibling, from_left in zip(path, sides, strict=True):
        leaf = node_hash(sibling, leaf) if from_left else node_hash(leaf, sibling)
    if leaf != root:
        raise Refused(
            f"the inclusion path does not lead from this entry {index} to the root of the tree of size {size}; "
            "ask for the proof again, and do not trust the entry until one fits."
        )


def check_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Return when `path` proves that the tree of size `old` is the beginning of that of size `new`; else Refused.

    RFC 9162, section 2.1.4.2. The empty tree is the beginning of every tree (its path is empty, its root `EMPTY_ROOT`),
    as in C2SP tlog-witness. Anything but hashes of 32 bytes is Refused as well.
    """
    _require_order(old, new)
    _require_hashes(path, old_root=old_root, new_root=new_root)
    if old in (0, new):
        fits = not path and old_root == (new_root if old else EMPTY_ROOT) and (new > 0 or new_root == EMPTY_ROOT)
    else:
        fits = _roots_along(old, new, path, old_root) == (old_root, new_root)
    if not fits:
        raise Refused(
            f"the consistency path does not show that the tree of size {old} is the beginning of that of size {new}; "
            "ask for the proof again, and if none fits, the log was rewritten: keep both signed heads as evidence."
        )


def _roots_along(old: int, new: int, path: Sequence[bytes], old_root: bytes) -> tuple[bytes, bytes] | None:
    """The old and the new root that the path leads to, 0 < old < new; None when it has another length."""
    level, index = _last_perfect(old)
    hashes = list(path) if index else [old_root, *path]
    sides = list(_sides(index, (new - 1) >> level))
    if len(hashes) != len(sides) + 1:
        return None
    before = after = hashes[0]
    # A sibling on the right holds entries that only the new tree has, so the old root is built from those on the left.
    for sibling, from_left in zip(hashes[1:], sides, strict=True):
        before = node_hash(sibling, before) if from_left else before
        after = node_hash(sibling, after) if from_left else node_hash(after, sibling)
    return before, after


def _last_perfect(size: int) -> tuple[int, int]:
    """The largest perfect subtree that ends with the last entry of a tree of this size > 0: its level and index."""
    level = (size & -size).bit_length() - 1
    return level, (size >> level) - 1


def _sides(index: int, last: int) -> Iterator[bool]:
    """For each sibling on the way up from node `index` of a level that ends with node `last`: is it on the left?

    A last node without a partner has no sibling at its level and is carried up as it is.
    """
    while last:
        if index & 1 or index < last:
            yield bool(index & 1)
        index >>= 1
        last >>= 1


def _siblings(hash_at: HashAt, level: int, index: int, size: int) -> Iterator[bytes]:
    """The siblings on the way from node (level, index) to the root of the tree of this size, the lowest first."""
    while (last := (size - 1) >> level) > 0:
        if index & 1:
            yield hash_at(level, index - 1)
        elif index < last:
            yield _right_part(hash_at, level, index + 1, size)
        index >>= 1
        level += 1


def _right_part(hash_at: HashAt, level: int, index: int, size: int) -> bytes:
    """The hash of node (level, index), which may lack its right end because the tree ends there."""
    start, end = index << level, min((index + 1) << level, size)
    peaks = []
    while start < end:
        height = (end - start).bit_length() - 1
        peaks.append(hash_at(height, start >> height))
        start += 1 << height
    return fold(peaks)


def _require_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise Refused(f"a tree of size {size} has no entry {index}; give an index from 0 to the size less one.")


def _require_order(old: int, new: int) -> None:
    if not 0 <= old <= new:
        raise Refused(f"a tree of size {old} cannot be the beginning of one of size {new}; give the older size first.")


def _require_hashes(path: Sequence[bytes], **roots: bytes) -> None:
    for name, value in roots.items():
        require_hash(value, f"the {name.replace('_', ' ')}")
    for place, value in enumerate(path):
        require_hash(value, f"hash {place} of the path")
