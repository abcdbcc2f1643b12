"""Naming a participant on the command line: by the name it registered, by its key, or by the key's beginning."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.state import Account, State


def person(state: "State", text: str) -> "Account":
    """The account that `text` names; Refused when there is none, or several."""
    from ledger.errors import Refused

    named = state.named(text)
    keys = [account for account in state.accounts if account.who == (named or text)]
    begin = text if text.startswith("ed25519:") else f"ed25519:{text}"
    found = keys or [account for account in state.accounts if len(text) >= 4 and account.who.startswith(begin)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(account.name for account in state.accounts[:5]) or "none yet"
    raise Refused(
        f"{text!r} names {'several accounts' if found else 'no account'} of {state.log}; give a registered name or a "
        f"key (accounts there: {known})."
    )


def short(who: str) -> str:
    """A key as tables show it: enough to tell participants apart."""
    return f"{who.removeprefix('ed25519:')[:12]}…"
