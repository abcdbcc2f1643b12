"""One run as it stands: its models by round, who has data in it, its algorithms, and the open round.

What runs say of each other: nothing. A ledger holds any number of them side by side.
"""

from typing import Any

from ledger.errors import Refused
from ledger.state.rounds import Round


class Run:
    """A run, from the first data registered for it; the operator opens it with a recipe."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.recipe = ""  # empty: not opened
        self.staleness = 0
        self.closed = False
        self.models: list[str] = []  # models[r] = the model after round r; models[0] = the initial one
        self.known: set[str] = set()  # the same, to look up
        self.data: dict[int, tuple[str, int]] = {}  # account -> (Merkle root, examples)
        self.algorithms: dict[tuple[str, str, str], int] = {}  # (app, code, recipe) -> who published it first
        self.round: Round | None = None
        # The round in which each commit, (account, round), and report, (account, round, cohort), counted, so that none
        # counts twice when late ones may come. It is whole from the round `remembered` on; synchronous runs need none.
        self.counted: dict[tuple[int, ...], int] = {}
        # The updates revealed in closed rounds: digest -> (who committed to it first, when last revealed). A late one
        # may be a copy of one of them. Those of the open round are none of each other: all were committed to
        # before the first was revealed, and whoever is shown one elsewhere must not have its owner's refused by it.
        self.revealed: dict[str, tuple[int, int]] = {}
        self.remembered = 1

    @property
    def open(self) -> bool:
        """Whether rounds may go on."""
        return self.recipe != "" and not self.closed

    def last(self) -> int:
        """The last closed round, 0 before the first; Refused when there is no initial model yet."""
        if not self.models:
            raise Refused(f"the run {self.name} has no model yet; state model.publish with round 0 first.")
        return len(self.models) - 1

    def current(self) -> Round:
        """The open round; Refused when there is none."""
        if self.round is None:
            raise Refused(f"the run {self.name} has no open round; state round.open first.")
        return self.round

    def check_open(self) -> None:
        """Return while rounds may go on; Refused otherwise."""
        if not self.open:
            fix = "run.resume" if self.closed else "run.open"
            raise Refused(f"the run {self.name} is not open; state {fix} first.")

    def check_current(self, number: int) -> Round:
        """The open round, when `number` is its number; Refused otherwise."""
        current = self.current()
        if number != current.number:
            raise Refused(f"round {number} is not the open one; that is round {current.number}.")
        return current

    def check_fresh(self, number: int) -> Round:
        """The open round, when what was trained for round `number` may still count in it; Refused otherwise."""
        current = self.current()
        oldest = max(self.remembered, current.number - self.staleness)
        if not oldest <= number <= current.number:
            raise Refused(f"round {number} cannot count in round {current.number}; rounds from {oldest} on may.")
        return current

    def check_model(self, field: str, model: str, number: int) -> None:
        """Return when `model` is the one after round `number`; Refused otherwise."""
        if number > self.last():
            raise Refused(f"round {number} has no model yet; name a closed round, up to {self.last()}.")
        if model != self.models[number]:
            raise Refused(f"{field} is {model}; name {self.models[number]}, the model after round {number}.")

    def close_round(self, model: str) -> None:
        """Add the round's model; of the round itself, remember what could otherwise be counted again.

        Twice the staleness is remembered, so that late updates still count after going back by as many rounds.
        """
        current = self.current()
        self.models.append(model)
        self.known.add(model)
        self.remembered = max(self.remembered, current.number + 1 - 2 * self.staleness)
        if self.staleness:
            self.counted |= dict.fromkeys([*current.commits, *current.reports], current.number)
            self.counted = {key: where for key, where in self.counted.items() if key[1] >= self.remembered}
            for (account, _), commit in current.commits.items():
                if commit.update and self.revealed.get(commit.update, (account,))[0] == account:
                    self.revealed[commit.update] = (account, current.number)
            self.revealed = {update: by for update, by in self.revealed.items() if by[1] >= self.remembered}
        self.round = None

    def resume(self, number: int) -> None:
        """Go back to the model after round `number`; later rounds are superseded and may be trained again."""
        del self.models[number + 1 :]
        self.known = set(self.models)
        self.counted = {key: where for key, where in self.counted.items() if where <= number}
        self.revealed = {update: by for update, by in self.revealed.items() if by[1] <= number}
        self.remembered = min(self.remembered, number + 1)
        self.closed, self.round = False, None

    def dump(self) -> dict[str, Any]:
        """All of it as a canonical value."""
        return {
            "name": self.name,
            "recipe": self.recipe,
            "staleness": self.staleness,
            "closed": self.closed,
            "models": list(self.models),
            "data": [[account, *data] for account, data in self.data.items()],
            "algorithms": [[*key, account] for key, account in self.algorithms.items()],
            "round": None if self.round is None else self.round.dump(),
            "counted": [[where, *key] for key, where in sorted(self.counted.items())],
            "revealed": [[update, *by] for update, by in self.revealed.items()],
            "remembered": self.remembered,
        }

    @classmethod
    def load(cls, value: Any) -> "Run":
        """What `dump` gave."""
        self = cls(value["name"])
        self.recipe, self.staleness, self.closed = value["recipe"], value["staleness"], value["closed"]
        self.models = list(value["models"])
        self.known = set(self.models)
        self.data = {account: (root, examples) for account, root, examples in value["data"]}
        self.algorithms = {(app, code, recipe): account for app, code, recipe, account in value["algorithms"]}
        self.round = None if value["round"] is None else Round.load(value["round"])
        self.counted = {tuple(key): where for where, *key in value["counted"]}
        self.revealed = {update: (account, where) for update, account, where in value["revealed"]}
        self.remembered = value["remembered"]
        return self
