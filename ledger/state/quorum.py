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
    """How many cosignatures a round with so many committers needs: quorum is none, all, majority or a number."""
    if quorum == "none" or committers == 0:
        return 0
    if quorum == "majority":
        return committers // 2 + 1
    return committers if quorum == "all" else min(int(quorum), committers)


def check_quorum(accounts: Accounts, current: Round, quorum: str, fields: Fields, *, signatures: bool) -> None:
    """Return when enough of those with a part in the `current` round cosigned its round.close, each once.

    A part have those who committed to an update and those who reported work. Refused otherwise; `signatures` has the
    cosignatures themselves checked, not only counted.
    """
    committers = current.committers()
    allowed = {*committers, *(account for account, _, _ in current.reports)}
    cosigners = [accounts.speaker(cosignature["who"]) for cosignature in fields["cosignatures"]]
    for cosigner in cosigners:
        if cosigner.number not in allowed:
            raise Refused(f"{cosigner.who} cosigned without a part in the round; leave its cosignature out.")
    if len({cosigner.number for cosigner in cosigners}) < len(cosigners):
        raise Refused("an account cosigned twice; give one cosignature of each.")
    least = needed(quorum, len(committers))
    if len(cosigners) < least:
        raise Refused(f"the round has {len(cosigners)} cosignatures; the quorum needs {least}, so collect more.")
    if signatures:
        check_cosignatures(fields)


def check_cosignatures(fields: Fields) -> None:
    """Return when every cosignature of a round.close is that of its account over the head it names; else Refused."""
    head = Checkpoint(fields["log"], fields["head_size"], bytes.fromhex(fields["head_root"])).text()
    for cosignature in fields["cosignatures"]:
        message = cosigned_message(head, cosignature["time"])
        verify(cosignature["who"], message, base64_bytes(cosignature["sig"], "cosignature"))
