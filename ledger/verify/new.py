"""Verifying only what is new since a head that is trusted: a few files, however long the log is.

The trusted head vouches for the tree before it. That the log goes on from there the new entries show by themselves:
appended to the old tree's right edge (RFC 9162, 2.1.2) they must make the new root, so no other proof is needed.
Whatever does not fit has the whole log verified: that names the damaged file, or whoever rewrote the log.
"""

from collections import Counter
from contextlib import suppress
from pathlib import Path

from ledger.checkpoint import parse_checkpoint
from ledger.entry import decode_entry
from ledger.errors import LedgerError, NoQuorum, Refused, Tampered
from ledger.keyring import KeyRing
from ledger.merkle import HASH_BYTES, CompactRange, leaf_hash
from ledger.note import Note, format_note, parse_note
from ledger.policy import Policy
from ledger.proofs import check_inclusion
from ledger.published import PublishedTree
from ledger.source import Source, open_source
from ledger.tiles import TILE_WIDTH, Tile, bundle_path, decode_bundle
from ledger.verify import verify_dir
from ledger.verify.bundles import Found, Job, check_bundle
from ledger.verify.gaps import Seen, cosignatures, gaps
from ledger.verify.heads import Remembered, reason
from ledger.verify.report import Report
from ledger.vkey import log_vkey


def verify_new(
    path: str | Path, policy: Policy | None, since: bytes, *, keys: str | Path | None = None, fast: bool = False
) -> Report:
    """Verify what a ledger's folder or a log's address holds behind `since`, a signed checkpoint or a receipt.

    The tree, the newest checkpoint by the policy (or, without one, by the key that the genesis names), and of the new
    entries bytes, links, times and, unless `fast`, signatures; the rules need every entry. The report counts what was
    read. When that cannot tell, it is `verify_dir` that answers: when the operator's key has changed, the head in the
    key folder is another one, or what is new does not continue `since`. Raises as `verify_dir` does.
    """
    trusted = Remembered.read("the head you gave", since)
    source, _ = open_source(path)
    try:
        tree = PublishedTree(source)
    except Tampered as problem:
        return Report(problems=(problem,))
    if _by_one_key(trusted, tree) and KeyRing(keys).head(tree.origin) in (None, _without_cosignatures(tree.signed)):
        known = policy or _own_policy(source, tree)
        if known is not None:
            with suppress(_Unclear):
                return _News(source, tree, known, trusted, fast).report()
    return verify_dir(path, policy, since, keys=keys, fast=fast)


class _Unclear(Exception):
    """What is new does not show by itself that it is good, nor what is bad."""


def _by_one_key(since: Remembered, tree: PublishedTree) -> bool:
    """Whether one and the same operator's key is all that signed both heads, neither of which is out of the ordinary.

    Whose key it is, and that it signed the newest head, is for the policy to say.
    """
    newest = parse_note(tree.signed)
    ids = [[line.key_id for line in note.signatures if line.name == tree.origin] for note in (since.note, newest)]
    plain = not parse_checkpoint(newest.text).extensions and since.checkpoint.size > 0
    return plain and len(ids[0]) == 1 and ids[0] == ids[1]


def _own_policy(source: Source, tree: PublishedTree) -> Policy | None:
    """Trust in the key that the genesis names, if the genesis is in the tree and that key signs for the log still."""
    if tree.size == 0:
        return None
    try:
        genesis = decode_bundle(source.read(bundle_path(0, min(tree.size, TILE_WIDTH))) or b"")[0]
        root = parse_checkpoint(parse_note(tree.signed).text).root
        check_inclusion(leaf_hash(genesis), 0, tree.size, tree.inclusion_path(0, tree.size), root)
        policy = Policy.of_log(log_vkey(tree.origin, str(decode_entry(genesis).statement.body["who"])))
        policy.check(parse_note(tree.signed))
    except (Refused, Tampered, NoQuorum, IndexError, KeyError):
        return None
    return policy


def _without_cosignatures(signed: bytes) -> bytes:
    """The checkpoint as its operator keeps it."""
    note = parse_note(signed)
    mine = [line for line in note.signatures if line.name == note.text.split("\n", 1)[0]]
    return format_note(Note(note.text, tuple(mine))) if mine else signed


