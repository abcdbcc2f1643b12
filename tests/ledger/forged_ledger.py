"""Ledgers written without the ledger's own writer: honest ones, and any that whoever has the keys could make.

The tree is written down as RFC 6962 defines it and the files as C2SP tlog-tiles lays them out, independently of
ledger.log.edge and ledger.log.publish.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ledger_story import LOG, OPERATOR, USERS, beginning, closing, committing, end
from merkle_reference import tree_hash

from ledger.canonical import encode
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.keys import SigningKey
from ledger.note import NoteSigner
from ledger.statements import Statement
from ledger.tiles import tiles_of

TIME = 1_700_000_000_000


@cache
def node(leaves: tuple[bytes, ...]) -> bytes:
    """The root over leaf hashes; remembers what it has worked out."""
    if len(leaves) < 2:
        return tree_hash(leaves)
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + node(leaves[:split]) + node(leaves[split:])).digest()


def chain(statements: Iterable[Statement], origin: str = LOG, at: Sequence[int] | None = None) -> list[bytes]:
    """The entries of statements in this order, with good links; `at`: their times."""
    link = hashlib.sha256(f"fedray-ledger/v1\n{origin}\n".encode()).hexdigest()
    entries: list[bytes] = []
    for seq, statement in enumerate(statements):
        signature = base64.b64encode(statement.signature).decode()
        ts = at[seq] if at else TIME + seq
        entry = {"body": statement.body, "prev": link, "seq": seq, "sig": signature, "ts": ts, "v": 1}
        entries.append(encode(entry))
        link = hashlib.sha256(b"\x00" + entries[-1]).hexdigest()
    return entries


@dataclass
class Forge:
    """Entries, whatever they are, and who signs for them from which size on."""

    entries: list[bytes]
    origin: str = LOG
    signers: dict[int, tuple[SigningKey, ...]] = field(default_factory=lambda: {0: (OPERATOR,)})

    @property
    def leaves(self) -> tuple[bytes, ...]:
        return tuple(hashlib.sha256(b"\x00" + entry).digest() for entry in self.entries)

    def root(self, size: int) -> bytes:
        return node(self.leaves[:size])

    def checkpoint(self, size: int, root: bytes | None = None) -> bytes:
        keys = self.signers[max(start for start in self.signers if start <= size)]
        signed = Checkpoint(self.origin, size, self.root(size) if root is None else root)
        return sign_checkpoint(signed, [NoteSigner(self.origin, key) for key in keys])

    def files(self, size: int | None = None) -> dict[str, bytes]:
        """What belongs below log/, by name."""
        size, leaves = len(self.entries) if size is None else size, self.leaves
        files = {"checkpoint": self.checkpoint(size)}
        for tile in tiles_of(size):
            places = range(tile.index * 256, tile.index * 256 + tile.width)
            if tile.level is None:
                bundle = (self.entries[at] for at in places)
                files[tile.path] = b"".join(len(entry).to_bytes(2, "big") + entry for entry in bundle)
            else:
                wide = 256**tile.level
                files[tile.path] = b"".join(node(leaves[at * wide : (at + 1) * wide]) for at in places)
        return files

    def write(self, path: Path, *sizes: int) -> Path:
        """A ledger's folder, as published at the last of these sizes after the others; without any, at its full one."""
        sizes = sizes or (len(self.entries),)
        for name, data in {name: data for size in sizes for name, data in self.files(size).items()}.items():
            (path / "log" / name).parent.mkdir(parents=True, exist_ok=True)
            (path / "log" / name).write_bytes(data)
        for folder in ("history", "journal"):
            (path / folder).mkdir(exist_ok=True)
        for size in sizes:
            (path / "history" / str(size)).write_bytes(self.checkpoint(size))
        return path


def told(rounds: int, quorum: str = "majority") -> list[Statement]:
    """An honest story, whose rounds are closed over heads that are real: their users cosigned them."""
    statements = beginning(quorum)
    for number in range(1, rounds + 1):
        statements += committing(number)
        size, root = len(statements), Forge(chain(statements)).root(len(statements)).hex()
        statements += closing(number, size, root, (USERS[0], USERS[1]))
    return [*statements, end(rounds)]


@cache
def honest(rounds: int = 32) -> Forge:
    """An honest ledger; of 32 rounds, it has 299 entries."""
    return Forge(chain(told(rounds)))
