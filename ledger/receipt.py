"""Receipts (C2SP tlog-proof@v1): an entry is in the log, provable without the log, for as long as its keys are trusted.

c2sp.org/tlog-proof@v1
[extra <base64>]                       not authenticated
index <n>
<base64 hash>                          the inclusion proof (RFC 6962, 2.1.1), the leaf's sibling first
<empty line>
<signed checkpoint, byte for byte>
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger import strict
from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.errors import Refused
from ledger.merkle import leaf_hash
from ledger.note import parse_note
from ledger.policy import Policy
from ledger.proofs import check_inclusion
from ledger.vkey import VerifierKey

MAX_PATH = 63  # the height of a tree of 2**63 - 1 leaves
_FIRST = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class Receipt:
    """Entry `index` is in the tree of a signed checkpoint, by a path of hashes (32 bytes each). Nothing is verified."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def format(self) -> bytes:
        """The bytes that `parse_receipt` takes back; Refused when it would not."""
        if self.extra == b"":
            raise Refused("the receipt's extra data is empty; leave it out (None).")
        extra = [] if self.extra is None else [f"extra {strict.base64_text(self.extra)}"]
        path = (strict.base64_text(digest) for digest in self.path)
        head = "\n".join([_FIRST, *extra, f"index {self.index}", *path, "", ""])
        data = head.encode() + self.checkpoint
        parse_receipt(data)
        return data

    def verify(self, trusted: Policy | Iterable[VerifierKey], entry: bytes) -> Checkpoint:
        """The checkpoint under which `entry` (the leaf's bytes) is in the log.

        `trusted` is a policy, or the log's keys. Refused when signatures or path do not prove it, NoQuorum when only
        the policy's quorum is missing. Who holds one trusted receipt can hold the log to its checkpoint.
        """
        if isinstance(trusted, Policy):
            checkpoint = trusted.open(self.checkpoint).checkpoint
        else:
            checkpoint = open_checkpoint(self.checkpoint, trusted).checkpoint
        check_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.path, checkpoint.root)
        return checkpoint


def parse_receipt(data: bytes) -> Receipt:
    """The receipt whose only spelling is `data`; Refused for any deviation from the format. Nothing is verified."""
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank or not head.isascii():
        raise Refused("this is no receipt; it has ASCII lines, an empty line and a signed checkpoint.")
    first, *lines = head.decode("ascii").split("\n")
    if first != _FIRST:
        raise Refused(f"the receipt begins with {first[:60]!r}; only {_FIRST} is known.")
    extra = _field(lines.pop(0), "extra ") if lines and lines[0].startswith("extra") else None
    index = strict.decimal(_field(lines.pop(0) if lines else "", "index "), "index")
    if len(lines) > MAX_PATH:
        raise Refused(f"the receipt's path has {len(lines)} hashes; at most {MAX_PATH} are allowed.")
    if parse_checkpoint(parse_note(checkpoint).text).size <= index:
        raise Refused(f"the receipt's checkpoint ends before the entry {index}; ask the log for a newer receipt.")
    path = tuple(strict.base64_hash(line, "path hash") for line in lines)
    return Receipt(index, path, checkpoint, extra if extra is None else strict.base64_bytes(extra, "extra data"))


def _field(line: str, name: str) -> str:
    """What stands behind the field's name, at least one character."""
    value = line.removeprefix(name)
    if not line.startswith(name) or not value:
        raise Refused(f"the receipt's line {line[:60]!r} is not `{name}<value>`; get the receipt from the log again.")
    return value
