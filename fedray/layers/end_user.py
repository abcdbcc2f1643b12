"""The end user: owns data and a signing key, commits to the data, and signs what it claims to have trained."""

import ledger
from fedray.data.commitment import sample_digests
from fedray.data.examples import Examples, Indices
from ledger.canonical import Value


class EndUser:
    """One user. Virtual users share the process of the node that trains them; ``key`` is None without a ledger."""

    def __init__(self, user: int, examples: Examples, mine: Indices, key: ledger.SigningKey | None, log: str) -> None:
        self.user = user
        self.examples = examples
        self.mine = mine
        self._key = key
        self._log = log

    def register_data(self) -> list[ledger.Statement]:
        """A signed commitment to every example: the Merkle root over their digests."""
        if self._key is None:
            return []
        root = ledger.data_root(sample_digests(self.examples, self.mine))
        count = len(self.mine)
        return [ledger.sign(self._key, "data.register", self._log, user=self.user, root=root, examples=count)]

    def claim_update(self, round: int, parent: str, update: str) -> list[ledger.Statement]:
        """A signed claim to have trained ``parent`` into ``update`` (SHA-256 of the weights' safetensors bytes)."""
        if self._key is None:
            return []
        what: dict[str, Value] = {"user": self.user, "round": round, "examples": len(self.mine)}
        return [ledger.sign(self._key, "update.commit", self._log, **what, parent=parent, update=update)]
