"""Who takes part: accounts, each a key that has registered, and what becomes of them when keys change.

An account has a number, its place in the order of registration, by which everything else remembers it: so a key can
be rotated without touching the runs its owner works in.
"""

from typing import Any, NamedTuple

from ledger.errors import Refused
from ledger.keys import public_key

OPERATOR = "operator"  # the name and the role of the one who keeps the log


class Account(NamedTuple):
    """One participant as it stands; `since` counts the statements that were before its registration."""

    number: int
    who: str
    name: str
    role: str
    since: int
    balance: int = 0
    stake: int = 0
    nonce: int = 0
    revoked: bool = False


class Accounts:
    """Every account, by number, key and name; `unclaimed` is money that genesis gave to keys not yet registered."""

    def __init__(self) -> None:
        self.all: list[Account] = []
        self.numbers: dict[str, int] = {}
        self.names: dict[str, int] = {}
        self.retired: dict[str, int] = {}
        self.unclaimed: dict[str, int] = {}

    def get(self, who: str) -> Account | None:
        """The account whose key `who` is today; None for a stranger and for a key that was rotated away."""
        number = self.numbers.get(who)
        return None if number is None else self.all[number]

    def speaker(self, who: str) -> Account:
        """The account that `who` may speak for; Refused for a stranger, a key rotated away and a revoked account."""
        account = self.get(who)
        if account is None and who in self.retired:
            raise Refused(f"{who} was rotated to {self.all[self.retired[who]].who}; sign with that key.")
        if account is None:
            raise Refused(f"{who} has no account; state account.register first.")
        if account.revoked:
            raise Refused(f"the account of {who} was revoked; register another key.")
        return account

    def endow(self, who: str, amount: int) -> None:
        """Give money to a key before it registers; Refused for a key given to already and for one of low order."""
        public_key(who)
        if who in self.unclaimed:
            raise Refused(f"genesis allocates to {who} twice; allocate the sum once.")
        self.unclaimed[who] = amount

    def register(self, who: str, name: str, role: str, since: int) -> None:
        """Open an account; Refused for a key or a name that is taken and for a low-order key."""
        if who in self.numbers or who in self.retired:
            raise Refused(f"{who} has or had an account; take a new key.")
        if name in self.names:
            raise Refused(f"the name {name!r} belongs to {self.all[self.names[name]].who}; take another name.")
        public_key(who)
        number = len(self.all)
        self.all.append(Account(number, who, name, role, since, self.unclaimed.pop(who, 0)))
        self.numbers[who] = self.names[name] = number

    def rotate(self, account: Account, new: str) -> None:
        """Move all that `account` has and is to the key `new`, and never hear the old one again."""
        if new in self.numbers or new in self.retired or new in self.unclaimed:
            raise Refused(f"{new} has, had or is due an account of its own; rotate to a new key.")
        public_key(new)
        self.retired[account.who] = self.numbers[new] = account.number
        del self.numbers[account.who]
        self.update(account, who=new)

    def update(self, account: Account, **changes: Any) -> None:
        """Put `account` in its place with these fields changed."""
        self.all[account.number] = account._replace(**changes)

    def dump(self) -> dict[str, Any]:
        """All of it as a canonical value."""
        return {
            "accounts": [list(account[1:]) for account in self.all],
            "retired": [list(item) for item in self.retired.items()],
            "unclaimed": [list(item) for item in self.unclaimed.items()],
        }

    @classmethod
    def load(cls, value: Any) -> "Accounts":
        """What `dump` gave."""
        accounts = cls()
        accounts.all = [Account(number, *fields) for number, fields in enumerate(value["accounts"])]
        accounts.numbers = {account.who: account.number for account in accounts.all}
        accounts.names = {account.name: account.number for account in accounts.all}
        accounts.retired = dict(value["retired"])
        accounts.unclaimed = dict(value["unclaimed"])
        return accounts
