"""Identifiers are read back or not at all: never repaired."""

import pytest

from connectors.identifiers import caf_number, ft_number, nir, pivot
from tests.unit.connectors.factories import NIR
from tests.unit.connectors.factories import pivot as written


@pytest.mark.parametrize(
    "value", [NIR, NIR[:13], "1980799999001", "180022A001001", "180022A00100177", "278012B00100139"]
)
def test_a_nir_is_taken_with_or_without_its_key(value):
    """13 characters, or 15 with the right key; Corsica too."""
    assert nir(value) == value


@pytest.mark.parametrize(
    "value", [None, "", "299039910000194", "599039910000193", "29903991000019", "2A9039910000193", " " + NIR]
)
def test_a_wrong_nir_is_no_nir(value):
    """A wrong key is a typing error, and a typing error is somebody else."""
    assert nir(value) is None


def test_a_pivot_identity_is_read_back():
    """Given names in order, the birth date in its parts, blank optional names as none."""
    person = pivot(written(usual_name="", birth_date="1999-03-00", sex="female"))
    assert (person.family_name, person.usual_name, person.given_names) == ("BRUMAIRE", None, ("HÉLÈNE", "Zoé"))
    assert (person.birth_year, person.birth_month, person.birth_day, person.birth_date) == (1999, 3, 0, None)
    assert person.sex == "F"
    assert "BRUMAIRE" not in repr(person)


@pytest.mark.parametrize(
    ("mine", "theirs", "other"),
    [
        ("1999-03-21", "1999-03-21", False),
        ("1999-03-21", "1999-03-22", True),
        ("1999-03-00", "1999-03-22", False),
        ("1999-03-00", "1999-04-22", True),
        ("0000-00-00", "1950-01-01", False),
        ("1999-03-21", "1999-00-00", False),
        ("1999-03-21", "bientôt", False),
    ],
)
def test_only_known_parts_can_contradict(mine, theirs, other):
    """Partial birth dates exist: what nobody knows excludes nobody."""
    assert pivot(written(birth_date=mine)).contradicts(theirs) is other


@pytest.mark.parametrize(
    "changes",
    [
        {"birth_date": "1999"},
        {"birth_date": None},
        {"sex": "X"},
        {"sex": []},
        {"family_name": ""},
        {"family_name": 5},
        {"given_names": []},
        {"given_names": "ZOÉ"},
        {"given_names": [5]},
        {"birth_country": None},
        {"usual_name": 5},
        {"birth_place": 5},
    ],
)
def test_an_identity_of_another_shape_is_none(changes):
    """The gateway canonicalised it: anything else is not ours to interpret."""
    assert pivot(written(**changes)) is None


@pytest.mark.parametrize("value", [None, "", "{", "[]", "{}", '"x"'])
def test_what_is_no_identity_is_none(value):
    """Not JSON, not an object, not complete."""
    assert pivot(value) is None


def test_numbers_of_institutions():
    """Eleven digits at France Travail; number and role at the CAF."""
    assert ft_number("12345678900") == "12345678900"
    assert ft_number("1234567A") is None
    assert ft_number(None) is None
    assert caf_number("9900107/conjoint") == ("9900107", "conjoint")
    assert caf_number("9900107/enfant") is None
    assert caf_number(None) is None
