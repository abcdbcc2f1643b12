"""Naming a participant on the command line: by the name it registered, by its key, or by the key's beginning.

What looks like a key names a key, never an account that has registered under such a name.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.state import Account, State


def person(state: "State", text: str) -> "Account":
    """The account that `text` names; Refused when there is none, or several."""
    from ledger.errors import Refused
    from ledger.show import like_key

    named = None if like_key(text) else state.named(text)  # who chose that name may want what is meant for the key
    begin = text if text.startswith("ed25519:") else f"ed25519:{text}"
    keyed = {account.who: account for account in state.accounts if len(text) >= 4 and account.who.startswith(begin)}
    found = [account for account in state.accounts if account.who == named or account.who in keyed]
    if len(found) == 1:
        return found[0]
    known = ", ".join(account.name for account in state.accounts[:5]) or "none yet"
    raise Refused(
        f"{text!r} names {'several accounts' if found else 'no account'} of {state.log}; give a registered name or a "
        f"key (accounts there: {known})."
    )


def check_name(name: str) -> None:
    """Refused for a name to register that could be taken for somebody's key."""
    from ledger.errors import Refused
    from ledger.show import like_key

    if like_key(name):
        raise Refused(f"the name {name!r:.100} looks like a key, and names must not; take a name with other letters.")


def called(account: "Account") -> str:
    """The account's name as tables show it: in quotes when it could pass for a key."""
    from ledger.show import like_key

    return f'"{account.name}"' if like_key(account.name) else account.name


def short(who: str) -> str:
    """A key as tables show it: enough to tell participants apart."""
    return f"{who.removeprefix('ed25519:')[:12]}…"
