"""A log for witnesses to watch, signed by a real key over a tree written down as the RFC defines it; it can fork."""

from functools import cache, cached_property

from merkle_reference import consistency, synthetic_leaves, tree_hash

from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.keys import SigningKey
from ledger.note import NoteSigner
from ledger.proofs import consistency_path


class WatchedLog:
    """`fork_at`: from this entry on, its entries are others than those of the log without it."""

    def __init__(self, origin="example.com/log", size=64, fork_at=None):
        self.origin = origin
        self.leaves = synthetic_leaves(size)
        if fork_at is not None:
            self.leaves[fork_at:] = [bytes(reversed(leaf)) for leaf in self.leaves[fork_at:]]
        self.signer = NoteSigner(origin, SigningKey.from_seed(b"the log's key, thirty-two bytes!"))
        self.vkey = self.signer.vkey

    def root(self, size):
        return tree_hash(self.leaves[:size])

    def checkpoint(self, size, signer=None):
        return sign_checkpoint(Checkpoint(self.origin, size, self.root(size)), [signer or self.signer])

    def proof(self, old, new):
        return tuple(consistency(old, self.leaves[:new])) if old else ()


class LongLog(WatchedLog):
    """The same with every node hashed once, for thousands of entries."""

    @cached_property
    def node(self):
        @cache
        def node(level, index):
            return tree_hash(self.leaves[index << level : (index + 1) << level])

        return node

    def proof(self, old, new):
        return tuple(consistency_path(self.node, old, new))
