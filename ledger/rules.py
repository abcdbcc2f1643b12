"""What may follow what: the story a ledger tells must hang together, whoever signed its parts.

A pure state machine without files or clocks; the writer asks it before recording, the verifier when reading. In short:
one genesis, and its key alone speaks for the server; data is registered before it is trained on; rounds close in order,
each over what was committed to it; a run that resumes goes back to a model it had, and what came after is superseded.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

from ledger.canonical import Value
from ledger.errors import Refused
from ledger.schemas import SERVER_KINDS, check_body

Body = dict[str, Value]


class Registration(NamedTuple):
    """What a user has bound itself to."""

    who: str
    root: str
    examples: int


@dataclass
class Rules:
    """What has been said so far, as far as it bears on what may be said next."""

    log: str = ""
    server: str = ""
    users: dict[int, Registration] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)  # models[r] = the model after round r; models[0] = the initial one
    updates: dict[int, int] = field(default_factory=dict)  # of the open round: user -> examples
    reports: set[tuple[int, str]] = field(default_factory=set)  # of the open round: (cohort, who)
    closed: bool = False

    def copy(self) -> "Rules":
        """A state that can move on while this one stays."""
        return replace(
            self,
            users=dict(self.users),
            models=list(self.models),
            updates=dict(self.updates),
            reports=set(self.reports),
        )

    def apply(self, body: Body) -> None:
        """Take in the next statement; Refused, with the state as it was, when it may not stand here."""
        check_body(body)
        kind, log, who = _text(body, "kind"), _text(body, "log"), _text(body, "who")
        if (kind == "genesis") == bool(self.log):
            raise Refused("a ledger begins with a genesis and has no second one; leave this statement out.")
        if self.log and log != self.log:
            raise Refused(f"the statement is for the log {log}, but this is {self.log}; sign it for this one.")
        if self.server and kind in SERVER_KINDS and who != self.server:
            raise Refused(f"{kind} is stated by {who}; only {self.server}, who signed the genesis, may state it.")
        _APPLY[kind](self, body)

    @property
    def _last(self) -> int:
        """The last closed round, 0 before the first."""
        if not self.models:
            raise Refused("there is no model yet; state algorithm.publish first.")
        return len(self.models) - 1

    def _genesis(self, body: Body) -> None:
        self.log, self.server = _text(body, "log"), _text(body, "who")

    def _publish(self, body: Body) -> None:
        if self.models:  # the code may change between rounds, the model may not
            self._check_model(body, "model", self._last)
        else:
            self.models.append(_text(body, "model"))

    def _register(self, body: Body) -> None:
        registration = Registration(_text(body, "who"), _text(body, "root"), _int(body, "examples"))
        known = self.users.setdefault(_int(body, "user"), registration)
        if known != registration:  # the same one again says nothing new: a resumed run may repeat it
            raise Refused(f"user {body['user']} has registered another key or other data; take a new user number.")

    def _commit(self, body: Body) -> None:
        self._check_open(_int(body, "round"))
        user = _int(body, "user")
        if user not in self.users or self.users[user].who != body["who"]:
            raise Refused(f"user {user} has no data registered under {body['who']}; state data.register first.")
        if user in self.updates:
            raise Refused(f"user {user} has committed to round {body['round']} already; one update a round is allowed.")
        self._check_model(body, "parent", self._last)
        self.updates[user] = _int(body, "examples")

    def _report(self, body: Body) -> None:
        self._check_open(_int(body, "round"))
        report = (_int(body, "cohort"), _text(body, "who"))
        if report in self.reports:
            raise Refused(f"{report[1]} has reported cohort {report[0]} of this round already; report work once.")
        self.reports.add(report)

    def _close_round(self, body: Body) -> None:
        self._check_open(_int(body, "round"))
        self._check_model(body, "parent", self._last)
        stated = (body["updates"], body["examples"])
        found = (len(self.updates), sum(self.updates.values()))
        if stated != found:
            raise Refused(f"the round closes over (updates, examples) = {stated}; state {found}, what was committed.")
        self.models.append(_text(body, "model"))
        self._begin_round()

    def _evaluate(self, body: Body) -> None:
        self._check_model(body, "model", _int(body, "round"))

    def _resume(self, body: Body) -> None:
        kept = _int(body, "round")
        self._check_model(body, "model", kept)
        del self.models[kept + 1 :]
        self.closed = False
        self._begin_round()

    def _close_run(self, body: Body) -> None:
        self._check_open(_int(body, "rounds") + 1)
        self._check_model(body, "model", self._last)
        self.closed = True

    def _begin_round(self) -> None:
        self.updates.clear()
        self.reports.clear()

    def _check_open(self, number: int) -> None:
        if self.closed:
            raise Refused("the run is closed; state run.resume to go on with it.")
        if number != self._last + 1:
            raise Refused(
                f"round {number} is not the open one; the last closed round is {self._last}, so go on from it."
            )

    def _check_model(self, body: Body, name: str, number: int) -> None:
        if number > self._last:
            raise Refused(f"round {number} has no model yet; name a closed round, up to {self._last}.")
        if body[name] != self.models[number]:
            raise Refused(f"{name} is {body[name]}; name {self.models[number]}, the model after round {number}.")


def _int(body: Body, name: str) -> int:
    return cast(int, body[name])  # check_body has seen to it


def _text(body: Body, name: str) -> str:
    return cast(str, body[name])  # and to this


_APPLY: dict[str, Callable[[Rules, Body], None]] = {
    "genesis": Rules._genesis,
    "algorithm.publish": Rules._publish,
    "data.register": Rules._register,
    "update.commit": Rules._commit,
    "compute.report": Rules._report,
    "round.close": Rules._close_round,
    "evaluation": Rules._evaluate,
    "run.resume": Rules._resume,
    "run.close": Rules._close_run,
}
