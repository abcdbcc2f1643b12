"""Two words from one mouth: a pair of signed statements that proves its signer spent one nonce twice."""

from ledger.errors import Refused
from ledger.schemas import check_body
from ledger.statements import Statement, check_signature


def equivocation(one: Statement, other: Statement) -> bool:
    """Whether one signer made both, different, with one nonce in one log; Refused when either is not validly signed.

    The pair is a proof by itself: it needs no ledger, and neither statement need ever have been recorded. So whoever
    was refused and signs something else instead has contradicted itself too: ask for the state before signing.
    """
    for statement in (one, other):
        if "nonce" not in check_body(statement.body):
            raise Refused(f"{statement.body['kind']} carries no nonce; only statements that do can contradict so.")
        check_signature(statement)
    same = all(one.body[name] == other.body[name] for name in ("who", "log", "nonce"))
    return same and one.body != other.body
