"""A run as others may read it: nothing here changes anything."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ledger.state.accounts import Accounts
from ledger.state.runs import Run


class Registration(NamedTuple):
    """The data an account is bound to: the Merkle root over its examples' digests, and how many there are."""

    root: str
    examples: int


class RunView:
    """What is known of one run now; it goes on to show the newest as the state moves on."""

    def __init__(self, run: Run, accounts: Accounts) -> None:
        self._run = run
        self._accounts = accounts

    @property
    def name(self) -> str:
        """Its name."""
        return self._run.name

    @property
    def recipe(self) -> str:
        """The recipe's digest; empty while the operator has not opened the run."""
        return self._run.recipe

    @property
    def staleness(self) -> int:
        """How many rounds late an update may be."""
        return self._run.staleness

    @property
    def closed(self) -> bool:
        """Whether the run has ended."""
        return self._run.closed

    @property
    def models(self) -> Sequence[str]:
        """The model after each closed round, by digest; models[0] is the initial one."""
        return self._run.models

    @property
    def last(self) -> int:
        """The last closed round; 0 before the first, -1 without an initial model."""
        return len(self._run.models) - 1

    @property
    def round(self) -> int | None:
        """The open round."""
        return None if self._run.round is None else self._run.round.number

    @property
    def committers(self) -> Sequence[str]:
        """Who committed to an update in the open round, each once, first ones first."""
        if self._run.round is None:
            return ()
        return tuple(self._who(number) for number in self._run.round.committers())

    @property
    def data(self) -> Mapping[str, Registration]:
        """Who has registered which data."""
        return {self._who(number): Registration(*data) for number, data in self._run.data.items()}

    def registered(self, who: str) -> Registration | None:
        """The data of `who`, without going through everybody's."""
        account = self._accounts.get(who)
        data = None if account is None else self._run.data.get(account.number)
        return None if data is None else Registration(*data)

    def _who(self, number: int) -> str:
        return self._accounts.all[number].who
