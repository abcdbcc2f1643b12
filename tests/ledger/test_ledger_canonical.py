"""Canonical JSON: one spelling for each value, and nothing but that spelling is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Refused
from ledger.canonical import MAX_INT, decode, encode

KEYS = st.from_regex(r"\A[a-z0-9_]{1,8}\Z")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LEAVES = st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@settings(deadline=None)  # a loaded machine is no failure
@given(VALUES)
def test_what_was_encoded_decodes_to_the_same_value(value):
    assert decode(encode(value)) == value


@settings(deadline=None)  # a loaded machine is no failure
@given(VALUES, st.data())
def test_a_changed_byte_is_refused_or_is_another_value(value, data):
    spelled = bytearray(encode(value))
    place = data.draw(st.integers(0, len(spelled) - 1))
    spelled[place] ^= data.draw(st.integers(1, 255))
    try:
        other = decode(bytes(spelled))
    except Refused:
        return
    assert repr(other) != repr(value)
    assert encode(other) == bytes(spelled)


def test_the_spelling_is_that_of_rfc_8785():
    # RFC 8785, 3.2.4 with the number list and the upper-case keys left out, which this subset does not have.
    value = {"string": '€$\x0f\nA\'B"\\\\"/', "literals": [None, True, False]}
    assert encode(value) == '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":1}{"a":1}',
        b'{"A":1}',
        b'{"":1}',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\\u0041"',
        b'"\\/"',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        "1".encode("utf-16"),
        b"9007199254740992",
        b"9" * 5000,
        b"[" * 50_000,
        b"[" * 18 + b"]" * 18,
        b"",
        b"nul",
    ],
)
def test_any_other_spelling_is_refused(data):
    with pytest.raises(Refused):
        decode(data)


class Three(int):
    pass


@pytest.mark.parametrize(
    "value",
    [1.5, float("nan"), MAX_INT + 1, -MAX_INT - 1, (1,), b"x", {1: 2}, {"é": 1}, "\ud800", Three(3), {"a": {2}}],
)
def test_a_value_outside_the_subset_is_refused(value):
    with pytest.raises(Refused):
        encode(value)


def test_a_value_nested_without_end_is_refused():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(Refused):
        encode(endless)
