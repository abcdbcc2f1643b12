"""Who contributes: its key, its account, what the ledger knows of its run."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fedray.cli.ledger.account import ROLES
from fedray.cli.ledger.people import check_name
from fedray.cli.ledger.places import Place, key_file, key_name, load_key
from fedray.cli.ledger.recording import state, statement_options
from fedray.cli.options import wants_json

if TYPE_CHECKING:
    from ledger.state import RunView, State
    from ledger.statements import Statement

Command = TypeVar("Command", bound=Callable[..., Any])
Fields = Callable[[], dict[str, Any]]
"""What to state beside the run; asked once the ledger's state, and so the run's, is known."""


def participant_options(command: Command) -> Command:
    """LEDGER and the options of everyone who contributes, which the command gets as one `me: Participant`."""

    @wraps(command)
    def introduced(*arguments: Any, place: Place, key: str, run: str | None, name: str | None, role: str | None,
                   sign_only: bool, output: str, **options: Any) -> Any:  # fmt: skip
        return command(*arguments, me=Participant(place, key, run, name, role, sign_only, output), **options)

    run = click.option("--run", metavar="NAME", help="The run [default: the ledger's only one].")
    name = click.option("--as", "name", metavar="NAME", help="Name to register under [default: the key's].")
    role = click.option("--role", type=click.Choice(ROLES), help="Role to register in [default: end-user].")
    return statement_options(run(name(role(introduced))))  # type: ignore[return-value]


class Participant:
    """One contributor to one run, as named on the command line; `log` and `run` are known once `state` has begun."""

    def __init__(self, place: Place, key: str, run: str | None, name: str | None, role: str | None,
                 sign_only: bool, output: str) -> None:  # fmt: skip
        self._place, self._output, self._given_run = place, output, run
        self._key, self._key_file = load_key(key, place.keys), key_file(key, place.keys)
        self._name, self._role = name or key_name(self._key_file), role or "end-user"
        self.sign_only = sign_only
        self.who, self.memory = self._key.who, self._key_file.with_suffix(".memory")
        self.log = self.run = ""
        self._view: RunView | None = None

    def state(self, kind: str, fields: Fields) -> None:
        """Sign the statement, after a registration if the key has no account, and record or print both."""
        from ledger.statements import sign

        def say(now: "State") -> list["Statement"]:
            self.log, self.run = now.log, self._run_of(now)
            self._view = now.run(self.run)
            return [*self._registration(now), sign(self._key, kind, now.log, run=self.run, **fields())]

        state(self._place, say, self.sign_only, self._output)

    def round(self, given: int | None) -> int:
        """The round given, or the open one; Refused when there is none."""
        from ledger.errors import Refused

        number = self._view.round if given is None and self._view else given
        if number is None:
            raise Refused(f"no round of {self.run} is open; name one with --round.")
        return number

    def model(self, round: int | None = None) -> str:
        """The model after a round, or the newest; Refused when there is none."""
        from ledger.errors import Refused

        models = self._view.models if self._view else ()
        number = len(models) - 1 if round is None else round
        if not 0 <= number < len(models):
            raise Refused(f"{self.run} has no model after round {number}; name the parent with --parent.")
        return models[number]

    def examples(self, given: int | None) -> int:
        """The number given, or all that were registered; the ledger refuses a number without registered data."""
        data = self._view.registered(self.who) if self._view else None
        return given if given is not None else data.examples if data else 0

    def recipe(self, given: str | None) -> str:
        """The digest given, or that of the open run; Refused when there is neither."""
        from ledger.errors import Refused

        found = given or (self._view.recipe if self._view else "")
        if not found:
            raise Refused(f"the run {self.run} is not open yet, so its recipe is unknown; name one with --recipe.")
        return found

    def _run_of(self, now: "State") -> str:
        from ledger.errors import Refused

        if self._given_run is None and len(now.runs) != 1:
            known = ", ".join(now.runs) or "none yet"
            raise Refused(f"{now.log} does not have just one run (runs there: {known}); name one with --run.")
        return self._given_run or now.runs[0]

    def _registration(self, now: "State") -> list["Statement"]:
        from ledger.statements import sign

        if now.account(self.who) is not None:
            return []
        check_name(self._name)
        if not wants_json(self._output):
            click.echo(f"This key is new in {now.log}: it is registered as {self._name}, {self._role}.", err=True)
        return [sign(self._key, "account.register", now.log, name=self._name, role=self._role)]
