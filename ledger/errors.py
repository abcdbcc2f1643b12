"""What can go wrong with a ledger; every message is one sentence: what was found, what is allowed and the fix."""


class LedgerError(Exception):
    """The ledger could not do what was asked."""


class Refused(LedgerError, ValueError):
    """A value, key or statement that may not enter a ledger; nothing was written."""


class Tampered(LedgerError):
    """The file is not what a ledger wrote.

    `seq` is the place of the first bad entry (its line is seq + 1), `reason` says what is wrong with it.
    """

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(
            f"entry {seq} (line {seq + 1}) cannot be trusted: {reason}; restore the ledger from a good copy."
        )
        self.seq = seq
        self.reason = reason

    def __reduce__(self) -> tuple[type["Tampered"], tuple[int, str]]:
        """Keep the error picklable: Exception's default would call the class with the message alone."""
        return type(self), (self.seq, self.reason)


class LedgerIOError(LedgerError, OSError):
    """A file could not be locked, read or written: a second writer, no space, no permission, a broken disk."""


class NotALedger(LedgerError):
    """The folder holds no ledger."""
