"""`minimise`: only what is permitted leaves, under its obligation, or it does not leave at all."""

from typing import Any

import pytest

from policies.catalogue import Catalogue
from policies.decision import Decision, decide
from policies.errors import CatalogueMismatch
from policies.minimisation import Minimised, minimise
from policies.model import Exchange
from policies.obligations import NEVER, parse
from policies.transformations import Unmet, transform
from tests.unit.policies.factories import authorisation, exchange, facts, small

NIR = "2840135238042"
PSEUDONYM = "0123456789abcdef" * 2


def permitted(releases: dict[str, Any], source: str = "src-one") -> tuple[Decision, Catalogue]:
    catalogue = small([exchange("one", source=source, fields=releases)])
    held = authorisation(fields=frozenset(releases))
    decision = decide(facts(fields=tuple(releases), authorisation=held), catalogue)
    assert decision.permitted == tuple(sorted(releases))
    return decision, catalogue


def one_value(release: dict[str, Any], field: str, value: Any, **parts: Any) -> Minimised:
    source = "src-two" if field.startswith("e.") else "src-one"
    decision, catalogue = permitted({field: release}, source)
    row = {field: value, **parts.pop("row", {})}
    return minimise(decision, {field.partition(".")[0]: [row]}, catalogue, **parts)


CLEAR = {"release": "clear"}
CARRIED_OUT = [
    ("d.a", CLEAR, 7, 7),
    ("d.a", CLEAR, None, None),
    ("d.a", CLEAR, 2**53 - 1, 2**53 - 1),
    ("d.a", CLEAR, 1 - 2**53, 1 - 2**53),
    ("d.word", CLEAR, "x" * 4096, "x" * 4096),
    ("d.sure", CLEAR, True, True),
    ("d.on", CLEAR, "2026-02-28", "2026-02-28"),
    ("d.word", CLEAR, "Évry", "Évry"),
    ("m.at", CLEAR, "2026-02-28T09:30:00+01:00", "2026-02-28T09:30:00+01:00"),
    ("m.at", CLEAR, "2026-02-28T09:30:00.123Z", "2026-02-28T09:30:00.123Z"),
    ("d.on", {"release": "truncate", "to": "month"}, "2026-02-28", "2026-02"),
    ("d.on", {"release": "truncate", "to": "year"}, "2026-02-28", "2026"),
    ("d.on", {"release": "truncate", "to": "year"}, None, None),
    ("m.at", {"release": "truncate", "to": "day"}, "2026-02-28T09:30:00Z", "2026-02-28"),
    ("d.on", {"release": "generalise", "to": "year"}, "1987-02-28", "1987"),
    ("d.on", {"release": "generalise", "to": "decade"}, "1987-02-28", "1980..1989"),
    ("d.a", {"release": "generalise", "to": "band", "step": 100}, 437, "400..499"),
    ("d.a", {"release": "generalise", "to": "band", "step": 100}, 400, "400..499"),
    ("d.a", {"release": "generalise", "to": "band", "step": 100}, -1, "-100..-1"),
    ("d.word", {"release": "mask", "keep": 2}, "0612345678", "***78"),
    ("d.word", {"release": "mask", "keep": 2}, "12345", "***45"),
    ("d.word", {"release": "mask", "keep": 0}, "x", "***"),
    ("d.a", {"release": "predicate", "op": "lt", "value": 800}, 799, True),
    ("d.a", {"release": "predicate", "op": "lt", "value": 800}, 800, False),
    ("d.a", {"release": "predicate", "op": "le", "value": 800}, 800, True),
    ("d.a", {"release": "predicate", "op": "le", "value": 800}, 801, False),
    ("d.a", {"release": "predicate", "op": "gt", "value": 800}, 801, True),
    ("d.a", {"release": "predicate", "op": "gt", "value": 800}, 800, False),
    ("d.a", {"release": "predicate", "op": "ge", "value": 800}, 800, True),
    ("d.a", {"release": "predicate", "op": "ge", "value": 800}, 799, False),
    ("d.a", {"release": "predicate", "op": "eq", "value": 800}, 800, True),
    ("d.a", {"release": "predicate", "op": "eq", "value": 800}, 801, False),
    ("d.on", {"release": "predicate", "op": "lt", "value": "2026-03-01"}, "2026-02-28", True),
    ("d.on", {"release": "predicate", "op": "lt", "value": "2026-03-01"}, "2026-03-01", False),
]


