"""Canonical JSON: one byte string per value, the one RFC 8785 gives."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import digest, dumps, loads
from audit.errors import NotCanonical

KEYS = st.text(st.characters(codec="ascii"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = st.none() | st.booleans() | st.integers(-(2**53 - 1), 2**53 - 1) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=25)


@given(VALUES)
def test_gives_the_bytes_of_an_independent_implementation(value):
    """RFC 8785 as implemented by others is the oracle."""
    assert dumps(value) == rfc8785.dumps(value)


@given(VALUES)
def test_reads_back_what_it_wrote(value):
    """Canonical bytes and values are in one-to-one relation."""
    assert loads(dumps(value)) == value
    assert digest(value) == digest(loads(dumps(value)))


def test_tuples_are_lists():
    """A tuple is written as the array it stands for."""
    assert dumps({"a": (1, "é", None)}) == '{"a":[1,"é",null]}'.encode()


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), 2**53, -(2**53), {1: 2}, {"é": 1}, {"a": object()}, {"a": {1, 2}}, b"x", "\ud800", deep(40)],
    ids=[
        "float",
        "nan",
        "large",
        "small",
        "integer key",
        "key beyond ASCII",
        "object",
        "set",
        "bytes",
        "surrogate",
        "deep",
    ],
)
def test_refuses_values_without_a_canonical_form(value):
    """What could be written in two ways, or read in two ways, is not written at all."""
    with pytest.raises(NotCanonical):
        dumps(value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b"1.0",
        b"1e3",
        b"NaN",
        b"-0",
        b'"\\u0041"',
        b"\xff",
        b'"a',
        b"[" * 100_000,
        b"9" * 5_000,
        b"9007199254740992",
        b"[" * 33 + b"]" * 33,
        '{"é":1}'.encode(),
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_refuses_bytes_in_another_form(data):
    """Two byte strings for one value would be two entries for one event."""
    with pytest.raises(NotCanonical):
        loads(data)
