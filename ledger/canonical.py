"""Canonical JSON: one value, one byte string, so that a signature or a hash covers a meaning and not a spelling.

The subset of RFC 8785 (JCS) on which the standard library already agrees with it: keys of `[a-z0-9_]+`, strings,
integers of at most 53 bits, booleans, null, lists and objects. Floats are left out: languages spell them differently.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from ledger.errors import Refused

Value: TypeAlias = "str | int | bool | list[Value] | Mapping[str, Value] | None"

MAX_INT = 2**53 - 1
MAX_DEPTH = 16
_KEYS = re.compile(r"[a-z0-9_]*")
# Exact types: a subclass (an enum, a numpy scalar) may print as something else than it compares to.
_PLAIN = frozenset({str, bool, type(None)})
_parse = json.JSONDecoder().raw_decode  # as json.loads, but for blanks around the value and what follows it
_spell = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def encode(value: Value) -> bytes:
    """The only spelling of `value`, in UTF-8; Refused for anything outside the subset."""
    _check(value, depth=0)
    try:
        return _spell(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refused("a string holds half a surrogate pair; only text that UTF-8 can carry is allowed.") from error


def decode(data: bytes) -> Value:
    """The value whose only spelling is `data`; Refused when `encode` would not give back these very bytes.

    Comparing the bytes settles duplicate keys, key order, blanks, escapes, "-0" and trailing bytes in one step.
    """
    try:
        value: Value = _parse(data.decode("utf-8"))[0]
    except (ValueError, RecursionError) as error:
        if type(error) is ValueError:  # Python's, for a number of thousands of digits
            raise Refused("an integer is out of range; up to 2**53 - 1 is allowed.") from error
        raise Refused(f"these bytes are not JSON ({error}); write them with ledger.canonical.encode.") from error
    if encode(value) != data:
        raise Refused("this JSON is not in canonical form; write it with ledger.canonical.encode.")
    return value


def _check(value: object, depth: int) -> None:
    """Refused for what has no spelling. Written to be quick: it sees every value that is signed, recorded or read."""
    if type(value) is dict:
        _check_keys(value)
        items: Iterable[object] = value.values()
    elif type(value) is list:
        items = value
    else:
        items = (value,)
        depth -= 1
    for item in items:
        kind = type(item)
        if depth >= MAX_DEPTH:
            raise Refused(f"the value is nested deeper than {MAX_DEPTH} levels; flatten it.")
        if kind is int:
            if not -MAX_INT <= item <= MAX_INT:  # type: ignore[operator]
                raise Refused("an integer is out of range; up to 2**53 - 1 is allowed, so write larger ones as text.")
        elif kind is dict or kind is list:
            _check(item, depth + 1)
        elif kind not in _PLAIN:
            raise Refused(f"a {kind.__name__} has no canonical form; write it as a string or an integer.")


def _check_keys(value: dict[Any, object]) -> None:
    """All keys in one go: joined they consist of the allowed characters, and none is empty."""
    try:
        fits = _KEYS.fullmatch("".join(value)) is not None and "" not in value
    except TypeError:
        fits = False
    if not fits:
        wrong = next(key for key in value if type(key) is not str or not key or not _KEYS.fullmatch(key))
        raise Refused(f"the key {wrong!r:.100} is not allowed; use lower-case letters, digits and underscores.")
