"""Fictional people, one file each in people/, checked before anybody can ask for them.

Answers for: reading the files, refusing an unknown key with a sentence, and proving that no number belongs
to a real person. Refuses to do: guessing; a person without an expected outcome is refused.

Why a number here belongs to nobody: digits 6 to 10 of a NIR name the place of birth, and INSEE gives neither
the country codes 990NN and 99998 nor the Corsican communes 2A99N and 2B99N. France Travail and CAF numbers
begin with 990 and 99, telephone numbers are those ARCEP keeps for fiction (06 39 98, 01 99 00), addresses of
mail end in .example (RFC 2606).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import jsonschema
import yaml

from connectors.sandbox.errors import PeopleInvalid

DIRECTORY = Path(__file__).parent / "people"
INSTITUTIONS = ("caf-brume", "ft-brume", "dept-brume")
NAMESPACE = UUID("6b7a1f5e-0d0c-5a52-9a3e-0b5f5d6f7a10")  # ours: the same identifiers at every start


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one institution behaves when asked about one person, and what a connector must make of it."""

    situation: str
    seconds: float
    retry_after: int | None
    code: str
    data: Mapping[str, Any] = field(repr=False)
    calls: Mapping[str, str]
    drift: Mapping[str, Sequence[Mapping[str, Any]]]
    expect: Mapping[str, str]

    def at(self, call: str) -> str:
        """The situation of one call: its own, else the one of the whole institution."""
        return self.calls.get(call, self.situation)

    def expected(self, dataset: str) -> str:
        """The outcome a connector must report for a dataset."""
        return self.expect.get(dataset, self.expect["default"])


@dataclass(frozen=True, kw_only=True)
class Person:
    """One fictional person."""

    id: str
    summary: Mapping[str, str]
    flags: tuple[str, ...]
    identity: Mapping[str, Any] = field(repr=False)
    numbers: Mapping[str, str] = field(repr=False)
    standings: Mapping[str, Standing]

    @property
    def family_name(self) -> str:
        """The name at birth."""
        return str(self.identity["family_name"])

    @property
    def given_names(self) -> list[str]:
        """The given names, first one first."""
        return list(self.identity["given_names"])

    @property
    def civility(self) -> str:
        """How a letter addresses the person."""
        return "Madame" if self.identity["sex"] == "F" else "Monsieur"

    @cached_property
    def pivot(self) -> dict[str, Any]:
        """The pivot identity, in the members a link of the gateway holds."""
        return {
            "birth_country": self.identity["birth_country"],
            "birth_date": self.identity["birth_date"],
            "birth_place": self.identity.get("birth_place"),
            "family_name": self.family_name,
            "given_names": self.given_names,
            "sex": self.identity["sex"],
            "usual_name": self.identity.get("usual_name"),
        }

    @cached_property
    def appointments(self) -> list[str]:
        """The identifiers of the person's appointments at the Département."""
        rows = self.standings["dept-brume"].data.get("rdv", [])
        return [str(uuid5(NAMESPACE, f"rdv/{self.id}/{index}")) for index in range(len(rows))]

    @cached_property
    def identifiers(self) -> dict[str, str]:
        """The identifiers a partner links, by kind (pivot excepted: it is a document)."""
        known = dict(self.numbers)
        if self.appointments:
            known["rdvi_rdv"] = " ".join(self.appointments)
        return known


def stranger(person: Person) -> Person:
    """Somebody else's identity on the person's file: what a source says when it mixes two people up."""
    numbers = {**person.numbers, "rdvi_user": "979001"}
    numbers.pop("nir", None)
    identity = {**person.identity, "family_name": "AUTRUI", "given_names": ["Dominique"], "birth_date": "1950-01-01"}
    return replace(person, identity=identity, numbers=numbers)


def load(directory: Path = DIRECTORY) -> dict[str, Person]:
    """Every person of a directory by identifier, or the sentence that says which file is wrong and why."""
    schema = yaml.safe_load((Path(__file__).parent / "person.schema.yaml").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    people: dict[str, Person] = {}
    for path in sorted(directory.glob("*.yaml")):
        document = _document(path)
        error = jsonschema.exceptions.best_match(validator.iter_errors(document))
        if error is not None:
            raise PeopleInvalid(f"{path.name}: at {_pointer(error.absolute_path)}: {_sentence(error)}")
        people[path.stem] = _person(path.stem, document)
    _unique(people.values())
    return people


class _Strings(yaml.SafeLoader):
    """A loader that leaves dates as text: they are contents here, not instants."""


_Strings.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _document(path: Path) -> Any:
    try:
        return yaml.load(path.read_text("utf-8"), Loader=_Strings)  # noqa: S506 - a SafeLoader without dates
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PeopleInvalid(f"{path.name}: this is not YAML in UTF-8") from error


def _pointer(path: Iterable[Any]) -> str:
    return ".".join(str(part) for part in path) or "the top of the file"


def _sentence(error: jsonschema.ValidationError) -> str:
    if error.validator in {"additionalProperties", "unevaluatedProperties"}:
        return error.message.replace("Additional properties are not allowed", "unknown key").replace(
            "Unevaluated properties are not allowed", "unknown key"
        )
    return error.message


def _person(name: str, document: Mapping[str, Any]) -> Person:
    person = Person(
        id=name,
        summary=document["summary"],
        flags=tuple(document.get("flags", ())),
        identity=document["identity"],
        numbers=document["identifiers"],
        standings={institution: _standing(document[institution]) for institution in INSTITUTIONS},
    )
    _check_nir(person)
    return person


def _standing(section: Mapping[str, Any]) -> Standing:
    expect = section["expect"]
    return Standing(
        situation=section["situation"],
        seconds=float(section.get("seconds", 5)),
        retry_after=section.get("retry_after"),
        code=section.get("code", "37003"),
        data=section.get("data", {}),
        calls=section.get("calls", {}),
        drift=section.get("drift", {}),
        expect={"default": expect} if isinstance(expect, str) else expect,
    )


def nir_key(number: str) -> str:
    """The two-digit key of a 13-character NIR; Corsican departments count as 19 and 18."""
    digits = number[:13].replace("2A", "19").replace("2B", "18")
    return f"{97 - int(digits) % 97:02d}"


def _check_nir(person: Person) -> None:
    number = person.numbers.get("nir")
    if number is None:
        return
    identity = person.identity
    place = identity.get("birth_place", identity["birth_country"])
    birth = identity["birth_date"]
    expected = (
        ("1" if identity["sex"] == "M" else "2") + birth[2:4] + (birth[5:7] if birth[5:7] != "00" else "20") + place
    )
    if number[:10] != expected:
        raise PeopleInvalid(
            f"{person.id}.yaml: identifiers.nir: the first ten characters must say sex, year, month and place of birth"
        )
    if number[13:] != nir_key(number):
        raise PeopleInvalid(f"{person.id}.yaml: identifiers.nir: the key must be {nir_key(number)}")


def _unique(people: Iterable[Person]) -> None:
    taken: dict[tuple[str, str], str] = {}
    for person in people:
        for kind, value in person.numbers.items():
            other = taken.setdefault((kind, value), person.id)
            if other != person.id:
                raise PeopleInvalid(f"{person.id}.yaml: identifiers.{kind}: already the one of {other}.yaml")
