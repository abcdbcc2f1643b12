"""The ledger: who contributed what, as signed statements in a transparency log that a stranger can verify.

Make one with `Log.create`, record statements made by `sign`, and check it with `ledger.verify`.
"""

from ledger.canonical import Value
from ledger.checkpoint import Checkpoint, open_checkpoint
from ledger.cosignature import Cosigner
from ledger.entry import decode_entry
from ledger.errors import LedgerError, LedgerIOError, NoQuorum, NotALedger, Refused, RolledBack, Tampered
from ledger.keys import SigningKey
from ledger.log import Log
from ledger.merkle import data_root, leaf_hash
from ledger.note import Signature
from ledger.policy import Policy
from ledger.proofs import check_inclusion
from ledger.receipt import Receipt, parse_receipt
from ledger.state import State
from ledger.statements import Statement, check_signature, commitment, sign
from ledger.vkey import VerifierKey, log_vkey

__all__ = [
    "Checkpoint",
    "Cosigner",
    "LedgerError",
    "LedgerIOError",
    "Log",
    "NoQuorum",
    "NotALedger",
    "Policy",
    "Receipt",
    "Refused",
    "RolledBack",
    "Signature",
    "SigningKey",
    "State",
    "Statement",
    "Tampered",
    "Value",
    "VerifierKey",
    "check_inclusion",
    "check_signature",
    "commitment",
    "data_root",
    "decode_entry",
    "leaf_hash",
    "log_vkey",
    "open_checkpoint",
    "parse_receipt",
    "sign",
]
