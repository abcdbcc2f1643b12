"""Canonical JSON: one value, one byte string, so that a signature or a hash covers a meaning and not a spelling.

The subset of RFC 8785 (JCS) on which the standard library already agrees with it: keys of `[a-z0-9_]+`, strings,
integers of at most 53 bits, booleans, null, lists and objects. Floats are left out: languages spell them differently.
"""

import json
import re
from collections.abc import Mapping
from typing import TypeAlias

from ledger.errors import Refused

Value: TypeAlias = "str | int | bool | list[Value] | Mapping[str, Value] | None"

MAX_INT = 2**53 - 1
MAX_DEPTH = 16
_KEY = re.compile(r"[a-z0-9_]+")


def encode(value: Value) -> bytes:
    """The only spelling of `value`, in UTF-8; Refused for anything outside the subset."""
    _check(value, depth=0)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refused("a string holds half a surrogate pair; only text that UTF-8 can carry is allowed.") from error


def decode(data: bytes) -> Value:
    """The value whose only spelling is `data`; Refused when `encode` would not give back these very bytes.

    Comparing the bytes settles duplicate keys, key order, blanks, escapes, "-0" and trailing bytes in one step.
    """
    try:
        value: Value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Refused(f"these bytes are not JSON ({error}); write them with ledger.canonical.encode.") from error
    if encode(value) != data:
        raise Refused("this JSON is not in canonical form; write it with ledger.canonical.encode.")
    return value


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Refused(f"the value is nested deeper than {MAX_DEPTH} levels; flatten it.")
    # Exact types: a subclass (an enum, a numpy scalar) may print as something else than it compares to.
    if value is None or type(value) in (str, bool):
        return
    if type(value) is int:
        if abs(value) > MAX_INT:
            raise Refused("an integer is out of range; up to 2**53 - 1 is allowed, so write larger ones as strings.")
    elif type(value) is list:
        for item in value:
            _check(item, depth + 1)
    elif type(value) is dict:
        for key, item in value.items():
            _check_key(key)
            _check(item, depth + 1)
    else:
        raise Refused(f"a {type(value).__name__} has no canonical form; write it as a string or an integer.")


def _check_key(key: object) -> None:
    if type(key) is not str or not _KEY.fullmatch(key):
        raise Refused(f"the key {key!r} is not allowed; use lower-case letters, digits and underscores.")
