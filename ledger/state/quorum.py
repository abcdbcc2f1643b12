"""When enough of a round's participants have seen one and the same log (C2SP tlog-cosignature v1.0.1).

Each of them signs `cosignature/v1`, the time and the checkpoint's text. An operator who shows two of them different
logs then needs as many accomplices as the quorum.
"""

from ledger.checkpoint import Checkpoint
from ledger.errors import Refused
from ledger.keys import verify
from ledger.schemas import Fields
from ledger.state.accounts import Accounts
from ledger.state.rounds import Round
from ledger.strict import base64_bytes
from ledger.vkey import cosigned_message


def needed(quorum: str, committers: int) -> int:
    """How many of so many committers must cosign: quorum is none, all, majority or a number."""
    if quorum == "none" or committers == 0:
        return 0
    if quorum == "majority":
        return committers // 2 + 1
    return committers if quorum == "all" else min(int(quorum), committers)


def check_quorum(accounts: Accounts, current: Round, quorum: str, fields: Fields, *, signatures: bool) -> None:
    """Return when enough of those who committed to an update of the `current` round cosigned its round.close.

    Refused otherwise. Who reported work may cosign too but does not count: a report needs no data, so accounts made
    for it are free. Nor does who has revoked its account since, which could not cosign any more; who has rotated its
    key cosigns with the new one. `signatures` has the cosignatures themselves checked, not only counted.
    """
    committers = {number for number in current.committers() if not accounts.all[number].revoked}
    allowed = committers | {account for account, _, _ in current.reports}
    cosigners = [accounts.speaker(cosignature["who"]) for cosignature in fields["cosignatures"]]
    for cosigner in cosigners:
        if cosigner.number not in allowed:
            raise Refused(f"{cosigner.who} cosigned without a part in the round; leave its cosignature out.")
    if len({cosigner.number for cosigner in cosigners}) < len(cosigners):
        raise Refused("an account cosigned twice; give one cosignature of each.")
    found = sum(cosigner.number in committers for cosigner in cosigners)
    least = needed(quorum, len(committers))
    if found < least:
        raise Refused(f"{found} of those who committed cosigned; the quorum needs {least}, so collect more of them.")
    if signatures:
        check_cosignatures(fields)


def check_cosignatures(fields: Fields) -> None:
    """Return when every cosignature of a round.close is that of its account over the head it names; else Refused."""
    head = Checkpoint(fields["log"], fields["head_size"], bytes.fromhex(fields["head_root"])).text()
    for cosignature in fields["cosignatures"]:
        message = cosigned_message(head, cosignature["time"])
        verify(cosignature["who"], message, base64_bytes(cosignature["sig"], "cosignature"))
