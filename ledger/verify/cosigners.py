"""Cosignatures by a log's own participants, under whatever checkpoint somebody put them."""

from collections import defaultdict

from ledger.errors import Refused
from ledger.note import Note, VerifierKey
from ledger.schemas import Body
from ledger.state import State
from ledger.vkey import cosigner_vkey


class Cosigners:
    """The keys of a replayed log's accounts: those in its `state`, and those that were rotated away."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._retired: defaultdict[str, list[str]] = defaultdict(list)

    def take(self, body: Body) -> None:
        """Look at the next statement, which the state has just taken in."""
        if body["kind"] in ("account.rotate", "operator.rotate"):
            account = self._state.account(str(body["new"]))
            assert account is not None
            self._retired[account.name].append(str(body["who"]))

    def check(self, note: Note) -> int:
        """How many lines bear an account's name and a key that it never had: nobody can tell whose they are.

        Refused when a line bears the name and key id of an account that has not cosigned this.
        """
        unknown = 0
        for line in note.signatures:
            keys = {key.key_id: key for key in self._keys(line.name)}
            if line.key_id in keys:
                try:
                    keys[line.key_id].verify(note.text, line.data)
                except Refused as error:
                    raise Refused(f"the cosignature of {line.name} is not by its key; {error}") from error
            unknown += bool(keys) and line.key_id not in keys
        return unknown

    def _keys(self, name: str) -> list[VerifierKey]:
        who = self._state.named(name)
        whos = [] if who is None else [who, *self._retired.get(name, ())]
        return [cosigner_vkey(name, who) for who in whos]
