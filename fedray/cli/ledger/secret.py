"""The salt between an update's commitment and its reveal: made, kept beside the key, shown, and forgotten."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.witness.unrevealed import Commitment


class Secret:
    """What `who` commits to with the update of this digest (hex); the memory is a ledger.witness.memory file."""

    def __init__(self, memory: Path, who: str, digest: str) -> None:
        from ledger.witness.unrevealed import Unrevealed

        self.digest = digest
        self._who, self._kept, self._path = who, Unrevealed(memory), memory
        self._shown: Commitment | None = None

    def commit(self, log: str, run: str, round: int) -> str:
        """The commitment; its salt is durable before anybody hears of it. The same again gives the same."""
        from ledger.statements import commitment
        from ledger.witness.unrevealed import Commitment

        known = self._kept.get(self._who, run, round)
        salt = known.salt if known and known.digest == self.digest else secrets.token_hex(32)
        self._kept.put([Commitment(self._who, run, round, salt, self.digest)])
        return commitment(log, run, round, self._who, salt, self.digest)

    def salt(self, run: str, round: int) -> str:
        """The salt of the commitment; Refused when the memory has none, or another update's."""
        from ledger.errors import Refused

        known = self._kept.get(self._who, run, round)
        if known is None or known.digest != self.digest:
            what = "no commitment" if known is None else "a commitment to another file"
            raise Refused(f"{self._path} holds {what} for round {round} of {run}; reveal what you committed to.")
        self._shown = known
        return known.salt

    def forget(self) -> None:
        """Drop the salt that was shown."""
        if self._shown:
            self._kept.delete([self._shown])