@pytest.mark.parametrize(("field", "release", "value", "left"), CARRIED_OUT)
def test_a_value_leaves_as_its_obligation_says(field: str, release: dict[str, Any], value: Any, left: Any) -> None:
    """Each obligation, at its edges."""
    done = one_value(release, field, value)
    dataset = field.partition(".")[0]
    assert done.values == {dataset: [{field: left}]}
    assert type(done.values[dataset][0][field]) is type(left)
    assert list(done.transforms) == [field]
    assert done.withheld == {}


def test_the_obligation_carried_out_is_told() -> None:
    """The recipient and the journal know how each field left."""
    done = one_value({"release": "predicate", "op": "lt", "value": 800}, "d.a", 7)
    assert done.transforms == {"d.a": "predicate:lt:800"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("d.a", "7"),
        ("d.a", 7.0),
        ("d.a", True),
        ("d.a", 2**53),
        ("d.a", [7]),
        ("d.sure", 1),
        ("d.sure", "true"),
        ("d.sure", None),
        ("d.word", 7),
        ("d.word", b"x"),
        ("d.word", "x" * 4097),
        ("d.word", chr(0xD800)),
        ("d.word", f"x{chr(0xDFFF)}"),
        ("d.word", {"a": 1}),
        ("d.on", "2026-02-30"),
        ("d.on", "28/02/2026"),
        ("d.on", "2026-02-28T00:00:00Z"),
        ("d.on", 20260228),
        ("m.at", "2026-02-28"),
        ("m.at", "2026-02-28T09:30:00"),
        ("m.at", "2026-02-28T25:30:00Z"),
        ("m.at", 1_780_000_000),
    ],
)
def test_a_value_of_another_type_does_not_leave(field: str, value: Any) -> None:
    """Nothing is corrected or converted."""
    done = one_value(CLEAR, field, value)
    assert (done.values, done.transforms, done.withheld) == ({}, {}, {field: "type_mismatch"})


def naming(field: str, value: str | int) -> str:
    return PSEUDONYM


def broken(field: str, value: str | int) -> str:
    raise KeyError(value)


def same(field: str, value: str | int) -> str:
    return str(value)


TRUNCATE = {"release": "truncate", "to": "commune"}
PSEUDONYMISE = {"release": "pseudonymise"}
FAILED: list[tuple[str, dict[str, Any], Any, dict[str, Any]]] = [
    ("d.a", {"release": "predicate", "op": "lt", "value": 800}, None, {}),
    ("d.a", {"release": "predicate", "op": "eq", "value": 800}, None, {}),
    ("d.word", {"release": "mask", "keep": 2}, "1234", {}),
    ("d.word", {"release": "mask", "keep": 0}, "", {}),
    ("e.address", TRUNCATE, "12 rue des Lilas", {}),
    ("e.address", TRUNCATE, "12 rue des Lilas", {"row": {"e.commune": None}}),
    ("e.address", TRUNCATE, "12 rue des Lilas", {"row": {"e.commune": ""}}),
    ("e.address", TRUNCATE, "12 rue des Lilas", {"row": {"e.commune": 35000}}),
    ("e.address", TRUNCATE, "12 rue des Lilas", {"row": {"e.commune": "12 rue des Lilas"}}),
    ("e.address", TRUNCATE, "12 rue des Lilas", {"row": {"e.commune": "RUE DES LILAS 35000 RENNES"}}),
    ("e.address", TRUNCATE, "12 rue des Lilas", {"row": {"e.commune": "RENNES, rue des Lilas"}}),
    ("d.word", PSEUDONYMISE, "Jeanne", {}),
    ("d.word", PSEUDONYMISE, None, {"pseudonymise": naming}),
    ("d.word", PSEUDONYMISE, "Jeanne", {"pseudonymise": broken}),
    ("d.word", PSEUDONYMISE, "Jeanne", {"pseudonymise": same}),
    ("d.word", PSEUDONYMISE, PSEUDONYM, {"pseudonymise": same}),
    ("d.word", PSEUDONYMISE, "Jeanne", {"pseudonymise": lambda _field, _value: PSEUDONYM[:-1]}),
    ("d.word", PSEUDONYMISE, "Jeanne", {"pseudonymise": lambda _field, _value: PSEUDONYM.upper()}),
]


