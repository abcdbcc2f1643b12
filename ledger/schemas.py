"""What each kind of statement says: its fields and the form of each.

Data and models appear by digest only: an append-only record must never hold what someone may have to delete.
Rounds count from 1; round 0 is the initial model.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ledger.canonical import MAX_INT, Value
from ledger.errors import Refused

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,198}[^\s\x00-\x1f\x7f])?")
_LOG = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
_WHO = re.compile(r"ed25519:[0-9a-f]{64}")
_DECIMAL = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:e[+-]?[0-9]{1,4})?|nan|-?inf")


@dataclass(frozen=True)
class Form:
    """One form a field may have: the words for it in an error, and the test."""

    words: str
    fits: Callable[[Value], bool]


def _is_metrics(value: Value) -> bool:
    return isinstance(value, dict) and all(
        isinstance(text, str) and _DECIMAL.fullmatch(text) for text in value.values()
    )


def _matches(pattern: re.Pattern[str]) -> Callable[[Value], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _at_least(least: int) -> Callable[[Value], bool]:
    return lambda value: type(value) is int and least <= value <= MAX_INT


DIGEST = Form("a SHA-256 digest in 64 lower-case hex digits", _matches(_DIGEST))
NAME = Form("a string of 1 to 200 characters on one line, without blanks at its ends", _matches(_NAME))
LOG = Form("a log name of 1 to 200 characters without blanks or '+'", _matches(_LOG))
WHO = Form("a participant, written ed25519:<64 lower-case hex digits>", _matches(_WHO))
COUNT = Form("an integer from 0 to 2**53 - 1", _at_least(0))
ROUND = Form("a round number, counted from 1", _at_least(1))
METRICS = Form('an object of decimals written as strings, such as {"accuracy":"0.8123"}', _is_metrics)

SCHEMAS: dict[str, dict[str, Form]] = {
    "genesis": {"run": NAME, "recipe": DIGEST, "created_by": NAME},
    "algorithm.publish": {"app": NAME, "code": DIGEST, "recipe": DIGEST, "model": DIGEST},
    "data.register": {"user": COUNT, "root": DIGEST, "examples": COUNT},
    "update.commit": {"user": COUNT, "round": ROUND, "parent": DIGEST, "update": DIGEST, "examples": COUNT},
    "compute.report": {
        "node": NAME,
        "round": ROUND,
        "cohort": COUNT,
        "users": COUNT,
        "examples": COUNT,
        "seconds_us": COUNT,
    },
    "round.close": {"round": ROUND, "parent": DIGEST, "model": DIGEST, "updates": COUNT, "examples": COUNT},
    "evaluation": {"round": COUNT, "model": DIGEST, "metrics": METRICS},
    "run.resume": {"round": COUNT, "model": DIGEST},
    "run.close": {"model": DIGEST, "rounds": COUNT},
}

# Only the server that opened the ledger may say these.
SERVER_KINDS = frozenset({"genesis", "algorithm.publish", "round.close", "evaluation", "run.resume", "run.close"})


def check_body(body: dict[str, Value]) -> None:
    """Return when `body` is a whole statement of a known kind; Refused for a missing, unknown or ill-formed field."""
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in SCHEMAS:
        raise Refused(f"the kind {kind!r} is unknown; this version knows {', '.join(SCHEMAS)}.")
    fields = SCHEMAS[kind] | {"log": LOG, "who": WHO}
    wrong = body.keys() ^ (fields.keys() | {"kind"})
    if wrong:
        raise Refused(
            f"{kind} has missing or unknown fields ({', '.join(sorted(wrong))}); it takes {', '.join(fields)}."
        )
    for name, form in fields.items():
        if not form.fits(body[name]):
            raise Refused(f"{kind} has {name} = {body[name]!r:.100}; it must be {form.words}.")
