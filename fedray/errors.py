"""The errors a user can cause, and the exit code each one ends the command with.

Every message is one sentence that says what was given, what is allowed and how to fix it.
"""

EXIT_FAILED = 1
EXIT_INVALID = 2
EXIT_STOPPED = 3
EXIT_IO = 4
EXIT_INTERRUPTED = 130


class FedrayError(Exception):
    """The run could not do what was asked (exit code 1)."""

    exit_code = EXIT_FAILED


class InvalidInput(FedrayError, ValueError):
    """A recipe, an app, a data set or a command line that cannot work (exit code 2)."""

    exit_code = EXIT_INVALID


class StorageError(FedrayError, OSError):
    """A file could not be read or written: no space, no permission, a broken file system (exit code 4)."""

    exit_code = EXIT_IO