class _News:
    def __init__(self, source: Source, tree: PublishedTree, policy: Policy, since: Remembered, fast: bool) -> None:
        self._source, self._tree, self._policy, self._since, self._fast = source, tree, policy, since, fast
        self._newest = Remembered.read("log/checkpoint", tree.signed)
        self._kinds: Counter[str] = Counter()
        self._speakers: set[str] = set()
        self._problems: list[LedgerError] = []
        self._has_quorum = False

    def report(self) -> Report:
        """The report; _Unclear when anything but the newest head's signatures is not as it should be."""
        try:
            self._check_policy()
        except Tampered as problem:
            self._problems.append(problem)
        else:
            try:
                self._check_tree()
            except (Refused, Tampered) as problem:
                raise _Unclear from problem
        newest, old = self._newest, self._since.checkpoint.size
        seen = Seen(newest, [self._since], self._policy, self._has_quorum, self._fast, foreign=False, listed=True)
        trusted = f"anything in the first {old} entries, and all that the rules forbid: the head you gave was trusted"
        unread = "damaged, leftover or contradictory files and checkpoints: none were read but those of what is new"
        return Report(
            origin=newest.checkpoint.origin,
            size=newest.checkpoint.size,
            root=newest.checkpoint.root.hex(),
            kinds=dict(sorted(self._kinds.items())),
            participants=len(self._speakers),
            checkpoints=1,
            cosigned=len(cosignatures(newest.note, self._policy)),
            problems=tuple(self._problems),
            not_ruled_out=(trusted, unread, *gaps(seen)),
        )

    def _check_policy(self) -> None:
        try:
            self._policy.check(self._newest.note)
            self._has_quorum = True
        except NoQuorum as problem:
            self._problems.append(problem)
        except Refused as error:
            raise Tampered(self._newest.name, reason(error)) from error

    def _check_tree(self) -> None:
        old, new = self._since.checkpoint, self._newest.checkpoint
        if old.size > new.size:
            raise _Unclear
        self._check_receipt()
        first = (old.size - 1) // TILE_WIDTH  # the last trusted entry's: the first new one has to fit it
        growing = self._tree.range_at(first * TILE_WIDTH)
        before: Found | None = None
        for index in range(first, (new.size + TILE_WIDTH - 1) // TILE_WIDTH):
            before = self._check_bundle(index, growing, before)
        self._check_old(growing)
        if growing.root() != new.root:
            raise _Unclear

    def _check_receipt(self) -> None:
        """When the trusted head came in a receipt, that the receipt proves its entry; Refused otherwise."""
        receipt, old = self._since.receipt, self._since.checkpoint
        if receipt is not None:
            leaf = self._tree.hash_at(0, receipt.index)
            check_inclusion(leaf, receipt.index, old.size, receipt.path, old.root)

    def _check_bundle(self, index: int, growing: CompactRange, before: Found | None) -> Found:
        new = self._newest.checkpoint
        width = min(TILE_WIDTH, new.size - index * TILE_WIDTH)
        files = (Tile(None, index, width), Tile(0, index, width))
        found = check_bundle(self._source, Job(new.origin, index, width, files, thorough=not self._fast))
        if (
            before
            and found.prev
            and (found.prev != before.leaves[-HASH_BYTES:].hex() or found.times[0] < before.times[1])
        ):
            raise _Unclear
        if found.problem or any(start > self._since.checkpoint.size for start, _ in found.operators):
            raise _Unclear  # of a log that was handed over, the entries say who has to sign
        for start in range(0, len(found.leaves), HASH_BYTES):
            self._check_old(growing)
            growing.append(found.leaves[start : start + HASH_BYTES])
        self._kinds += found.kinds
        self._speakers |= found.speakers
        return found

    def _check_old(self, growing: CompactRange) -> None:
        """When the tree has grown to the trusted head's size, it must be that head's tree."""
        old = self._since.checkpoint
        if growing.size == old.size and growing.root() != old.root:
            raise _Unclear
