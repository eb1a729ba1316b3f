"""Carries an obligation out on one value. Each function gives the reduced value or raises; nobody falls back to clear.

A null stays null under the obligations that shorten a value (there is nothing to shorten), and fails under those
that would answer a question or make a name from it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from policies.obligations import Obligation
from policies.vocabulary import Field

Pseudonymise = Callable[[str, str | int], str]
Transform = Callable[[Any, Mapping[str, Any], Pseudonymise | None], Any]

_PREFIXES: Final = {"day": 10, "month": 7, "year": 4}
_PSEUDONYM: Final = re.compile(r"[0-9a-f]{32}")
# no street number before it, no postcode in it; PARIS 15 is a commune
_COMMUNE: Final = re.compile(r"(?![0-9])(?!.*[0-9]{3})[^,;\n]{1,60}")


class Unmet(Exception):  # noqa: N818
    """The obligation could not be carried out on this value. Says nothing of the value."""


def transform(obligation: Obligation, field: Field) -> Transform | None:
    """Give the function that carries an obligation out on a field; None when the value leaves as it is."""
    made: Transform | None
    match obligation:
        case Obligation("clear"):
            made = None
        case Obligation("truncate", "commune"):
            made = _commune(str(field.commune))
        case Obligation("truncate" | "generalise", "day" | "month" | "year" as part):
            made = _shortened(_prefix(_PREFIXES[part]))
        case Obligation("generalise", "decade"):
            made = _shortened(lambda value: f"{value[:3]}0..{value[:3]}9")
        case Obligation("generalise", "band", int(step)):
            made = _shortened(_band(step))
        case Obligation("mask", "last", int(keep)):
            made = _shortened(_masked(keep))
        case Obligation("predicate", op, threshold):
            made = _answered(_OPERATIONS[op], threshold)
        case Obligation("pseudonymise"):
            made = _named(field.name)
        case _:
            made = _unmet
    return made


def _unmet(_value: Any, _row: Mapping[str, Any], _pseudonymise: Pseudonymise | None) -> Any:
    raise Unmet


def _prefix(length: int) -> Callable[[str], str]:
    return lambda value: value[:length]


def _band(step: int) -> Callable[[int], str]:
    return lambda value: f"{value // step * step}..{value // step * step + step - 1}"


def _shortened(shorten: Callable[[Any], Any]) -> Transform:
    return lambda value, _row, _pseudonymise: None if value is None else shorten(value)


def _commune(stand_in: str) -> Transform:
    def keep_commune(value: Any, row: Mapping[str, Any], _pseudonymise: Pseudonymise | None) -> str | None:
        if value is None:
            return None
        commune = row.get(stand_in)
        if type(commune) is not str or not _COMMUNE.fullmatch(commune):
            raise Unmet
        return commune

    return keep_commune


def _masked(keep: int) -> Callable[[str], str]:
    def mask(value: str) -> str:
        # what is shown must be less than what is hidden
        if len(value) <= 2 * keep:
            raise Unmet
        return "***" + value[len(value) - keep :]

    return mask


def _named(field: str) -> Transform:
    def give_name(value: Any, _row: Mapping[str, Any], pseudonymise: Pseudonymise | None) -> str:
        if pseudonymise is None or value is None:
            raise Unmet
        name = pseudonymise(field, value)
        if not _PSEUDONYM.fullmatch(name) or name == value:
            raise Unmet
        return name

    return give_name


_OPERATIONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "lt": lambda value, threshold: value < threshold,
    "le": lambda value, threshold: value <= threshold,
    "gt": lambda value, threshold: value > threshold,
    "ge": lambda value, threshold: value >= threshold,
    "eq": lambda value, threshold: value == threshold,
}


def _answered(operation: Callable[[Any, Any], bool], threshold: Any) -> Transform:
    def answer(value: Any, _row: Mapping[str, Any], _pseudonymise: Pseudonymise | None) -> bool:
        if value is None:
            raise Unmet
        return operation(value, threshold)

    return answer
