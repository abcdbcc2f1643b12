"""Reading a trust policy (C2SP tlog-policy) line by line; what it means is ledger.policy's business."""

import re
from dataclasses import dataclass

from ledger import strict
from ledger.errors import Refused
from ledger.vkey import COSIGNATURE, VerifierKey

NONE = "none"
_NOT_IN_POLICIES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BLANKS = re.compile(r"[ \t]+")  # \s would split at the no-break space, which a name may hold


@dataclass(frozen=True)
class Witness:
    """A witness's key (kind 0x04) and, where given, its URL."""

    vkey: VerifierKey
    url: str | None = None


@dataclass(frozen=True)
class Group:
    """A set of witnesses and groups, by name, of which `needed` must have cosigned."""

    needed: int
    members: tuple[str, ...]


class PolicyFile:
    """The definitions in a policy file's content; Refused, with the line's number, for any deviation."""

    def __init__(self, content: str | bytes) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum = ""
        self._grouped: set[str] = set()
        lines = _text(content).split("\n")
        if lines.pop():
            raise Refused("the policy's last line is not ended by a newline; add one, for the line may be cut short.")
        for number, line in enumerate(lines, start=1):
            self._read(number, line)
        if not self.quorum:
            raise Refused("the policy has no quorum line; add `quorum <name>`, or `quorum none` to need no witness.")

    def _read(self, number: int, line: str) -> None:
        items = _BLANKS.split(line.strip(" \t"))
        if items == [""] or items[0].startswith("#"):
            return
        readers = {"log": self._log, "witness": self._witness, "group": self._group, "quorum": self._quorum}
        try:
            if items[0] not in readers:
                raise Refused(f"{items[0]!r} begins no line; log, witness, group and quorum do")
            readers[items[0]](items[1:])
        except Refused as error:
            raise Refused(f"line {number} of the policy: {error}") from error

    def _log(self, items: list[str]) -> None:
        if len(items) not in (1, 2):
            raise Refused("a log is written `log <vkey> [<url>]`.")
        key = VerifierKey.parse(items[0])
        if any(log.public == key.public for log in self.logs):
            raise Refused(f"the log key of {key.name} is listed already; list each key once.")
        self.logs.append(key)

    def _witness(self, items: list[str]) -> None:
        if len(items) not in (2, 3):
            raise Refused("a witness is written `witness <name> <vkey> [<url>]`.")
        key = VerifierKey.parse(items[1])
        if key.kind != COSIGNATURE:
            raise Refused(f"the key of {key.name} is of type 0x{key.kind:02x}; a witness's key is of type 0x04.")
        if any(witness.vkey.public == key.public for witness in self.witnesses.values()):
            raise Refused(f"the witness key of {key.name} is listed already; list each key once.")
        self.witnesses[self._new(items[0])] = Witness(key, items[2] if len(items) == 3 else None)

    def _group(self, items: list[str]) -> None:
        if len(items) < 3:
            raise Refused("a group is written `group <name> all|any|<k> <name>...`, with at least one member.")
        name, rule, members = self._new(items[0]), items[1], tuple(items[2:])
        for member in members:
            self._known(member)
            if member in self._grouped:
                raise Refused(f"{member!r} is in a group already; a name can be a member only once.")
            self._grouped.add(member)
        needed = {"all": len(members), "any": 1}.get(rule) or strict.decimal(rule, "threshold")
        if not 1 <= needed <= len(members):
            raise Refused(f"the group needs {needed} of its {len(members)} members; 1 to {len(members)} is allowed.")
        self.groups[name] = Group(needed, members)

    def _quorum(self, items: list[str]) -> None:
        if len(items) != 1 or self.quorum:
            raise Refused("the quorum is written `quorum <name>` or `quorum none`, on one line of the file.")
        if items[0] != NONE:
            self._known(items[0])
        self.quorum = items[0]

    def _new(self, name: str) -> str:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise Refused(f"the name {name!r} is taken; choose another.")
        return name

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise Refused(f"nothing above is named {name!r}; define a witness or group of that name first.")


def _text(content: str | bytes) -> str:
    """Bytes that are not UTF-8 are allowed in names and comments, where they stand for themselves."""
    text = content if isinstance(content, str) else content.decode("utf-8", "surrogateescape")
    found = _NOT_IN_POLICIES.search(text)
    if found:
        raise Refused(f"the policy holds {found[0]!r}; of the control characters only tab and newline are allowed.")
    return text
