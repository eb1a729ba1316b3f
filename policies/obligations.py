"""How a field may leave: the obligation lattice (XACML-style obligations, closed set).

    clear ⊐ truncate · generalise · mask ⊐ pseudonymise ⊐ predicate ⊐ never

The catalogue, the authorisation and the source each set a floor; `strictest` gives the one that satisfies all of
them, or None when no floor does: two that cannot be compared are never guessed between.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

from policies.vocabulary import Field, FieldType

_LEVELS: Final = {"clear": 0, "truncate": 1, "generalise": 1, "mask": 1, "pseudonymise": 2, "predicate": 3, "never": 4}
_DATE_PARTS: Final = {"day": 1, "month": 2, "year": 3, "decade": 4}
_DATES: Final = (FieldType.DATE, FieldType.DATETIME)
OPERATORS: Final = ("lt", "le", "gt", "ge", "eq")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Obligation:
    """One way to release a field. Its text (`truncate:commune`, `predicate:lt:800`) is its whole content."""

    kind: str
    to: str = ""
    value: int | str | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.kind, self.to, self.value) if part not in {"", None})


NEVER: Final = Obligation("never")


def from_release(content: Mapping[str, Any]) -> Obligation:
    """Read the release of a field as written in a catalogue file (already checked against the schema)."""
    kind = content["release"]
    if kind == "predicate":
        return Obligation(kind, content["op"], content["value"])
    if kind == "mask":
        return Obligation(kind, "last", content["keep"])
    if kind == "generalise" and content["to"] == "band":
        return Obligation(kind, "band", content["step"])
    return Obligation(kind, content.get("to", ""))


@lru_cache(maxsize=1024)
def parse(text: str) -> Obligation | None:
    """Read the text of an obligation back; None when it is not exactly what `str` would write."""
    kind, _, rest = text.partition(":")
    to, _, last = rest.partition(":")
    value = int(last) if _NUMBER.fullmatch(last) else last or None
    read = Obligation(kind, to, value)
    return read if kind in _LEVELS and str(read) == text else None


def applicable(obligation: Obligation, field: Field) -> bool:
    """Whether the obligation can be carried out on a field of this type."""
    match obligation:
        case Obligation("clear" | "never", "", None):
            fits = True
        case Obligation("truncate", "commune", None):
            fits = field.commune is not None
        case Obligation("truncate", "day", None):
            fits = field.type is FieldType.DATETIME
        case Obligation("truncate", "month" | "year", None) | Obligation("generalise", "year" | "decade", None):
            fits = field.type in _DATES
        case Obligation("generalise", "band", int(step)):
            fits = field.type is FieldType.INT and step > 1
        case Obligation("mask", "last", int(keep)):
            fits = field.type is FieldType.STR and 0 <= keep <= 4
        case Obligation("pseudonymise", "", None):
            fits = field.type in {FieldType.STR, FieldType.INT}
        case Obligation("predicate", op, value):
            fits = op in OPERATORS and _comparable_with(field.type, value)
        case _:
            fits = False
    return fits


def _comparable_with(kind: FieldType, value: int | str | None) -> bool:
    if kind is FieldType.INT:
        return type(value) is int
    return kind is FieldType.DATE and isinstance(value, str) and is_date(value)


def is_date(text: str) -> bool:
    """Whether the text is a calendar date written YYYY-MM-DD."""
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def strictest(one: Obligation, other: Obligation) -> Obligation | None:
    """Give the obligation that satisfies both, or None when they cannot be compared."""
    if covers(one, other):
        # equal strength under two spellings: the choice must not depend on the order of the arguments
        return min(one, other, key=str) if covers(other, one) else one
    return other if covers(other, one) else None


def covers(strict: Obligation, loose: Obligation) -> bool:
    """Whether releasing under `strict` tells nothing that `loose` would not."""
    levels = _LEVELS[strict.kind], _LEVELS[loose.kind]
    if strict == loose or levels[0] != levels[1]:
        return levels[0] >= levels[1]
    match strict, loose:
        case (
            Obligation("truncate" | "generalise", to, None),
            Obligation("truncate" | "generalise", than, None),
        ) if to in _DATE_PARTS and than in _DATE_PARTS:
            return _DATE_PARTS[to] >= _DATE_PARTS[than]
        case Obligation("generalise", "band", int(step)), Obligation("generalise", "band", int(than_step)):
            return step % than_step == 0
        case Obligation("mask", _, int(keep)), Obligation("mask", _, int(than_keep)):
            return keep <= than_keep
    return False
