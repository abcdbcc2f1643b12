"""Two signed heads of one log: the same, one the beginning of the other, or a fork, with a proof that anyone can check.

Two readers who were shown different logs find out so: they swap the heads they have.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.errors import Refused, Tampered
from ledger.fork import ForkProof
from ledger.note import VerifierKey, parse_note
from ledger.proofs import check_consistency
from ledger.published import PublishedTree
from ledger.receipt import parse_receipt
from ledger.verify.heads import Operators


@dataclass(frozen=True)
class Verdict:
    """How two heads stand to each other; `reason` says it in a sentence, `proof` is there when it is a fork.

    `unknown`: nobody could show that the newer one extends the older one, or that it does not.
    """

    relation: Literal["same", "extends", "forked", "unknown"]
    older: Checkpoint
    newer: Checkpoint
    reason: str
    proof: ForkProof | None = None

    @property
    def exit_code(self) -> int:
        """0 when they fit together, 3 when they do not, or when that is unknown."""
        return 0 if self.relation in ("same", "extends") else 3


def compare(
    a: bytes, b: bytes, keys: Iterable[VerifierKey | Operators], trees: Iterable[PublishedTree] = ()
) -> Verdict:
    """Compare two heads, each a signed checkpoint or a receipt, of a log that signs with `keys`.

    A key signs at every size, `Operators`, as a ledger names its own, by turns: who has one that was retired, or a
    ledger of his own, shows no fork, for one ledger's operators must have signed both.
    `trees` are published logs to look in for the newer head's tree; they need not be trusted. Refused when a head is
    not signed by one of the keys, or they are of different logs.
    """
    known = tuple(keys)
    heads = [_open(data, known) for data in (a, b)]
    (older_data, older, by), (newer_data, newer, also_by) = sorted(heads, key=lambda head: head[1].size)
    if older.origin != newer.origin:
        raise Refused(f"the heads are of {older.origin} and {newer.origin}; compare two of one log.")
    if not by & also_by:
        reason = "the two ledgers name different operators, and none of theirs signed both heads; give the log's key."
        return Verdict("unknown", older, newer, reason)
    if older.size < newer.size:
        return _along(older_data, older, newer_data, newer, trees)
    if older.root == newer.root:
        return Verdict("same", older, newer, f"both are the head of size {older.size}.")
    reason = f"the log has signed two different trees of size {older.size}: it forked."
    return Verdict("forked", older, newer, reason, ForkProof(older_data, newer_data))


def _open(data: bytes, keys: tuple[VerifierKey | Operators, ...]) -> tuple[bytes, Checkpoint, set[int]]:
    """The signed checkpoint, what is in it, and whose it is: the places of `Operators` in `keys`, or -1 for a key."""
    if data.startswith(b"c2sp.org/tlog-proof"):
        data = parse_receipt(data).checkpoint
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    signers, refusals = set[int](), list[Refused]()
    for at, key in enumerate(keys):
        try:
            if isinstance(key, Operators):
                open_checkpoint(data, key.check(note, checkpoint.size))
                signers.add(at)
        except Refused as error:
            refusals.append(error)
    fixed = [key for key in keys if isinstance(key, VerifierKey)]
    if fixed or not keys:
        open_checkpoint(data, fixed)
        signers.add(-1)
    elif not signers:
        raise refusals[0]
    return data, checkpoint, signers


def _along(
    older_data: bytes, older: Checkpoint, newer_data: bytes, newer: Checkpoint, trees: Iterable[PublishedTree]
) -> Verdict:
    """Look for the newer head's tree, and in it for the older head."""
    for tree in trees:
        try:
            if tree.size < newer.size or tree.root_at(newer.size) != newer.root:
                continue
            root, path = tree.root_at(older.size), tree.consistency_path(older.size, newer.size)
            check_consistency(older.size, newer.size, path, root, newer.root)
        except (Refused, Tampered):
            continue
        if root == older.root:
            return Verdict("extends", older, newer, f"size {newer.size} extends size {older.size}.")
        reason = f"the tree of size {newer.size} has another beginning than the one of size {older.size}: it forked."
        return Verdict("forked", older, newer, reason, ForkProof(older_data, newer_data, root, path))
    reason = f"none of the logs at hand has the tree of size {newer.size}; give the folder or address of one that has."
    return Verdict("unknown", older, newer, reason)
