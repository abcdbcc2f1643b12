"""Reading a published log, in a folder or served: files, the newest checkpoint, entries, and what they come to.

Nothing is verified here: that is what ``fedray ledger verify`` is for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fedray.cli.ledger.places import Place

if TYPE_CHECKING:
    from ledger.checkpoint import Checkpoint
    from ledger.note import VerifierKey
    from ledger.state import State


def reader(place: Place) -> Callable[[str], bytes]:
    """From a published file's name to its bytes; FileNotFoundError when it is missing. NotALedger without a log."""
    from ledger.source import open_source

    source, _ = open_source(place.where)

    def read(name: str) -> bytes:
        data = source.read(name)
        if data is None:
            raise FileNotFoundError(name)  # on which whoever wants a partial tile may ask for the full one
        return data

    return read


def newest(place: Place) -> tuple["Checkpoint", bytes]:
    """The published checkpoint, and the signed note it came in; nobody's signature is checked."""
    from ledger.checkpoint import parse_checkpoint
    from ledger.note import parse_note

    read = reader(place)
    with as_damage("log/checkpoint"):
        data = read("checkpoint")
        return parse_checkpoint(parse_note(data).text), data


def entry(place: Place, index: int, size: int) -> bytes:
    """Entry `index` of a log of `size` entries."""
    from ledger.tiles import TILE_WIDTH

    return _bundle(reader(place), index // TILE_WIDTH, size)[index % TILE_WIDTH]


def consistency(place: Place, size: int) -> Callable[[int], list[bytes]]:
    """From an older size to the proof that the log of `size` entries continues that one."""
    from ledger.proofs import consistency_path
    from ledger.tiles import TileHashes

    read = reader(place)

    def prove(old: int) -> list[bytes]:
        with as_damage("log/tile"):
            return consistency_path(TileHashes(size, read).hash_at, old, size)

    return prove


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
    from ledger.vkey import ED25519, VerifierKey

    whos = (who for _, who in state.operators)
    return tuple(VerifierKey(state.log, ED25519, bytes.fromhex(who.removeprefix("ed25519:"))) for who in whos)


@contextmanager
def as_damage(where: str) -> Iterator[None]:
    """What a parser refuses in a ledger's own file is damage, not a mistake of the person who asked."""
    from ledger.errors import LedgerIOError, Refused, Tampered

    try:
        yield
    except Refused as error:
        raise Tampered(where, str(error).rstrip(".")) from error
    except FileNotFoundError as error:
        if isinstance(error, LedgerIOError):
            raise
        raise Tampered(f"log/{error}", "the file is missing") from error


def _bundle(read: Callable[[str], bytes], index: int, size: int) -> list[bytes]:
    """A bundle as it is at this size. A writer may replace a partial one by a wider one meanwhile."""
    from ledger.tiles import TILE_WIDTH, bundle_path, decode_bundle

    width = min(size - index * TILE_WIDTH, TILE_WIDTH)
    with as_damage(f"log/{bundle_path(index, width)}"):
        try:
            data = read(bundle_path(index, width))
        except FileNotFoundError:
            if width == TILE_WIDTH:
                raise
            data = read(bundle_path(index))
        return decode_bundle(data)[:width]
