"""The end user: owns data and a signing key, commits to its data and updates, and watches the ledger it is in."""

import hmac

import ledger
from fedray.data.commitment import sample_digests
from fedray.data.examples import Examples, Indices
from fedray.errors import FedrayError
from fedray.layers.messages import CommitProof


class EndUser:
    """One user, with the key it signs with in the ledger ``log``. Virtual users share the process of their node."""

    def __init__(self, user: int, key: ledger.SigningKey, log: str, run: str) -> None:
        self.name = f"user-{user}"
        self._key, self._log, self._run = key, log, run

    @property
    def who(self) -> str:
        """The user's public key, as statements name it."""
        return self._key.who

    def register(self, examples: Examples, mine: Indices) -> list[ledger.Statement]:
        """An account, and a signed commitment to every example: the Merkle root over their digests."""
        root = ledger.data_root(sample_digests(examples, mine))
        account = ledger.sign(self._key, "account.register", self._log, name=self.name, role="end-user")
        data = ledger.sign(self._key, "data.register", self._log, run=self._run, root=root, examples=len(mine))
        return [account, data]

    def commit(self, round: int, parent: str, update: str, examples: int) -> ledger.Statement:
        """A signed commitment to have trained ``parent`` into ``update`` (SHA-256 of the weights' safetensors bytes).

        Nobody can tell from it which update it is, so nobody can claim a copy, before all have committed.
        """
        commitment = self._commitment(round, update)
        what: dict[str, ledger.Value] = {"run": self._run, "round": round, "parent": parent, "examples": examples}
        return ledger.sign(self._key, "update.commit", self._log, **what, commitment=commitment)

    def reveal(self, round: int, update: str) -> ledger.Statement:
        """What the commitment was made of."""
        salt = self.salt(round)
        return ledger.sign(self._key, "update.reveal", self._log, run=self._run, round=round, update=update, salt=salt)

    def cosigner(self) -> ledger.Cosigner:
        """The user as a witness of the ledger."""
        return ledger.Cosigner(self.name, self._key)

    def check_commit(self, proof: CommitProof, checkpoint: ledger.Checkpoint, round: int, update: str) -> None:
        """Return when the user's commitment to ``update`` is in the ledger under ``checkpoint``; FedrayError if not."""
        try:
            leaf = ledger.leaf_hash(proof.entry)
            ledger.check_inclusion(leaf, proof.index, checkpoint.size, proof.path, checkpoint.root)
            body = ledger.decode_entry(proof.entry).statement.body
        except ledger.Refused as error:
            raise FedrayError(f"{self.name} was shown a wrong proof of its commitment: {error}") from None
        commitment = self._commitment(round, update)
        expected = {"kind": "update.commit", "who": self.who, "round": round, "commitment": commitment}
        if any(body.get(name) != value for name, value in expected.items()):
            raise FedrayError(f"{self.name} finds another commitment than its own in the ledger; nothing is revealed.")

    def _commitment(self, round: int, update: str) -> str:
        return ledger.commitment(self._log, self._run, round, self.who, self.salt(round), update)

    def salt(self, round: int) -> str:
        """32 bytes that only this user knows; the same after a crash."""
        return hmac.digest(self._key.seed, f"salt {self._log} {self._run} {round}".encode(), "sha256").hex()
