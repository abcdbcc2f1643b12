"""A proof that a log has forked: two heads that it signed, of which neither can extend the other. It needs no ledger.

fedray-ledger-fork/v1
<length of the smaller head in bytes> <length of the other>
[<base64 hash>]            of unequal heads: the root that the larger tree has at the smaller one's size
[<base64 hash>]...         and the proof of it (RFC 9162, 2.1.4)
<empty line>
<both signed checkpoints, byte for byte>
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger import strict
from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.errors import Refused
from ledger.note import VerifierKey
from ledger.proofs import check_consistency

_FIRST = "fedray-ledger-fork/v1"
_MAX_HASHES = 65


@dataclass(frozen=True)
class ForkProof:
    """Two signed checkpoints, the smaller one first; `root` and `path` are empty when both have one size.

    Otherwise `root` is that of the larger tree at the smaller one's size, and `path` leads from it to the larger's.
    """

    older: bytes
    newer: bytes
    root: bytes = b""
    path: tuple[bytes, ...] = ()

    def format(self) -> bytes:
        """The bytes that `parse_fork` takes back."""
        hashes = [strict.base64_text(digest) for digest in ([self.root, *self.path] if self.root else [])]
        lines = [_FIRST, f"{len(self.older)} {len(self.newer)}", *hashes, "", ""]
        return "\n".join(lines).encode() + self.older + self.newer

    def verify(self, keys: Iterable[VerifierKey]) -> tuple[Checkpoint, Checkpoint]:
        """Both checkpoints, when they prove that the log, by one of its `keys`, signed a fork; Refused otherwise."""
        known = tuple(keys)
        older, newer = (open_checkpoint(data, known).checkpoint for data in (self.older, self.newer))
        if older.origin != newer.origin:
            raise Refused(f"the heads are of {older.origin} and {newer.origin}; two logs are no fork.")
        if older.size == newer.size:
            other = newer.root
        else:
            check_consistency(older.size, newer.size, self.path, self.root, newer.root)
            other = self.root
        if other == older.root:
            raise Refused("the two heads fit together; they prove no fork.")
        return older, newer


def parse_fork(data: bytes) -> ForkProof:
    """The proof whose only spelling is `data`, nothing verified; Refused for any deviation from the format."""
    head, blank, notes = data.partition(b"\n\n")
    if not blank or not head.isascii():
        raise Refused("this is no proof of a fork; it has ASCII lines, an empty line and two signed checkpoints.")
    first, *lines = head.decode("ascii").split("\n")
    if first != _FIRST or not 1 <= len(lines) <= _MAX_HASHES:
        raise Refused(f"the proof begins with {first[:60]!r} and {len(lines)} lines; only {_FIRST} is known.")
    lengths = [strict.decimal(text, "length") for text in lines[0].split(" ")]
    if len(lengths) != 2 or sum(lengths) != len(notes):
        raise Refused("the proof's lengths are not those of two checkpoints that follow; get it again.")
    hashes = [strict.base64_hash(line, "hash") for line in lines[1:]]
    return ForkProof(notes[: lengths[0]], notes[lengths[0] :], b"".join(hashes[:1]), tuple(hashes[1:]))
