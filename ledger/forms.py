"""What a field of a statement may look like: one `Form` each, the words for it and the test.

All tests take exact types and closed sets of characters: what fits must not depend on the reader's Unicode tables, and
`True` is no 1. Digests stand for data and models: an append-only record must never hold what may have to be deleted.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ledger.canonical import MAX_INT, Value

ROLES = ("end-user", "node", "server", "evaluator", "witness")

# No control characters, line ends, directions of writing or half surrogate pairs: names are shown in terminals.
_UNPRINTABLE = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_NAME = rf"[^\s{_UNPRINTABLE}](?:[^{_UNPRINTABLE}]{{0,198}}[^\s{_UNPRINTABLE}])?"
_DECIMAL = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:e[+-]?[0-9]{1,4})?|nan|-?inf")
_METRIC = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Form:
    """One form a field may have: the words for it in an error, and the test."""

    words: str
    fits: Callable[[Value], bool]


def _matches(pattern: str) -> Callable[[Value], bool]:
    fullmatch = re.compile(pattern).fullmatch
    return lambda value: type(value) is str and fullmatch(value) is not None


def _at_least(least: int) -> Callable[[Value], bool]:
    return lambda value: type(value) is int and least <= value <= MAX_INT


def _is_metrics(value: Value) -> bool:
    return type(value) is dict and all(
        type(name) is str and _METRIC.fullmatch(name) and type(text) is str and _DECIMAL.fullmatch(text)
        for name, text in value.items()
    )


def _list_of(fields: dict[str, Form]) -> Callable[[Value], bool]:
    def fits(value: Value) -> bool:
        return type(value) is list and all(
            type(item) is dict
            and item.keys() == fields.keys()
            and all(form.fits(item[name]) for name, form in fields.items())
            for item in value
        )

    return fits


def _one_of(words: Iterable[str]) -> Form:
    allowed = frozenset(words)
    return Form("one of " + ", ".join(sorted(allowed)), lambda value: type(value) is str and value in allowed)


DIGEST = Form("a SHA-256 digest in 64 lower-case hex digits", _matches(r"[0-9a-f]{64}"))
NO_DIGEST = Form("a SHA-256 digest in 64 lower-case hex digits, or empty", _matches(r"(?:[0-9a-f]{64})?"))
NAME = Form("a string of 1 to 200 printable characters on one line, without blanks at its ends", _matches(_NAME))
LOG = Form("a log name of 1 to 200 characters without blanks or '+'", _matches(rf"[^\s+{_UNPRINTABLE}]{{1,200}}"))
WHO = Form("a participant, written ed25519:<64 lower-case hex digits>", _matches(r"ed25519:[0-9a-f]{64}"))
ROLE = _one_of(ROLES)
COUNT = Form("an integer from 0 to 2**53 - 1", _at_least(0))
# So few that a round's sum stays below 2**53: else one boast would keep the round from ever being closed.
EXAMPLES = Form("an integer from 0 to 2**32", lambda value: type(value) is int and 0 <= value <= 2**32)
ROUND = Form("a round number, counted from 1", _at_least(1))
AMOUNT = Form("an integer from 1 to 2**53 - 1", _at_least(1))
# 64 bytes make 86 digits and two '='; the last digit carries two bits, so only four spellings are canonical.
SIGNATURE = Form("the canonical base64 of 64 bytes", _matches(r"[A-Za-z0-9+/]{85}[AQgw]=="))
QUORUM = Form("none, all, majority or a number from 1", _matches(r"none|all|majority|[1-9][0-9]{0,8}"))
METRICS = Form('an object of decimals written as strings, such as {"accuracy":"0.8123"}', _is_metrics)
ALLOCATIONS = Form('a list of {"amount":1,"to":"ed25519:…"}', _list_of({"to": WHO, "amount": AMOUNT}))
COSIGNATURES = Form(
    'a list of {"sig":"<base64 of 64 bytes>","time":<seconds since 1970>,"who":"ed25519:…"}',
    _list_of({"who": WHO, "time": AMOUNT, "sig": SIGNATURE}),
)
