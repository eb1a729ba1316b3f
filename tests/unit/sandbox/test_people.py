"""The files of fictional people: what they may say, and that nobody in them can be real."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.sandbox.errors import PeopleInvalid
from connectors.sandbox.identity_profiles import professionals
from connectors.sandbox.people import INSTITUTIONS, Person, load, nir_key


def test_every_file_of_the_sandbox_is_accepted(everybody: dict[str, Person]) -> None:
    """The data sets that are delivered load, and each institution says how it behaves and what must come of it."""
    assert len(everybody) > 30
    assert all(set(person.standings) == set(INSTITUTIONS) for person in everybody.values())
    assert all(standing.expected("rsa") for person in everybody.values() for standing in person.standings.values())


def test_the_demonstration_person_is_nineteen_and_half_answered(everybody: dict[str, Person]) -> None:
    """The demonstration needs a young person whose CAF and France Travail answer and whose Département is down."""
    amina = everybody["amina-delorme"]
    situations = {name: standing.situation for name, standing in amina.standings.items()}
    assert situations == {"caf-brume": "found", "ft-brume": "found", "dept-brume": "down"}
    assert amina.pivot["birth_date"] == "2007-03-14"
    assert set(amina.identifiers) == {"nir", "ft_number", "ft_login", "caf_number", "rdvi_user", "rdvi_rdv"}


def test_no_number_can_belong_to_a_real_person(everybody: dict[str, Person]) -> None:
    """Places of birth that INSEE gives to nobody, telephone numbers kept for fiction, mail that goes nowhere."""
    for person in everybody.values():
        place = person.identity.get("birth_place", person.identity["birth_country"])
        assert place.startswith("990") or place in {"2A990", "99998"}
        nir = person.numbers.get("nir")
        assert nir is None or (nir[5:10] == place and nir[13:] == nir_key(nir))
        assert person.identity["phone"].startswith("063998")
        assert person.identity["email"].endswith(".example")


def test_the_key_of_a_corsican_nir_counts_its_letter_as_nineteen_or_eighteen() -> None:
    """A key computed by hand for both halves of the island."""
    assert nir_key("295012A990001") == f"{97 - 2950119990001 % 97:02d}"
    assert nir_key("195012B990001") == f"{97 - 1950118990001 % 97:02d}"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("identity:", "nickname: Mimi\nidentity:", "unknown key ('nickname' was unexpected)"),
        ("  sex: F", "  sex: F\n  shoe_size: 38", "at identity: unknown key ('shoe_size' was unexpected)"),
        ("  situation: down", "  situation: asleep", "at dept-brume.situation: 'asleep' is not one of"),
        ("  situation: down", "  situation: down\n  calls: {rsa: down}", "at dept-brume.calls: 'rsa' is not one of"),
        (
            "  expect: unavailable",
            "  expect: {default: found, rsa: found}",
            "at dept-brume.expect: 'rsa' is not one of",
        ),
        ("  expect: unavailable", "", "at dept-brume: 'expect' is a required property"),
        ("  situation: down", "  situation: down\n  colour: grey", "at dept-brume: unknown key ('colour' was"),
        ("207039900100105", "207039900100106", "identifiers.nir: the key must be 05"),
        ("207039900100105", "107039900100105", "identifiers.nir: the first ten characters"),
        ("0639980001", "0612345678", "at identity.phone"),
        ('birth_place: "99001"', 'birth_place: "75056"', "at identity.birth_place"),
        ("  sex: F", "  sex: [", "this is not YAML in UTF-8"),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence(
    edited: Callable[..., Path], old: str, new: str, sentence: str
) -> None:
    """An unknown key, a wrong number or a missing expectation names the file, the place and the reason."""
    directory = edited("amina-delorme", (old, new))
    with pytest.raises(PeopleInvalid) as refused:
        load(directory)
    assert str(refused.value).startswith("amina-delorme.yaml: ")
    assert sentence in str(refused.value)
    assert refused.value.code == "sandbox_people_invalid"


def test_two_people_cannot_share_a_number(edited: Callable[..., Path]) -> None:
    """A copied file must change its identifiers."""
    directory = edited("amina-delorme")
    shutil.copy(directory / "amina-delorme.yaml", directory / "copy.yaml")
    with pytest.raises(PeopleInvalid, match=r"copy\.yaml: identifiers\.nir: already the one of amina-delorme\.yaml"):
        load(directory)


def test_a_wrong_professional_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """The same care for those who sign in through ProConnect."""
    path = tmp_path / "professionals.yaml"
    path.write_text("ana:\n  given_name: Ana\n", "utf-8")
    with pytest.raises(PeopleInvalid, match=r"professionals\.yaml: at ana: "):
        professionals(path)


def test_what_is_personal_stays_out_of_a_representation(everybody: dict[str, Person]) -> None:
    """A person printed by accident shows neither name nor number, fictional as they are: the habit matters."""
    text = repr(everybody["amina-delorme"])
    assert "Louise" not in text
    assert "207039900100105" not in text
