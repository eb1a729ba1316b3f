"""Whatever a partner sends, only vocabulary fields that were asked for come out, with their types."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import policies
from connectors import api_particulier, france_travail, rdv_insertion
from connectors.api_particulier_answers import birth_dates, row_of
from connectors.france_travail_answers import rows_of
from connectors.rdv_insertion_answers import people_of, rdv_row, user_row
from connectors.reading import Notes
from policies.vocabulary import build
from tests.unit.connectors.ap_answers import FAMILY, RSA, STATUS
from tests.unit.connectors.factories import NOW
from tests.unit.connectors.ft_answers import DOSSIER, REGISTERED
from tests.unit.connectors.test_rdv_insertion import RDV, USER

VOCABULARY = build(yaml.safe_load((Path(policies.__file__).parent / "vocabulary.yaml").read_text("utf-8")))
SUPPLIES = {**api_particulier.DATASETS, **france_travail.DATASETS, **rdv_insertion.DATASETS}
CANARY = "canari-7731"

# A good answer for every dataset, and how it is read.
GOOD: dict[str, Any] = {
    "rsa": RSA,
    "prime_activite": RSA,
    "aah": {"est_beneficiaire": True, "date_debut_droit": "2026-01-01"},
    "c2s": {"est_beneficiaire": True, "avec_participation": False, "date_debut_droit": None},
    "quotient_familial": FAMILY,
    "household": FAMILY,
    "job_seeker": STATUS,
    "registration": REGISTERED,
    "rqth": {"topValiditeRQTH": True, "dateDebutRqth": "2024-01-20", "dateFinRqth": "9999-12-31", "source": "MDPH"},
    "orientation": [{"parcours": "PED", "structure": {"libelle_structure": "Agence"}, "date_creation": "2026-01-01"}],
    "ft_appointments": [{"date": "2026-12-01T10:30:00.000Z", "duree": 30, "libelleAdresse": "Agence"}],
    "diagnosis": DOSSIER,
    "identity": USER,
    "contact": USER,
    "rdv": RDV,
}


def read(dataset: str, data: Any, wanted: frozenset[str], notes: Notes) -> tuple[Any, ...]:
    """The rows that come out of `data`, by whichever connector supplies `dataset`."""
    if dataset in api_particulier.DATASETS:
        if not isinstance(data, dict):
            return ()
        birth_dates(data)
        return (row_of(dataset, data, wanted=wanted, notes=notes, now=NOW),)
    if dataset in france_travail.DATASETS:
        return rows_of(dataset, data, wanted=wanted, notes=notes) or ()
    if not isinstance(data, dict):
        return ()
    if dataset == "rdv":
        people_of(data)
        return (rdv_row(data, wanted=wanted, notes=notes, user="990001"),)
    return (user_row(dataset, data, wanted=wanted, notes=notes),)


TYPES = {
    "bool": lambda value: type(value) is bool,
    "int": lambda value: type(value) is int,
    "str": lambda value: type(value) is str and value.strip() == value != "",
    "date": lambda value: re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is not None,
    "datetime": lambda value: (
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value) is not None
    ),
}


def must_conform(dataset: str, rows: Any, wanted: frozenset[str]) -> None:
    """Every value is of a wanted field of the dataset and of its type."""
    for row in rows:
        assert row.keys() <= wanted <= SUPPLIES[dataset].fields
        for name, value in row.items():
            field = VOCABULARY.fields[name]
            assert field.nullable if value is None else TYPES[field.type](value), name


def test_the_connectors_supply_the_vocabulary_and_nothing_else():
    """Every dataset and field of the vocabulary, each by one connector."""
    assert set(GOOD) == set(SUPPLIES) == set(VOCABULARY.datasets)
    assert {name for supply in SUPPLIES.values() for name in supply.fields} == set(VOCABULARY.fields)


@pytest.mark.parametrize("dataset", GOOD)
def test_a_good_answer_gives_every_field_it_holds(dataset):
    """The property below would hold for a reader that reads nothing."""
    notes = Notes()
    rows = read(dataset, GOOD[dataset], SUPPLIES[dataset].fields, notes)
    must_conform(dataset, rows, SUPPLIES[dataset].fields)
    assert rows
    assert all(rows)
    assert notes.paths == ()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just("null"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    found: list[tuple[Any, Any]] = []
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(pairs):
        found.append((data, key))
        found += places(value)
    return found


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, Any, frozenset[str]]:
    """A dataset, its answer with a few members renamed, removed, added, nested or replaced, and what is wanted."""
    dataset = draw(st.sampled_from(sorted(GOOD)))
    data = copy.deepcopy(GOOD[dataset])
    for _ in range(draw(st.integers(1, 4))):
        every = places(data)
        if not every:
            break
        container, key = draw(st.sampled_from(every))
        change = draw(st.sampled_from(["replace", "remove", "rename", "nest", "add", "canary"]))
        if change == "replace":
            container[key] = draw(values)
        elif change == "nest":
            container[key] = {"inner": container[key], CANARY: CANARY}
        elif change == "remove" or (change == "rename" and isinstance(container, list)):
            del container[key]
        elif change == "rename":
            container[f"new_{key}"] = container.pop(key)
        elif isinstance(container, dict):
            container["added" if change == "add" else CANARY] = draw(values) if change == "add" else CANARY
    fields = sorted(SUPPLIES[dataset].fields)
    return dataset, data, frozenset(draw(st.lists(st.sampled_from(fields), min_size=1, unique=True)))


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_nothing_but_wanted_fields_of_the_right_type_ever_comes_out(case):
    """Unknown, extra, renamed, nested members never reach a row or a path; nothing raises."""
    dataset, data, wanted = case
    notes = Notes()
    rows = read(dataset, data, wanted, notes)
    must_conform(dataset, rows, wanted)
    assert CANARY not in repr(rows)
    assert CANARY not in repr(notes.paths)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(GOOD)), values)
def test_an_answer_of_any_shape_is_read_without_an_error(dataset, data):
    """The same for what is no answer at all."""
    notes = Notes()
    must_conform(dataset, read(dataset, data, SUPPLIES[dataset].fields, notes), SUPPLIES[dataset].fields)
