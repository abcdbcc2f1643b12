"""Money counted a second time, by other code than the state machine's: what an auditor's own books say.

Only additions and subtractions by key; whether a statement may stand is the state's to say.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ledger.schemas import Body
from ledger.state import State


class Books:
    """Balances and stakes by key, from the statements alone."""

    def __init__(self) -> None:
        self.minted = 0
        self._balance: Counter[str] = Counter()
        self._stake: Counter[str] = Counter()
        self._overdrawn: list[str] = []

    def enter(self, number: int, body: Body) -> None:
        """Book the statement of entry `number`."""
        fields: Any = body
        kind, who = fields["kind"], fields["who"]
        if kind == "genesis":
            for allocation in fields["allocations"]:
                self._balance[allocation["to"]] += allocation["amount"]
                self.minted += allocation["amount"]
        elif kind == "transfer":
            self._move(number, self._balance, who, self._balance, fields["to"], fields["amount"])
        elif kind == "stake":
            self._move(number, self._balance, who, self._stake, who, fields["amount"])
        elif kind == "unstake":
            self._move(number, self._stake, who, self._balance, who, fields["amount"])
        elif kind in ("account.rotate", "operator.rotate"):
            for held in (self._balance, self._stake):
                held[fields["new"]] += held.pop(who, 0)

    def differences(self, state: State) -> Iterator[str]:
        """What does not fit: money made or lost, an overdrawn account, another balance than the state has."""
        total = self._balance.total() + self._stake.total()
        if not total == self.minted == state.minted:
            yield f"money is not conserved: {self.minted} was minted and {total} is held"
        yield from self._overdrawn
        for account in state.accounts:
            found, counted = (account.balance, account.stake), (self._balance[account.who], self._stake[account.who])
            if found != counted:
                yield f"{account.name} has balance and stake {found} by the rules, but {counted} by the books"

    def _move(self, number: int, source: Counter[str], payer: str, to: Counter[str], payee: str, amount: int) -> None:
        source[payer] -= amount
        to[payee] += amount
        if source[payer] < 0:
            self._overdrawn.append(f"entry {number} takes {amount} from {payer}, who has less")
