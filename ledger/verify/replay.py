"""What depends on the order of bundles: links across them, the tree, who operates the log, and the state."""

from collections import Counter
from collections.abc import Callable

from ledger.errors import Refused, Tampered
from ledger.merkle import HASH_BYTES
from ledger.schemas import Body
from ledger.state import State
from ledger.tiles import TILE_WIDTH
from ledger.verify.bundles import Bodies, Found
from ledger.verify.cosigners import Cosigners
from ledger.verify.heads import Operators
from ledger.verify.tree import Tree

Watch = Callable[[int, Body], None]
"""Called with each good statement and its number, after the state has taken it in."""


class Replay:
    """The log named `origin` as far as its bundles have been taken in."""

    def __init__(self, origin: str, watch: Watch | None = None) -> None:
        self.tree, self.state, self.operators = Tree(), State(), Operators(origin)
        self.cosigners = Cosigners(self.state)
        self.kinds: Counter[str] = Counter()
        self.speakers: set[str] = set()
        self._watch = watch
        self._link, self._time = "", 0

    def take(self, found: Found) -> None:
        """Take in the next bundle; Tampered at the first entry or file that is bad."""
        self._check_link(found)
        if found.leaves:
            self.tree.add(found.leaves, found.root)
        self.kinds += found.kinds
        self.speakers |= found.speakers
        self.operators.since += found.operators
        self._apply(found.bodies, found.index * TILE_WIDTH)
        if found.problem:
            raise found.problem

    def _check_link(self, found: Found) -> None:
        """The first entry's link and time; a bundle without entries that could be read has none."""
        if not found.prev:
            return
        first = found.index * TILE_WIDTH
        if first and found.prev != self._link:
            raise Tampered(f"entry {first}", "its link, prev, is not the hash of the entry before it")
        if found.times[0] < self._time:
            raise Tampered(f"entry {first}", "its time is before that of the entry before it")
        self._link, self._time = found.leaves[-HASH_BYTES:].hex(), found.times[1]

    def _apply(self, bodies: Bodies, first: int) -> None:
        for number, body in enumerate(bodies, first):
            try:
                self.state.apply(body)  # the cosignatures in it were checked where its signature was
                if body["kind"] == "round.close":
                    self._check_head(body)
            except Refused as error:
                raise Tampered(f"entry {number}", str(error).rstrip(".")) from error
            self.cosigners.take(body)
            if self._watch:
                self._watch(number, body)

    def _check_head(self, body: Body) -> None:
        size = body["head_size"]
        assert isinstance(size, int)  # the state has taken it, and it lies behind
        if self.tree.root_at(size).hex() != body["head_root"]:
            raise Refused(f"its head_root is not the root over the first {size} entries: its cosigners saw another log")
