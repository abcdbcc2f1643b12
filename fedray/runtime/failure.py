"""An exception of a user's code as plain data, so that it crosses processes and is shown once, own frames first."""

import linecache
import traceback
from dataclasses import dataclass
from pathlib import Path

from fedray.errors import FedrayError


@dataclass(frozen=True)
class Frame:
    """One line of a call stack."""

    file: str
    line: int
    function: str
    source: str


@dataclass(frozen=True)
class Failure:
    """What was raised. ``expected`` is true for fedray's own one-sentence errors, which need no call stack."""

    kind: str
    message: str
    frames: tuple[Frame, ...]
    expected: bool
    exit_code: int
    context: str = ""
    causes: str = ""
    """The exceptions that led to it, as Python prints them."""

    @staticmethod
    def of(error: BaseException) -> "Failure":
        """Take down an exception with its stack, innermost frame last, and its notes as context."""
        frames = tuple(
            Frame(
                entry.filename,
                entry.lineno or 0,
                entry.name,
                linecache.getline(entry.filename, entry.lineno or 0).strip(),
            )
            for entry in traceback.extract_tb(error.__traceback__)
        )
        if isinstance(error, SyntaxError) and error.filename:
            frames += (Frame(error.filename, error.lineno or 0, "<module>", (error.text or "").strip()),)
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        causes = "".join(traceback.format_exception(cause)) if cause else ""
        expected = isinstance(error, FedrayError)
        code = error.exit_code if isinstance(error, FedrayError) else 1
        return Failure(
            type(error).__name__, str(error), frames, expected, code, ", ".join(getattr(error, "__notes__", ())), causes
        )

    def own_first(self, folder: Path) -> tuple[Frame, ...]:
        """The frames inside ``folder`` (the user's code), innermost first; all frames when none is."""
        own = tuple(frame for frame in self.frames if Path(frame.file).is_relative_to(folder))
        return tuple(reversed(own or [frame for frame in self.frames if frame.function != "shown_once"]))
