"""Reading a published log, in a folder or served: its tree, its newest checkpoint, entries, and what they come to.

Nothing is verified here: that is what ``fedray ledger verify`` is for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fedray.cli.ledger.places import Place

if TYPE_CHECKING:
    from ledger.checkpoint import Checkpoint
    from ledger.note import VerifierKey
    from ledger.published import PublishedTree
    from ledger.state import State
    from ledger.verify.heads import Operators


def tree(place: Place) -> "PublishedTree":
    """The published tree with its signed checkpoint; NotALedger without one."""
    from ledger.published import PublishedTree
    from ledger.source import open_source

    return PublishedTree(open_source(place.where)[0])


def head(signed: bytes) -> "Checkpoint":
    """The checkpoint in a signed note that has been parsed before; nobody's signature is checked."""
    from ledger.checkpoint import parse_checkpoint
    from ledger.note import parse_note

    return parse_checkpoint(parse_note(signed).text)


def entry(place: Place, index: int, size: int) -> bytes:
    """The bytes of entry `index` of a log of `size` entries; Tampered when they cannot be had."""
    from ledger.published import read_bundle
    from ledger.source import open_source
    from ledger.tiles import TILE_WIDTH

    source, _ = open_source(place.where)
    return read_bundle(source, index // TILE_WIDTH, size)[index % TILE_WIDTH]


def replay(place: Place) -> "State":
    """What the published entries come to."""
    from ledger.show import entries
    from ledger.source import open_source
    from ledger.state import State

    state = State()
    for entry in entries(open_source(place.where)[0]):
        with as_damage(f"entry {state.size}"):
            state.apply(entry.statement.body)
    return state


def operator_keys(state: "State") -> tuple["VerifierKey", ...]:
    """The keys that have signed for this log, by its own word: for who has no policy, trust on first use."""
    from ledger.vkey import log_vkey

    whos = (who for _, who in state.operators)
    return tuple(log_vkey(state.log, who) for who in whos)


def operators(state: "State") -> "Operators":
    """Who signs for this log at which size, by its own word; a key that it has retired signs nothing more."""
    from ledger.verify.heads import Operators

    return Operators(state.log, state.operators)


@contextmanager
def as_damage(where: str) -> Iterator[None]:
    """What a parser refuses in a ledger's own file is damage, not a mistake of the person who asked."""
    from ledger.errors import Refused, Tampered

    try:
        yield
    except Refused as error:
        raise Tampered(where, str(error).rstrip(".")) from error
