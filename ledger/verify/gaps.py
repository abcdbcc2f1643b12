"""What a verification could not have seen: a good report that hides its limits would be worth less than none."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ledger.errors import Refused
from ledger.note import Note, check_note
from ledger.policy import Policy
from ledger.policy_file import NONE
from ledger.verify.heads import Remembered
from ledger.vkey import VerifierKey, cosigned_at


class Seen(NamedTuple):
    """What there was to go by: `pinned` are the remembered heads that the log agrees with."""

    newest: Remembered
    pinned: Sequence[Remembered]
    policy: Policy | None
    has_quorum: bool
    fast: bool
    foreign: bool
    listed: bool  # whether all file names were to be seen


def gaps(seen: Seen) -> Iterator[str]:
    """What was not ruled out, a sentence each."""
    size = seen.newest.checkpoint.size
    pinned = max((head.checkpoint.size for head in seen.pinned), default=-1)
    if seen.fast:
        yield "forged statements, and ones the rules forbid: signatures and rules were left out (fast)"
    if seen.foreign:
        yield "anything in the entries: they are those of a foreign log, and only the tree over them was checked"
    elif size == 0 and seen.policy is None:
        yield "another operator: the log has no genesis yet to name its own; give a policy with its key"
    elif pinned <= 0 and seen.policy is None:
        yield "another operator: whose key signs for the log is its own word; give a policy with the key you know"
    if seen.has_quorum and seen.policy and seen.policy.quorum != NONE:
        yield from _after_cosignatures(seen.newest.note, seen.policy)
    else:
        yield "split view: no witness quorum says that others are shown the same entries"
        yield from _without_witnesses(size, pinned)
    if not seen.listed:
        yield "leftover or contradictory files: an address does not list what it serves, and shows no history"


def cosignatures(note: Note, policy: Policy) -> dict[VerifierKey, int]:
    """Which of the policy's witnesses cosigned the note, and when (POSIX seconds)."""
    keys = {(key.name, key.key_id): key for key in (witness.vkey for witness in policy.witnesses.values())}
    times = {}
    for line in note.signatures:
        key = keys.get((line.name, line.key_id))
        try:
            if key is not None and check_note(note, [key]):
                times[key] = cosigned_at(line.data)
        except Refused:
            continue
    return times


def _after_cosignatures(note: Note, policy: Policy) -> Iterator[str]:
    newest = max(cosignatures(note, policy).values())
    try:
        when = datetime.fromtimestamp(newest, UTC).isoformat(sep=" ")
    except (OverflowError, ValueError, OSError):
        when = f"second {newest}"
    yield f"newer entries that are withheld: the newest cosignature is of {when}"


def _without_witnesses(size: int, pinned: int) -> Iterator[str]:
    if pinned < 0:
        yield "truncation of the newest entries: no older checkpoint, receipt or witness quorum to compare with"
        yield "a history that its operator has rewritten as a whole: nothing older to compare with"
    elif pinned < size:
        yield f"another ending: what is remembered pins the first {pinned} of {size} entries, no later ones"
