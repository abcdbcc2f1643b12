"""What can go wrong with a ledger; every message is one sentence: what was found, what is allowed and the fix.

`exit_code` is what a command ends with.
"""


class LedgerError(Exception):
    """The ledger could not do what was asked."""

    exit_code = 2


class Refused(LedgerError, ValueError):
    """A value, key, proof or statement that is not allowed; nothing was written."""


class NotALedger(LedgerError):
    """The folder or address holds no ledger."""


class Tampered(LedgerError):
    """What is there is not what a ledger wrote.

    `where` is the file or the entry that is bad first, `reason` says what is wrong with it.
    """

    exit_code = 1

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where} cannot be trusted: {reason}; restore the ledger from a good copy.")
        self.where = where
        self.reason = reason

    def __reduce__(self) -> tuple[type["Tampered"], tuple[str, str]]:
        """Keep the error picklable: Exception's default would call the class with the message alone."""
        return type(self), (self.where, self.reason)


class RolledBack(LedgerError):
    """The ledger is behind, or beside, a signed head that someone remembers: rolled back or forked."""

    exit_code = 3


class LedgerIOError(LedgerError, OSError):
    """A file or peer could not be locked, read or written: a second writer, no space, no permission, a broken disk."""

    exit_code = 4


class NoQuorum(LedgerError):
    """Too few witnesses have cosigned a checkpoint for the policy."""

    exit_code = 3
