"""The obligation lattice: strictness is an order, the strictest satisfies both, what cannot be compared is None."""

from itertools import product

import pytest

from policies.obligations import NEVER, Obligation, applicable, covers, from_release, is_date, parse, strictest
from policies.vocabulary import Field, FieldType

RELEASES = [
    {"release": "clear"},
    {"release": "never"},
    {"release": "pseudonymise"},
    *({"release": "truncate", "to": part} for part in ("commune", "day", "month", "year")),
    *({"release": "generalise", "to": part} for part in ("year", "decade")),
    *({"release": "generalise", "to": "band", "step": step} for step in (50, 100, 30)),
    *({"release": "mask", "keep": keep} for keep in (0, 2, 4)),
    *({"release": "predicate", "op": op, "value": 700} for op in ("lt", "ge")),
    {"release": "predicate", "op": "le", "value": "2026-01-31"},
]
ALL = [from_release(release) for release in RELEASES]
LEVELS = ["clear", "truncate generalise mask", "pseudonymise", "predicate", "never"]


def level(obligation: Obligation) -> int:
    return next(number for number, kinds in enumerate(LEVELS) if obligation.kind in kinds)


def field(kind: FieldType, commune: str | None = None) -> Field:
    return Field(name="d.f", dataset="d", type=kind, nullable=True, special=None, never=False, commune=commune)


def test_an_obligation_is_its_text() -> None:
    """Written and read back, it is the same."""
    assert [parse(str(each)) for each in ALL] == ALL
    assert [str(each) for each in ALL[:3]] == ["clear", "never", "pseudonymise"]
    assert str(from_release({"release": "predicate", "op": "lt", "value": 800})) == "predicate:lt:800"
    assert str(from_release({"release": "mask", "keep": 0})) == "mask:last:0"


@pytest.mark.parametrize("text", ["", "hash", "clear:", "clear:x:", "mask:last:02", "predicate:lt:+8", ":a", "Clear"])
def test_a_text_that_is_not_exactly_an_obligation_is_none(text: str) -> None:
    """Nothing is guessed from a text nobody wrote; what reads but means nothing applies to no field."""
    read = parse(text)
    assert parse("hash") is None
    assert read is None or not any(applicable(read, field(kind, "d.c")) for kind in FieldType)


def test_strictness_is_an_order_between_levels() -> None:
    """Clear ⊐ truncate, generalise, mask ⊐ pseudonymise ⊐ predicate ⊐ never."""
    for one, other in product(ALL, repeat=2):
        if level(one) > level(other):
            assert covers(one, other)
            assert not covers(other, one)
            assert strictest(one, other) == one


def test_the_strictest_is_one_of_the_two_and_as_strict_as_both() -> None:
    """Commutative, idempotent, never looser than either."""
    for one, other in product(ALL, repeat=2):
        chosen = strictest(one, other)
        assert chosen == strictest(other, one)
        assert strictest(one, one) == one
        if chosen is None:
            assert not covers(one, other)
            assert not covers(other, one)
        else:
            assert chosen in {one, other}
            assert covers(chosen, one)
            assert covers(chosen, other)


def test_strictness_is_transitive() -> None:
    """What covers something that covers a third covers the third."""
    for one, two, three in product(ALL, repeat=3):
        if covers(one, two) and covers(two, three):
            assert covers(one, three)


@pytest.mark.parametrize(
    ("one", "other", "chosen"),
    [
        ("truncate:month", "truncate:year", "truncate:year"),
        ("truncate:day", "truncate:month", "truncate:month"),
        ("generalise:decade", "truncate:month", "generalise:decade"),
        ("generalise:year", "truncate:year", "generalise:year"),
        ("truncate:year", "generalise:decade", "generalise:decade"),
        ("generalise:year", "generalise:decade", "generalise:decade"),
        ("generalise:band:50", "generalise:band:100", "generalise:band:100"),
        ("generalise:band:30", "generalise:band:100", None),
        ("mask:last:4", "mask:last:2", "mask:last:2"),
        ("mask:last:2", "truncate:commune", None),
        ("truncate:commune", "truncate:year", None),
        ("generalise:band:50", "generalise:decade", None),
        ("predicate:lt:700", "predicate:lt:800", None),
        ("predicate:lt:700", "never", "never"),
        ("pseudonymise", "mask:last:0", "pseudonymise"),
    ],
)
def test_the_strictest_of_two(one: str, other: str, chosen: str | None) -> None:
    """Spot values of the order, written by hand."""
    first, second = parse(one), parse(other)
    assert first is not None
    assert second is not None
    found = strictest(first, second)
    assert (found and str(found)) == chosen


APPLICABLE = {
    FieldType.BOOL: {"clear", "never"},
    FieldType.INT: {
        "clear", "never", "pseudonymise", "generalise:band:50", "generalise:band:100", "generalise:band:30",
        "predicate:lt:700", "predicate:ge:700",
    },
    FieldType.STR: {"clear", "never", "pseudonymise", "mask:last:0", "mask:last:2", "mask:last:4"},
    FieldType.DATE: {
        "clear", "never", "truncate:month", "truncate:year", "generalise:year", "generalise:decade",
        "predicate:le:2026-01-31",
    },
    FieldType.DATETIME: {
        "clear", "never", "truncate:day", "truncate:month", "truncate:year", "generalise:year", "generalise:decade",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", FieldType)
def test_an_obligation_applies_to_the_types_it_can_be_carried_out_on(kind: FieldType) -> None:
    """Checked at load, so that no field is withheld for a mistake in the catalogue."""
    assert {str(each) for each in ALL if applicable(each, field(kind))} == APPLICABLE[kind]


def test_a_truncation_to_the_commune_needs_a_commune() -> None:
    """Only a field that names its commune can be cut to it."""
    to_commune = from_release({"release": "truncate", "to": "commune"})
    assert applicable(to_commune, field(FieldType.STR, commune="d.commune"))
    assert not applicable(to_commune, field(FieldType.STR))


@pytest.mark.parametrize(
    "obligation",
    [
        Obligation("generalise", "band", 1),
        Obligation("mask", "last", 5),
        Obligation("mask", "last", -1),
        Obligation("predicate", "like", 7),
        Obligation("predicate", "lt", None),
        Obligation("truncate", "street", None),
        Obligation("clear", "x", None),
        Obligation("pseudonymise", "", 3),
    ],
)
def test_an_obligation_out_of_its_bounds_applies_to_nothing(obligation: Obligation) -> None:
    """A floor from a record is held to the same bounds as a catalogue file."""
    assert not any(applicable(obligation, field(kind, "d.commune")) for kind in FieldType)


def test_a_predicate_on_a_date_compares_with_a_date() -> None:
    """A number says nothing about a date, nor a word."""
    for value in (700, "soon", "2026-02-30"):
        assert not applicable(Obligation("predicate", "lt", value), field(FieldType.DATE))
    assert is_date("2024-02-29")
    assert not is_date("2023-02-29")
    assert not is_date("20240229")


def test_clear_and_never_are_the_two_ends() -> None:
    """Everything is at least as strict as clear, and never as strict as never."""
    for each in ALL:
        assert strictest(Obligation("clear"), each) == each
        assert strictest(NEVER, each) == NEVER
