"""Identifiers: one spelling each, refused without being repeated, compared through keyed fingerprints."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.blind import BlindIndex
from consent.errors import IdentifierInvalid
from consent.identifiers import KINDS, check_reference, nir_key, normalise
from consent.pivot import plain

from .conftest import LEA, NOW

PIVOT = LEA["pivot"]
INDEX = BlindIndex(b"i" * 32)
UUIDS = ["6f1c2f0a-2b9e-4c0e-9a51-0d7f3f1f9b11", "0b9e2f0a-6f1c-4c0e-9a51-0d7f3f1f9b22"]


def one(kind, value):
    return normalise({kind: value}, accepted=KINDS, now=NOW)[kind]


def refused(kind, value):
    with pytest.raises(IdentifierInvalid) as caught:
        one(kind, value)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "declared", "value", "strong"),
    [
        ("nir", "2 99 04 2a 123 456", "299042A12345657", True),
        ("nir", "299042A12345657", "299042A12345657", True),
        ("nir", "199042B123456", "199042B123456" + nir_key("199042B123456"), True),
        ("ft_number", " 12345678901 ", "12345678901", True),
        ("ft_login", "lea.ozanne", "lea.ozanne", False),
        ("caf_number", "0123456a / Demandeur", "0123456A/demandeur", True),
        ("rdvi_user", "42", "42", False),
        ("rdvi_rdv", f"{UUIDS[0].upper()}  {UUIDS[1]} {UUIDS[0]}", f"{UUIDS[1]} {UUIDS[0]}", False),
    ],
)
def test_each_identifier_has_one_spelling(kind, declared, value, strong):
    """Rule: whatever way it is typed, an identifier is stored one way."""
    found = one(kind, declared)
    assert (found.value, found.strong) == (value, strong)
    assert one(kind, value) == found


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        ("nir", "299042A12345699"), ("nir", "599042A123456"), ("nir", "29904"), ("nir", 299042),
        ("nir", "299042C123456"), ("ft_number", "1234567890"), ("ft_number", "1234567A"), ("ft_login", "a b"),
        ("ft_login", "é"), ("ft_login", ""), ("caf_number", "0123456"), ("caf_number", "0123456/enfant"),
        ("caf_number", "1/2/demandeur"), ("rdvi_user", "007"), ("rdvi_user", None), ("rdvi_rdv", ""),
        ("rdvi_rdv", "not-a-uuid"), ("rdvi_rdv", "x" * 2001), ("ft_number", "١٢٣٤٥٦٧٨٩٠١"),
    ],
)  # fmt: skip
def test_a_malformed_identifier_is_refused_without_being_repeated(kind, declared):
    """Rule: the error says which and why, never what."""
    error = refused(kind, declared)
    assert error.pointer == f"/identifiers/{kind}"
    assert error.code == "identifier_invalid"
    if isinstance(declared, str) and len(declared) > 3:
        assert declared not in str(error)
    assert error.__cause__ is None


def test_the_corsican_key_follows_the_national_rule():
    """Rule: 2A counts as 19 and 2B as 18 when the key is computed (INSEE)."""
    assert nir_key("299042A123456") == f"{97 - 2990419123456 % 97:02d}"
    assert nir_key("299042B123456") == f"{97 - 2990418123456 % 97:02d}"
    assert nir_key("1" + "0" * 11 + "2") == f"{97 - 1000000000002 % 97:02d}"


def test_an_unknown_kind_and_a_kind_not_accepted_are_refused():
    """Rule: a partner declares only the kinds its registration allows; an unknown name is not repeated."""
    with pytest.raises(IdentifierInvalid) as caught:
        normalise({"secret-kind": "x"}, accepted=KINDS, now=NOW)
    assert "secret" not in str(caught.value)
    with pytest.raises(IdentifierInvalid) as caught:
        normalise({"nir": LEA["nir"]}, accepted={"pivot"}, now=NOW)
    assert caught.value.pointer == "/identifiers/nir"


@pytest.mark.parametrize("reference", ["", "x" * 129, " a", "a\n", 12, "e\u0301", "\ud800"])
def test_a_reference_is_printable_composed_and_short(reference):
    """Rule: references are compared as they are, so only one spelling of each may come in."""
    with pytest.raises(IdentifierInvalid) as caught:
        check_reference(reference)
    assert caught.value.pointer == "/reference"


def test_a_reference_is_kept_as_it_is():
    """Rule: it is the partner's own."""
    assert check_reference("Dossier n° 7/é") == "Dossier n° 7/é"


