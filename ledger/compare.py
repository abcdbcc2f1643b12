"""Two signed heads of one log: the same, one behind the other, or a fork, of which a proof anybody can check is made.

A log that has signed two different trees of one size has lied to somebody, and both signatures together show it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.errors import Refused
from ledger.fork import ForkProof
from ledger.note import VerifierKey, parse_note
from ledger.proofs import HashAt, check_consistency, consistency_path
from ledger.receipt import parse_receipt
