"""Trust policies (C2SP tlog-policy): which logs and witnesses are known, and whose cosignatures are enough.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...      witnesses and groups defined above, each in one group at most
    quorum <name>|none

Lines end in newlines; items stand apart by spaces and tabs; empty lines and lines that begin with # are ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.checkpoint import SignedCheckpoint, parse_checkpoint
from ledger.errors import NoQuorum, Refused
from ledger.note import Note, check_note, parse_note
from ledger.policy_file import NONE, Group, PolicyFile, Witness
from ledger.vkey import VerifierKey


@dataclass(frozen=True)
class Policy:
    """Known logs, witnesses and groups by name, and the name of the witness or group that is the quorum, or "none".

    Make one with `parse` or `of_log`: they check that the names fit together.
    """

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, Witness] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)  # in the order of definition: members come first
    quorum: str = NONE

    @classmethod
    def parse(cls, text: str | bytes) -> "Policy":
        """The policy in a file's content; Refused, with the line's number, for any deviation from the format.

        URLs of logs are read and dropped: only services that talk to a log have a use for them.
        """
        draft = PolicyFile(text)
        return cls(tuple(draft.logs), draft.witnesses, draft.groups, draft.quorum)

    @classmethod
    def of_log(cls, vkey: VerifierKey | str) -> "Policy":
        """The policy that trusts this log's signature alone: it excludes neither rollback nor split view."""
        return cls((VerifierKey.parse(vkey) if isinstance(vkey, str) else vkey,))

    def open(self, data: bytes) -> SignedCheckpoint:
        """The checkpoint in a signed note that passes `check`; Refused or NoQuorum otherwise."""
        note = parse_note(data)
        self.check(note)
        return SignedCheckpoint(parse_checkpoint(note.text), note)

    def check(self, note: Note) -> None:
        """Return when the note is a checkpoint, signed by a known log of its origin and cosigned by the quorum.

        Refused without such a log's signature, and when a line that bears a known key's name and id does not verify;
        NoQuorum, naming who is missing, when all is well but for the quorum.
        """
        checkpoint = parse_checkpoint(note.text)
        keys = (*self.logs, *(witness.vkey for witness in self.witnesses.values()))
        signed = frozenset(check_note(note, keys))
        if not any(key in signed and key.name == checkpoint.origin for key in self.logs):
            raise Refused(
                f"no log of the policy signed this checkpoint of {checkpoint.origin}; add its key, if you trust it."
            )
        missing = self._missing({name for name, witness in self.witnesses.items() if witness.vkey in signed})
        if missing:
            raise NoQuorum(
                f"the checkpoint of {checkpoint.origin} at size {checkpoint.size} lacks cosignatures: "
                f"{'; '.join(missing)}; ask those witnesses to cosign it."
            )

    def _missing(self, cosigned: set[str]) -> list[str]:
        """What keeps the quorum from being met by these witnesses; nothing when it is met."""
        met = {NONE, *cosigned}
        for name, group in self.groups.items():
            if len(met.intersection(group.members)) >= group.needed:
                met.add(name)
        reasons, look_at = [], [self.quorum]
        while look_at:
            name = look_at.pop(0)
            if name not in met and name in self.groups:
                group = self.groups[name]
                absent = [member for member in group.members if member not in met]
                have = len(group.members) - len(absent)
                reasons.append(f"{name} has {have} of the {group.needed} it needs (missing: {', '.join(absent)})")
                look_at += absent
            elif name not in met and name == self.quorum:
                reasons.append(f"the witness {name} has not cosigned")
        return reasons
