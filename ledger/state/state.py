"""The state of a ledger: takes in one statement after the other, or refuses it and stays as it was."""

import hashlib
from collections.abc import Sequence
from typing import Any

from ledger.canonical import Value, encode
from ledger.errors import Refused
from ledger.schemas import SERVER_KINDS, Body, Fields, check_body
from ledger.state.accounts import OPERATOR, Account, Accounts
from ledger.state.contributions import CONTRIBUTIONS
from ledger.state.membership import MEMBERSHIP
from ledger.state.progress import PROGRESS
from ledger.state.quorum import check_quorum
from ledger.state.runs import Run
from ledger.state.views import RunView

VERSION = 2
RULES = CONTRIBUTIONS | PROGRESS
BEFORE_OPENING = frozenset({"run.open", "algorithm.publish", "data.register"})  # what may name a run not yet there


class State:
    """What the first `size` statements of the ledger named `log` come to.

    `quorum` is genesis's word on cosignatures, `minted` all the money there is. `operators` lists (size, who): from a
    checkpoint of that size on, `who` signs, until the next.
    """

    def __init__(self) -> None:
        self.log = ""
        self.size = 0
        self.quorum = "none"
        self.minted = 0
        self.operators: list[tuple[int, str]] = []
        self._accounts = Accounts()
        self._runs: dict[str, Run] = {}

    def apply(self, body: Body, *, cosignatures: bool = False) -> None:
        """Take in the next statement; Refused, with the state as it was, when it may not stand here.

        The statement's own signature is the caller's to check (ledger.statements.check_signature). `cosignatures` has
        those within a round.close checked too.
        """
        fields = check_body(body)
        kind, who = fields["kind"], fields["who"]
        if (kind == "genesis") == bool(self.log):
            raise Refused("a ledger begins with a genesis and has no second one; leave this statement out.")
        if kind == "genesis":
            self._begin(fields)
        elif fields["log"] != self.log:
            raise Refused(f"the statement is for the log {fields['log']}, but this is {self.log}; sign it for this.")
        elif kind == "account.register":
            self._accounts.register(who, fields["name"], fields["role"], self.size)
        else:
            self._speak(kind, self._accounts.speaker(who), fields, cosignatures)
        self.size += 1

    def _begin(self, fields: Fields) -> None:
        accounts = Accounts()
        for allocation in fields["allocations"]:
            accounts.endow(allocation["to"], allocation["amount"])
        minted = sum(accounts.unclaimed.values())
        encode(minted)  # Refused beyond 2**53 - 1: then every balance can be written down
        accounts.register(fields["who"], OPERATOR, OPERATOR, 0)
        self._accounts, self.minted = accounts, minted
        self.log, self.quorum, self.operators = fields["log"], fields["quorum"], [(0, fields["who"])]

    def _speak(self, kind: str, speaker: Account, fields: Fields, cosignatures: bool) -> None:
        if kind in SERVER_KINDS and speaker.role != OPERATOR:
            raise Refused(f"{kind} is stated by {speaker.who}; only the operator, {self.operator}, may state it.")
        if kind in MEMBERSHIP:
            MEMBERSHIP[kind](self._accounts, speaker, fields)
            if kind == "operator.rotate":
                self.operators.append((self.size + 1, fields["new"]))
            return
        name = fields["run"]
        run = self._runs.get(name) or Run(name)
        if name not in self._runs and kind not in BEFORE_OPENING:
            raise Refused(f"there is no run {name}; state run.open first.")
        if kind == "round.close":
            check_quorum(self._accounts, run.current(), self.quorum, fields, signatures=cosignatures)
        RULES[kind](run, speaker, fields, self.size)
        self._runs[name] = run

    @property
    def operator(self) -> str:
        """Who speaks for the server now; empty before the genesis."""
        return self.operators[-1][1] if self.operators else ""

    @property
    def accounts(self) -> Sequence[Account]:
        """Every account in order of registration, the operator's first."""
        return self._accounts.all

    def account(self, who: str) -> Account | None:
        """The account of a key; None for a stranger and for a key that was rotated away."""
        return self._accounts.get(who)

    def named(self, name: str) -> str | None:
        """The key of the account with this name."""
        number = self._accounts.names.get(name)
        return None if number is None else self._accounts.all[number].who

    def balance(self, who: str) -> int:
        """What `who` can spend, or could once it registers: genesis gives to keys."""
        account = self._accounts.get(who)
        return self._accounts.unclaimed.get(who, 0) if account is None else account.balance

    def staked(self, who: str) -> int:
        """What `who` has at stake."""
        account = self._accounts.get(who)
        return 0 if account is None else account.stake

    def nonce(self, who: str) -> int:
        """The last nonce of `who`; its next statement with one carries one more."""
        account = self._accounts.get(who)
        return 0 if account is None else account.nonce

    @property
    def runs(self) -> Sequence[str]:
        """The names of all runs, in the order in which they were first spoken of."""
        return tuple(self._runs)

    def run(self, name: str) -> RunView | None:
        """The run of this name; None when nobody has spoken of it."""
        run = self._runs.get(name)
        return None if run is None else RunView(run, self._accounts)

    def dump(self) -> dict[str, Value]:
        """All of it as a canonical value of its own; O(state)."""
        value: dict[str, Any] = {name: getattr(self, name) for name in ("log", "size", "quorum", "minted")}
        value["operators"] = [list(item) for item in self.operators]
        return value | self._accounts.dump() | {"v": VERSION, "runs": [run.dump() for run in self._runs.values()]}

    @classmethod
    def load(cls, value: Value) -> "State":
        """The state that `dump` gave; Refused for anything else. That it is a state of this log its root must show."""
        try:
            state = cls._load(value)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise Refused(f"this is no state of a ledger ({error!r:.100}); replay the ledger instead.") from error
        if state.dump() != value:
            raise Refused("this is no state of a ledger; replay the ledger instead.")
        return state

    @classmethod
    def _load(cls, value: Any) -> "State":
        state = cls()
        for name in ("log", "size", "quorum", "minted"):
            setattr(state, name, value[name])
        state.operators = [(size, who) for size, who in value["operators"]]
        state._accounts = Accounts.load(value)
        state._runs = {run["name"]: Run.load(run) for run in value["runs"]}
        return state

    def root(self) -> str:
        """SHA-256, in hex, of the state's canonical bytes: equal roots, equal states."""
        return hashlib.sha256(encode(self.dump())).hexdigest()
