"""What verifying a ledger found, and what it could not rule out."""

from dataclasses import dataclass, field

from ledger.errors import LedgerError, Tampered


@dataclass(frozen=True)
class Report:
    """`problems` begin with what is bad first; entries and files behind it were not looked at.

    `root` (hex) and `size` are the published checkpoint's, `checkpoints` counts the signed ones that were checked,
    `cosigned` the policy's witnesses on the newest. `notes` are harmless, `not_ruled_out` is what nobody could have
    seen from what was given: read it before making much of a good report.
    """

    origin: str = ""
    size: int = 0
    root: str = ""
    kinds: dict[str, int] = field(default_factory=dict)
    participants: int = 0
    checkpoints: int = 0
    cosigned: int = 0
    problems: tuple[LedgerError, ...] = ()
    not_ruled_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing bad was found."""
        return not self.problems

    @property
    def exit_code(self) -> int:
        """0 good, 1 tampered with, 3 rolled back, forked, or without the witnesses the policy asks for."""
        codes = [problem.exit_code for problem in self.problems]
        return Tampered.exit_code if Tampered.exit_code in codes else max(codes, default=0)