@pytest.mark.parametrize(("field", "release", "value", "parts"), FAILED)
def test_an_obligation_that_cannot_be_carried_out_withholds_its_field(
    field: str, release: dict[str, Any], value: Any, parts: dict[str, Any]
) -> None:
    """Never the clear value instead, whatever went wrong."""
    done = one_value(release, field, value, **parts)
    assert (done.values, done.withheld) == ({}, {field: "transformation_failed"})


@pytest.mark.parametrize("commune", ["RENNES", "Saint-Jacques-de-la-Lande", "PARIS 15"])
def test_an_address_is_cut_to_its_commune(commune: str) -> None:
    """The commune stands in the same row; neither the street nor the row's other fields leave."""
    row = {"e.commune": commune, "e.c": "secret"}
    done = one_value(TRUNCATE, "e.address", "12 rue des Lilas", row=row)
    assert done.values == {"e": [{"e.address": commune}]}
    assert done.transforms == {"e.address": "truncate:commune"}
    assert one_value(TRUNCATE, "e.address", None, row=row).values == {"e": [{"e.address": None}]}


def test_a_pseudonym_stands_for_its_value() -> None:
    """The caller's function makes it, for the field and the value."""
    done = one_value(PSEUDONYMISE, "d.word", "Jeanne", pseudonymise=naming)
    assert done.values == {"d": [{"d.word": PSEUDONYM}]}
    digits = f"{NIR}{'a' * 19}"
    done = one_value(PSEUDONYMISE, "d.word", "Jeanne", pseudonymise=lambda _field, _value: digits)
    assert done.values == {"d": [{"d.word": digits}]}, "a random name is no NIR, whatever its digits"


@pytest.mark.parametrize(
    ("field", "release", "value"),
    [
        ("d.word", CLEAR, f"dossier {NIR}"),
        ("m.note", CLEAR, "2 84 01 35 238 042"),
        ("d.a", CLEAR, int(NIR)),
        ("d.a", {"release": "generalise", "to": "band", "step": 2}, int(NIR)),
    ],
)
def test_a_nir_leaves_under_no_name(field: str, release: dict[str, Any], value: Any) -> None:
    """An MSA number is a NIR, and a comment may hold one: every text and number that leaves is searched."""
    done = one_value(release, field, value)
    assert (done.values, done.withheld) == ({}, {field: "nir_detected"})


def test_a_nir_in_what_replaces_a_value_is_found_too() -> None:
    """The search is on what leaves, not on what came."""
    done = one_value({"release": "mask", "keep": 4}, "d.word", f"xxxx{NIR}")
    assert done.values == {"d": [{"d.word": "***8042"}]}


def test_only_permitted_fields_are_ever_looked_at() -> None:
    """Other fields and datasets the source returned are dropped, whatever they are called."""
    decision, catalogue = permitted({"d.a": CLEAR})
    rows = [{"d.a": 7, "d.word": "secret", "d.number": NIR, "a": 1, "e.c": "x", "other": object()}]
    done = minimise(decision, {"d": rows, "e": [{"d.a": 8, "e.c": "x"}], "ghost": [{"d.a": 9}]}, catalogue)
    assert done.values == {"d": [{"d.a": 7}]}
    assert done.transforms == {"d.a": "clear"}
    assert done.withheld == {}


def test_a_denied_field_never_leaves() -> None:
    """A decision that denies everything lets nothing through."""
    catalogue = small()
    decision = decide(facts(authorisation=None), catalogue)
    done = minimise(decision, {"d": [{"d.a": 7}], "e": [{"e.c": "x"}]}, catalogue)
    assert (done.values, done.transforms, done.withheld) == ({}, {}, {})


NOTES = {"m.at": CLEAR, "m.note": CLEAR, "m.minutes": CLEAR}


def test_a_list_is_minimised_row_by_row() -> None:
    """Rows keep their order, and a row may lack what others have."""
    decision, catalogue = permitted(NOTES)
    rows = [
        {"m.at": "2026-02-28T09:30:00Z", "m.note": "a", "m.minutes": 30, "m.secret": 1},
        {"m.at": "2026-03-01T09:30:00Z", "m.minutes": None},
    ]
    done = minimise(decision, {"m": rows}, catalogue)
    assert done.values == {
        "m": [
            {"m.at": "2026-02-28T09:30:00Z", "m.minutes": 30, "m.note": "a"},
            {"m.at": "2026-03-01T09:30:00Z", "m.minutes": None},
        ]
    }
    assert done.transforms == dict.fromkeys(NOTES, "clear")


