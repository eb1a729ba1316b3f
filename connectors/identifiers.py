"""The identifiers a source is asked with, as the gateway seals them.

Answers for reading them back and for nothing more: an identifier that this source cannot use is `None`, never
repaired, because a repaired identifier may be somebody else's (design.md section 7). The NIR stays in here and
in the connectors entitled to it (decree 2019-341).
"""

import re
from typing import Any, NamedTuple

import orjson

_BIRTH_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})\Z", re.ASCII)
_NIR = re.compile(r"[1-478]\d{4}(?:\d{2}|2[AB])\d{6}(?:\d{2})?\Z", re.ASCII)
_FT_NUMBER = re.compile(r"\d{11}\Z", re.ASCII)
_CAF_NUMBER = re.compile(r"([0-9A-Za-z]{1,15})/(demandeur|conjoint)\Z", re.ASCII)
_SEXES = {"M": "M", "F": "F", "male": "M", "female": "F"}


class Pivot(NamedTuple):
    """The pivot identity (FranceConnect's words); parts of the birth date that nobody knows are 0."""

    family_name: str
    usual_name: str | None
    given_names: tuple[str, ...]
    birth_year: int
    birth_month: int
    birth_day: int
    birth_place: str | None
    birth_country: str
    sex: str

    def __repr__(self) -> str:
        return "Pivot(…)"

    @property
    def birth_date(self) -> str | None:
        """YYYY-MM-DD when every part is known."""
        if not (self.birth_year and self.birth_month and self.birth_day):
            return None
        return f"{self.birth_year:04d}-{self.birth_month:02d}-{self.birth_day:02d}"

    def contradicts(self, birth_date: str) -> bool:
        """Whether somebody born on `birth_date` (YYYY-MM-DD) is certainly another person."""
        if birth_date == self.birth_date:
            return False
        found = _BIRTH_DATE.match(birth_date)
        if found is None:
            return False
        mine = (self.birth_year, self.birth_month, self.birth_day)
        return any(a and b and a != b for a, b in zip(mine, map(int, found.groups()), strict=True))


def is_birth_date(value: Any) -> bool:
    """Whether `value` is a birth date to compare: YYYY-MM-DD, unknown parts 0."""
    return isinstance(value, str) and _BIRTH_DATE.match(value) is not None


def pivot(identifier: str | None) -> Pivot | None:
    """The pivot identity of its JSON text; None when it is not one."""
    if identifier is None:
        return None
    try:
        value = orjson.loads(identifier)
        born = _BIRTH_DATE.match(value["birth_date"])
        names = value["given_names"]
        sex = _SEXES.get(value["sex"])
        family, country = value["family_name"], value["birth_country"]
        usual, place = value.get("usual_name"), value.get("birth_place")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None
    if born is None or sex is None or type(names) is not list or not names:
        return None
    for part in (family, country, *names):
        if type(part) is not str or not part:
            return None
    if not (usual is None or type(usual) is str) or not (place is None or type(place) is str):
        return None
    year, month, day = born.groups()
    return Pivot(family, usual or None, tuple(names), int(year), int(month), int(day), place or None, country, sex)


def nir(identifier: str | None) -> str | None:
    """A NIR of 13 or 15 characters; the key, when there, is right (Corsica: 2A counts as 19, 2B as 18)."""
    if identifier is None or _NIR.match(identifier) is None:
        return None
    if len(identifier) == 15:
        body = int(identifier[:13].replace("2A", "19").replace("2B", "18"))
        if 97 - body % 97 != int(identifier[13:]):
            return None
    return identifier


def ft_number(identifier: str | None) -> str | None:
    """A France Travail number: 11 digits."""
    return identifier if identifier is not None and _FT_NUMBER.match(identifier) else None


def caf_number(identifier: str | None) -> tuple[str, str] | None:
    """A CAF or MSA number and the person's role in the household: one number, several persons."""
    found = _CAF_NUMBER.match(identifier) if identifier is not None else None
    return (found[1], found[2]) if found else None
