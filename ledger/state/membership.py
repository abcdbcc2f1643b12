"""The rules of accounts and money: register, rotate, revoke, stake, unstake, transfer.

Money is integers. None is made or lost after genesis, no balance falls below zero, and every statement that moves some
carries the account's next nonce: it can be neither replayed nor left out before the next.
"""

from collections.abc import Callable

from ledger.errors import Refused
from ledger.schemas import Fields
from ledger.state.accounts import OPERATOR, Account, Accounts
from ledger.statements import check_rotation

Rule = Callable[[Accounts, Account, Fields], None]


def rotate(accounts: Accounts, speaker: Account, fields: Fields) -> None:
    """Rotate a participant's own key."""
    _check_nonce(speaker, fields)
    if speaker.role == OPERATOR:
        raise Refused("the operator's key signs checkpoints; state operator.rotate to change it.")
    check_rotation(fields["proof"], fields["log"], speaker.who, fields["new"])
    accounts.rotate(speaker._replace(nonce=speaker.nonce + 1), fields["new"])


def rotate_operator(accounts: Accounts, speaker: Account, fields: Fields) -> None:
    """Hand the log over to another key; needs no nonce, for the old key is not heard again."""
    check_rotation(fields["proof"], fields["log"], speaker.who, fields["new"])
    accounts.rotate(speaker, fields["new"])


def revoke(accounts: Accounts, speaker: Account, fields: Fields) -> None:
    """Close an account's mouth for ever, as after a key was stolen; what it has stays where it is."""
    if speaker.role == OPERATOR:
        raise Refused("a log without an operator could not go on; state operator.rotate instead.")
    _check_nonce(speaker, fields)
    accounts.update(speaker, nonce=speaker.nonce + 1, revoked=True)


def stake(accounts: Accounts, speaker: Account, fields: Fields) -> None:
    """Put money where it can be lost for misbehaviour."""
    _check_nonce(speaker, fields)
    amount = fields["amount"]
    _check_funds("balance", speaker.balance, amount)
    changed = {"balance": speaker.balance - amount, "stake": speaker.stake + amount}
    accounts.update(speaker, nonce=speaker.nonce + 1, **changed)


def unstake(accounts: Accounts, speaker: Account, fields: Fields) -> None:
    """Take staked money back."""
    _check_nonce(speaker, fields)
    amount = fields["amount"]
    _check_funds("stake", speaker.stake, amount)
    changed = {"balance": speaker.balance + amount, "stake": speaker.stake - amount}
    accounts.update(speaker, nonce=speaker.nonce + 1, **changed)


def transfer(accounts: Accounts, speaker: Account, fields: Fields) -> None:
    """Give money to another account that can use it."""
    _check_nonce(speaker, fields)
    amount = fields["amount"]
    _check_funds("balance", speaker.balance, amount)
    receiver = accounts.speaker(fields["to"])
    if receiver.number == speaker.number:
        raise Refused(f"{speaker.who} transfers to itself; name another account.")
    accounts.update(speaker, nonce=speaker.nonce + 1, balance=speaker.balance - amount)
    accounts.update(receiver, balance=receiver.balance + amount)


def _check_nonce(speaker: Account, fields: Fields) -> None:
    if fields["nonce"] != speaker.nonce + 1:
        raise Refused(f"the nonce is {fields['nonce']}; {speaker.who} goes on with {speaker.nonce + 1}.")


def _check_funds(name: str, held: int, amount: int) -> None:
    if amount > held:
        raise Refused(f"the amount {amount} is more than the {name}, {held}; take at most that.")


MEMBERSHIP: dict[str, Rule] = {
    "account.rotate": rotate,
    "account.revoke": revoke,
    "operator.rotate": rotate_operator,
    "stake": stake,
    "unstake": unstake,
    "transfer": transfer,
}