def test_the_pivot_is_written_canonically_whatever_its_form():
    """Rule: object or JSON text, extra blanks, English words for sex: one canonical text, sorted, composed."""
    untidy = {**PIVOT, "sex": "female", "family_name": " Ozanne-Kermadec ", "usual_name": "",
              "given_names": ["Le\u0301a", "Maëlys"]}  # fmt: skip
    found = one("pivot", json.dumps(untidy))
    assert found == one("pivot", PIVOT)
    assert found.value == json.dumps(PIVOT, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert found.strong


@pytest.mark.parametrize(
    "changes",
    [
        {"family_name": "OZANNE KERMADEC"},
        {"given_names": ["LEA", "MAELYS"]},
        {"given_names": ["Léa Maëlys"]},
        {"usual_name": "Durand"},
    ],
)
def test_spelling_habits_and_the_usual_name_do_not_make_another_person(changes):
    """Rule: pivots are compared in plain capitals, without the name that marriages change."""
    assert one("pivot", {**PIVOT, **changes}).key == one("pivot", PIVOT).key


@pytest.mark.parametrize(
    "changes",
    [
        {"family_name": "Ozanne"}, {"given_names": ["Léa"]}, {"sex": "M"}, {"birth_date": "1999-04-03"},
        {"birth_place": "2A005"}, {"birth_country": "99109", "birth_place": None},
    ],
)  # fmt: skip
def test_any_other_difference_makes_another_pivot(changes):
    """Rule: no guess on the civil identity."""
    assert one("pivot", {**PIVOT, **changes}).key != one("pivot", PIVOT).key


@pytest.mark.parametrize(
    ("changes", "strong"),
    [
        ({"birth_date": "1999-00-00"}, False),
        ({"birth_date": "1999-04-00"}, False),
        ({"birth_place": None}, False),
        ({"birth_place": None, "birth_country": "99109"}, True),
    ],
)
def test_an_incomplete_identity_never_finds_a_person(changes, strong):
    """Rule: partial dates and missing places are kept for the sources, not used to match."""
    assert one("pivot", {**PIVOT, **changes}).strong is strong


@pytest.mark.parametrize(
    ("changes", "inside"),
    [
        ({"sex": "X"}, "/sex"), ({"sex": None}, "/sex"), ({"birth_date": "1999-02-30"}, "/birth_date"),
        ({"birth_date": "1999-00-12"}, "/birth_date"), ({"birth_date": "2099-01-01"}, "/birth_date"),
        ({"birth_date": "99-01-01"}, "/birth_date"), ({"birth_date": "1999-13-01"}, "/birth_date"),
        ({"birth_country": "FR"}, "/birth_country"), ({"birth_place": "Bastia"}, "/birth_place"),
        ({"birth_place": 20}, "/birth_place"), ({"family_name": "Ozanne2"}, "/family_name"),
        ({"family_name": "--"}, "/family_name"), ({"family_name": "Иванов"}, "/family_name"),
        ({"family_name": "x" * 101}, "/family_name"), ({"given_names": []}, "/given_names"),
        ({"given_names": "Léa"}, "/given_names"), ({"given_names": ["Léa", 3]}, "/given_names"),
        ({"given_names": ["a"] * 21}, "/given_names"), ({"usual_name": ["x"]}, "/usual_name"),
        ({"nickname": "x"}, ""),
    ],
)  # fmt: skip
def test_a_bad_pivot_is_refused_with_its_pointer(changes, inside):
    """Rule: the pointer goes down to the member, the value is not repeated."""
    error = refused("pivot", {**PIVOT, **changes})
    assert error.pointer == f"/identifiers/pivot{inside}"
    assert "Ozanne" not in str(error)


@pytest.mark.parametrize("declared", ["", "[]", "{", "[" * 3000, 7, "x" * 4001, {"sex": "F"}, None])
def test_what_is_not_a_pivot_object_is_refused(declared):
    """Rule: neither broken nor deeply nested JSON does harm."""
    assert refused("pivot", declared).pointer == "/identifiers/pivot"


def test_nothing_of_an_identifier_shows_in_its_repr():
    """Rule: no identifier in a log, even by accident."""
    found = one("nir", LEA["nir"])
    assert LEA["nir"] not in repr(found)
    assert "i" * 32 not in repr(INDEX)


LATIN = st.text(
    st.sampled_from("abcdefghijklmnopqrstuvwxyzàâäçéèêëîïôöùûüÿñøœæłđßABCXYZÉŒØ '-."), min_size=1, max_size=40
)


@given(LATIN)
def test_plain_names_are_capitals_and_stable(name):
    """Rule: the compared form is A-Z and blanks, and comparing it again changes nothing."""
    found = plain(name)
    assert set(found) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    assert plain(found) == found
    assert plain(name.upper()) == plain(name.lower()) == plain(unicodedata.normalize("NFD", name)) == found


@given(st.sampled_from("123478"), st.text("0123456789", min_size=12, max_size=12))
def test_a_nir_has_the_same_fingerprint_with_and_without_its_key(sex, rest):
    """Rule: 13 and 15 characters name the same person; another key never passes."""
    number = sex + rest
    key = nir_key(number)
    short, long = one("nir", number), one("nir", number + key)
    assert INDEX.of("nir", short.key) == INDEX.of("nir", long.key)
    refused("nir", number + f"{(int(key) + 1) % 98:02d}")


@given(st.text(max_size=40), st.text(max_size=40))
def test_fingerprints_are_equal_only_for_equal_values_kinds_and_keys(one_value, other_value):
    """Rule: a blind index finds equals and nothing else, and says nothing without its key."""
    one_value, other_value = (each.encode(errors="replace").decode() for each in (one_value, other_value))
    assert (INDEX.of("nir", one_value) == INDEX.of("nir", other_value)) == (one_value == other_value)
    assert INDEX.of("nir", one_value) != INDEX.of("ft_number", one_value)
    assert INDEX.of("nir", one_value) != BlindIndex(b"j" * 32).of("nir", one_value)
    assert INDEX.of_reference("ml-brume", one_value) != INDEX.of_reference("caf-brume", one_value)
