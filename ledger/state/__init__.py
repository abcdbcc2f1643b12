"""What the statements of a ledger come to: accounts, money and runs, as a pure state machine without files or clocks.

The log asks it before it records a statement, an audit replays it: the same statements give the same state root.
"""

from ledger.state.accounts import Account
from ledger.state.equivocation import equivocation
from ledger.state.state import State
from ledger.state.views import Registration, RunView

__all__ = ["Account", "Registration", "RunView", "State", "equivocation"]