def test_a_field_that_fails_in_one_row_is_withheld_from_all() -> None:
    """Which row it was would itself tell something about the person."""
    decision, catalogue = permitted(NOTES)
    rows = [{"m.note": "a", "m.minutes": 30}, {"m.note": NIR, "m.minutes": 45}]
    done = minimise(decision, {"m": rows}, catalogue)
    assert done.values == {"m": [{"m.minutes": 30}, {"m.minutes": 45}]}
    assert done.withheld == {"m.note": "nir_detected", "m.at": "not_supplied"}
    assert done.transforms == {"m.minutes": "clear"}


def test_an_empty_list_is_an_answer() -> None:
    """The source has no row: the recipient may know it, and nothing was transformed."""
    decision, catalogue = permitted(NOTES)
    done = minimise(decision, {"m": []}, catalogue)
    assert (done.values, done.transforms, done.withheld) == ({"m": []}, {}, {})


def test_a_dataset_that_was_not_fetched_is_absent() -> None:
    """A source that is down leaves no trace here: its state is told elsewhere."""
    decision, catalogue = permitted({"d.a": CLEAR, "m.note": CLEAR})
    done = minimise(decision, {"m": [{"m.note": "a"}]}, catalogue)
    assert done.values == {"m": [{"m.note": "a"}]}
    assert done.withheld == {}


def test_a_field_the_source_did_not_give_is_named() -> None:
    """Permitted, asked for, not there: withheld rather than silently missing."""
    decision, catalogue = permitted({"d.a": CLEAR, "d.word": CLEAR})
    done = minimise(decision, {"d": [{"d.word": "x"}]}, catalogue)
    assert done.values == {"d": [{"d.word": "x"}]}
    assert done.withheld == {"d.a": "not_supplied"}


def test_two_rows_where_one_is_expected_are_never_guessed_between() -> None:
    """An ambiguous answer is withheld whole."""
    decision, catalogue = permitted({"d.a": CLEAR, "d.word": CLEAR})
    done = minimise(decision, {"d": [{"d.a": 1}, {"d.a": 1}]}, catalogue)
    assert (done.values, done.transforms) == ({}, {})
    assert done.withheld == {"d.a": "rows_ambiguous", "d.word": "rows_ambiguous"}


def test_a_decision_is_applied_with_its_own_catalogue() -> None:
    """The same field under another catalogue may mean something else."""
    decision, _ = permitted({"d.a": CLEAR})
    with pytest.raises(CatalogueMismatch) as refused:
        minimise(decision, {}, small())
    assert refused.value.code == "catalogue_mismatch"


def test_values_are_in_no_repr_and_no_exception() -> None:
    """What leaves is for the recipient only."""
    done = one_value(CLEAR, "d.word", "Jeanne")
    assert "Jeanne" not in repr(done)
    withheld = one_value(PSEUDONYMISE, "d.word", "Jeanne", pseudonymise=broken)
    assert "Jeanne" not in repr(withheld)


def test_an_obligation_nobody_can_carry_out_fails() -> None:
    """Should `never` or an unknown obligation reach the transformations, nothing comes out."""
    field = small().vocabulary.fields["d.a"]
    strange = parse("truncate:street")
    assert strange is not None
    for obligation in (NEVER, strange):
        made = transform(obligation, field)
        assert made is not None
        with pytest.raises(Unmet):
            made(7, {}, naming)


def test_the_floor_of_an_authorisation_is_carried_out() -> None:
    """What the person asked to have reduced leaves reduced."""
    catalogue = small()
    held = authorisation(floors={"d.a": "generalise:band:10"})
    decision = decide(facts(authorisation=held), catalogue)
    assert minimise(decision, {"d": [{"d.a": 42}]}, catalogue).values == {"d": [{"d.a": "40..49"}]}


def test_an_exchange_names_itself_with_its_version() -> None:
    """The name used in rules and in the journal."""
    only = next(iter(small([exchange("one", version=3)]).exchanges.values()))
    assert isinstance(only, Exchange)
    assert (only.name, only.basis) == ("one@3", "consent")
