"""Ledgers of any size, written by the ledger's own writer in batches of all sizes, and cosigned by three witnesses."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from ledger_story import LOG, OPERATOR, genesis, register_account, register_data, transfer

from ledger.checkpoint import parse_checkpoint
from ledger.cosignature import Cosigner
from ledger.folder import LedgerFolder
from ledger.keys import SigningKey
from ledger.log import Log
from ledger.note import parse_note
from ledger.policy import Policy
from ledger.receipt import Receipt
from ledger.statements import Statement
from ledger.vkey import log_vkey

PEOPLE = [SigningKey.derive(b"g" * 32, f"person/{number}") for number in range(40)]
WITNESSES = [Cosigner(f"witness{n}.example.org", SigningKey.derive(b"g" * 32, f"witness/{n}")) for n in range(3)]
VKEY = log_vkey(LOG, OPERATOR.who)
TIME = 1_700_000_000


def statements() -> Iterator[Statement]:
    """Without end: accounts, then in every run each registers its data and one pays another."""
    yield genesis(allocations={person.who: 10**9 for person in PEOPLE})
    for number, person in enumerate(PEOPLE):
        yield register_account(person, f"person-{number}")
    nonces = [0] * len(PEOPLE)
    for run in range(10**9):
        for number, person in enumerate(PEOPLE):
            yield register_data(0, f"data {number} {run}", 1 + run, person, f"run-{run}")
        payer = run % len(PEOPLE)
        nonces[payer] += 1
        yield transfer(PEOPLE[payer], PEOPLE[payer - 1], 1 + run, nonces[payer])


@dataclass
class Grown:
    """The ledger in `path`, and receipts that its writer gave, each under the checkpoint of that moment."""

    path: Path
    receipts: list[Receipt] = field(default_factory=list)

    @property
    def checkpoint(self) -> bytes:
        """The newest one, with three cosignatures."""
        return (self.path / "log" / "checkpoint").read_bytes()

    def receipt(self, *indexes: int) -> list[Receipt]:
        """Receipts under the newest checkpoint."""
        size = parse_checkpoint(parse_note(self.checkpoint).text).size
        proved = LedgerFolder(self.path).prove(indexes, size)
        return [Receipt(place, path, self.checkpoint) for place, _, path in proved]


def grow(path: Path, size: int, seed: int = 0) -> Grown:
    """A ledger of `size` entries below `path`; every checkpoint after a request has three cosignatures."""
    rng, told = Random(f"{seed} {size}"), islice(statements(), size)
    grown = Grown(path / "ledger")
    with Log.create(grown.path, LOG, OPERATOR, keys=path / "keys") as log:
        _cosign(log)
        while batch := list(islice(told, rng.choice((1, 2, 3, 100, 255, 256, 257, 700)))):
            receipts = log.submit(batch, check=bool(rng.getrandbits(1))).result()
            grown.receipts.append(rng.choice(receipts))
            log.publish().result()
            _cosign(log)
    return grown


def policy(quorum: int = 3) -> Policy:
    """That the operator signed, and so many of the witnesses."""
    names = [f"w{number}" for number in range(len(WITNESSES))]
    lines = [f"log {VKEY}", *(f"witness {name} {one.vkey}" for name, one in zip(names, WITNESSES, strict=True))]
    return Policy.parse("\n".join([*lines, f"group g {quorum} {' '.join(names)}", "quorum g", ""]))


def cosignatures(checkpoint: bytes) -> list:
    """What the three witnesses say to a signed checkpoint."""
    return [witness.cosign(parse_note(checkpoint).text, TIME) for witness in WITNESSES]


def _cosign(log: Log) -> None:
    head, signed = log.published()
    log.cosign(head.size, cosignatures(signed)).result()
