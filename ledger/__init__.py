"""The ledger: who contributed what, as signed statements in a hash chain that a stranger can verify.

Make one with `Ledger.create`, record statements made by `sign`, and check it with `verify`.
"""

from ledger.errors import LedgerError, LedgerIOError, NotALedger, Refused, Tampered
from ledger.history import Head
from ledger.keys import SigningKey
from ledger.log import Ledger
from ledger.merkle import data_root
from ledger.show import rows
from ledger.statements import Statement, sign
from ledger.verify import Report, verify

__all__ = [
    "Head",
    "Ledger",
    "LedgerError",
    "LedgerIOError",
    "NotALedger",
    "Refused",
    "Report",
    "SigningKey",
    "Statement",
    "Tampered",
    "data_root",
    "rows",
    "sign",
    "verify",
]
