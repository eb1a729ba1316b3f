"""The pivot identity: birth name, given names, sex, date and place of birth, as FranceConnect and the INSEE write them.

Refuses what it cannot compare surely: a letter that has no plain Latin form, an impossible date. Incomplete
identities (a partial date, a birth place missing for France) are kept for sources but never find a person.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from audit import canonical
from consent.forms import Bad, matching, text

T = TypeVar("T")

_REQUIRED = frozenset({"birth_country", "birth_date", "family_name", "given_names", "sex"})
_MEMBERS = _REQUIRED | {"birth_place", "usual_name"}
_SEX = {"M": "M", "F": "F", "male": "M", "female": "F"}
_FRANCE = "99100"
_JOINTS = " '\u2019-."

_country = matching(r"99[0-9]{3}", "INSEE country code, 99100 for France", 5)
_place = matching(r"(?:[0-9]{2}|2[AB])[0-9]{3}", "INSEE code of the commune", 5)
_date = matching(r"(1[89]|20)([0-9]{2})-([0-9]{2})-([0-9]{2})", "YYYY-MM-DD, 00 for what is not known", 10)

# Letters that Unicode does not decompose.
_LETTERS = str.maketrans({"Æ": "AE", "Œ": "OE", "Ø": "O", "Đ": "D", "Ð": "D", "Ł": "L", "Þ": "TH", "Ħ": "H"})


def read(value: object, now: int) -> tuple[str, str, bool]:
    """The canonical JSON text, the form compared between partners, and whether it may find a person."""
    given = _members(value)
    pivot: dict[str, Any] = {
        "birth_country": _at("birth_country", given, lambda each: _country(each)[0]),
        "birth_date": _at("birth_date", given, lambda each: _birth_date(each, now)),
        "birth_place": _at("birth_place", given, _optional(lambda each: _place(each)[0])),
        "family_name": _at("family_name", given, _name),
        "given_names": _at("given_names", given, _given_names),
        "sex": _at("sex", given, _sex),
        "usual_name": _at("usual_name", given, _optional(_name)),
    }
    # The usual name follows marriages: it takes no part in the comparison.
    compared = [
        pivot["birth_country"],
        pivot["birth_date"],
        pivot["birth_place"],
        plain(pivot["family_name"]),
        plain(" ".join(pivot["given_names"])),
        pivot["sex"],
    ]
    complete = not pivot["birth_date"].endswith("-00")
    placed = pivot["birth_country"] != _FRANCE or pivot["birth_place"] is not None
    return canonical.dumps(pivot).decode(), canonical.dumps(compared).decode(), complete and placed


def plain(name: str) -> str:
    """Capitals without accents, one blank for everything that is not a letter; idempotent."""
    upper = unicodedata.normalize("NFKD", name.upper()).translate(_LETTERS)
    bare = "".join(each for each in upper if not unicodedata.combining(each))
    return " ".join(re.sub(r"[^A-Z]+", " ", bare).split())


def _members(value: object) -> Mapping[str, Any]:
    """Accepts the object itself or its JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(text(value, 4000))
        except (ValueError, RecursionError):
            raise Bad("a JSON object") from None
    if not isinstance(value, Mapping):
        raise Bad("a JSON object")
    if not set(value) <= _MEMBERS or not set(value) >= _REQUIRED:
        raise Bad("birth_country, birth_date, birth_place, family_name, given_names, sex, usual_name and no other")
    return value


def _at(member: str, given: Mapping[str, Any], read_one: Callable[[Any], T]) -> T:
    try:
        return read_one(given.get(member))
    except Bad as bad:
        raise Bad(bad.reason, f"/{member}") from None


def _optional(read_one: Callable[[Any], str]) -> Callable[[Any], str | None]:
    return lambda value: None if value is None or value == "" else read_one(value)


def _name(value: object) -> str:
    name = " ".join(unicodedata.normalize("NFC", text(value, 100)).split())
    letters = [each for each in name if each not in _JOINTS and not unicodedata.combining(each)]
    if not letters or not all(each.isalpha() and plain(each) for each in letters):
        raise Bad("a name in letters of the Latin alphabet")
    return name


def _given_names(value: object) -> list[str]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= 20:
        raise Bad("a list of 1 to 20 names")
    return [_name(each) for each in value]


def _sex(value: object) -> str:
    if not isinstance(value, str) or value not in _SEX:
        raise Bad("M or F")
    return _SEX[value]


def _birth_date(value: object, now: int) -> str:
    found = _date(value)
    year, month, day = int(found[1] + found[2]), int(found[3]), int(found[4])
    if month == 0 and day != 0:
        raise Bad("a day without its month")
    try:
        earliest = date(year, month or 1, day or 1)
    except ValueError:
        raise Bad("no such day") from None
    if earliest > datetime.fromtimestamp(now / 1000, UTC).date():
        raise Bad("not yet born")
    return found[0]
