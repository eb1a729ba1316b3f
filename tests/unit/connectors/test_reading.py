"""Strict types: what passes, what is dropped, and paths that hold no value."""

import pytest

from connectors.reading import WRONG, Column, Notes, Shape, boolean, day, given, integer, member, moment, text
from policies.values import CHECKS
from policies.vocabulary import FieldType


@pytest.mark.parametrize(
    ("reader", "value", "read"),
    [
        (boolean, True, True),
        (boolean, None, None),
        (boolean, 1, WRONG),
        (boolean, "true", WRONG),
        (integer, 5, 5),
        (integer, None, None),
        (integer, True, WRONG),
        (integer, 5.0, WRONG),
        (integer, "5", WRONG),
        (integer, 2**53, WRONG),
        (text, " a ", "a"),
        (text, "", None),
        (text, "null", None),
        (text, None, None),
        (text, 5, WRONG),
        (text, "x" * 1001, WRONG),
        (day, "2026-02-28", "2026-02-28"),
        (day, "2026-02-28T23:00:00.000+01:00", "2026-02-28"),
        (day, "null", None),
        (day, "2026-02-30", WRONG),
        (day, "28/02/2026", WRONG),
        (day, "20260228", WRONG),
        (day, "2026-W09-6", WRONG),
        (day, "2026-02-28T25", WRONG),
        (day, 20260228, WRONG),
        (moment, "2026-02-28T23:00:00Z", "2026-02-28T23:00:00Z"),
        (moment, "2026-02-28T23:00:00.645+01:00", "2026-02-28T23:00:00.645+01:00"),
        (moment, "2026-02-28T23:00:00.123456Z", "2026-02-28T23:00:00.123456Z"),
        (moment, "2026-02-28T23:00:00.1234567Z", "2026-02-28T23:00:00.123456Z"),
        (moment, "2026-02-28T23:00:00.123456789+01:00", "2026-02-28T23:00:00.123456+01:00"),
        (moment, "2026-02-28T23:00:00.1234567891Z", WRONG),
        (moment, "", None),
        (moment, "2026-02-28T23:00:00", WRONG),
        (moment, "2026-02-28T25:00:00Z", WRONG),
        (moment, "2026-02-28", WRONG),
        (moment, 5, WRONG),
    ],
)
def test_a_value_passes_only_with_its_type(reader, value, read):
    """Never converted, never guessed; blank and France Travail's "null" are null."""
    assert reader(value) is read if read is WRONG else reader(value) == read
    assert repr(WRONG) == "WRONG"


@pytest.mark.parametrize("digits", range(10))
def test_a_moment_that_is_read_may_leave(digits):
    """One moment finer than the vocabulary's would withhold its column from all rows."""
    fraction = "." + "7" * digits if digits else ""
    assert CHECKS[FieldType.DATETIME](moment(f"2026-02-28T23:00:00{fraction}Z"))


SHAPE = Shape.of(Column("d.a", "a", integer, essential=True), Column("d.b", "b", text), ignored=("c",))
BOTH = frozenset({"d.a", "d.b"})


@pytest.mark.parametrize(
    ("value", "wanted", "strict", "row", "paths"),
    [
        ({"a": 1, "b": "x", "c": 0}, BOTH, True, {"d.a": 1, "d.b": "x"}, ()),
        ({"a": 1, "b": "x"}, {"d.b"}, True, {"d.b": "x"}, ()),
        ({"b": "x"}, BOTH, True, {}, ("/p/a",)),
        ({"b": "x"}, BOTH, False, {}, ("/p/a",)),
        ({"b": "x"}, {"d.b"}, True, {"d.b": "x"}, ()),
        ({"a": 1}, BOTH, True, {"d.a": 1}, ("/p/b",)),
        ({"a": 1}, BOTH, False, {"d.a": 1}, ()),
        ({"a": 1, "b": 2}, BOTH, False, {"d.a": 1}, ("/p/b",)),
        ({"a": None, "b": None}, BOTH, True, {"d.a": None, "d.b": None}, ()),
        ({"a": 1, "b": "x", "z": 1}, BOTH, True, {"d.a": 1, "d.b": "x"}, ("/p/*",)),
    ],
)
def test_a_row_holds_what_was_wanted_and_could_be_read(value, wanted, strict, row, paths):
    """The essential member decides for the row; every departure has its path."""
    notes = Notes()
    assert SHAPE.row(value, frozenset(wanted), notes, path="/p", strict=strict) == row
    assert notes.paths == paths


@pytest.mark.parametrize(
    "name", ["2990399100001", "BRUMAIRE", "brumaire", "helene_brumaire", "rue_des_joncs3", "a b", "é"]
)
def test_the_name_of_an_unknown_member_is_not_repeated(name):
    """A file of persons keyed by NIR, name or address must not spell them in a report."""
    notes = Notes()
    notes.unknown({name: 1}, frozenset(), path="")
    assert notes.paths == ("/*",)


def test_a_value_that_cannot_be_lacking_is_wrong_when_null():
    """Null for the benefit itself is no answer."""
    assert given(boolean)(None) is WRONG
    assert given(boolean)(False) is False
    assert given(boolean)("x") is WRONG


def test_a_report_is_bounded():
    """A hundred unknown members are one place, and a hundred places are told by the first few."""
    notes = Notes()
    notes.unknown({f"member_{index}": 1 for index in range(100)}, frozenset(), path="")
    assert notes.paths == ("/*",)
    for index in range(100):
        notes.add(f"/{index}")
    assert len(notes.paths) == 32


def test_a_member_of_another_kind_is_noted():
    """A list where an object should be is not read."""
    notes = Notes()
    assert member({"a": []}, "a", dict, notes, path="/p") is None
    assert member({"a": {"b": 1}}, "a", dict, notes, path="/p") == {"b": 1}
    assert notes.paths == ("/p/a",)
