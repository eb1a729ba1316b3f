"""The shapes a journal member may take: every string is an identifier, a code or a hash, never free text.

Each form is a function `object -> bool`. Refuses anything in which a name, a number of a person or an address would
fit: no blank, no capital, no accent, no `@` outside `exchange@version`, no run of five digits in a word. Hashes, keys
and a SIRET have their exact length. Words that recur (fields, slugs, codes) are remembered, at most a few thousand,
accepted ones only.
"""

import re
from collections.abc import Callable, Collection
from typing import Any

Form = Callable[[object], bool]

_LIST = (list, tuple)
_REMEMBERED = 8_192
_MAX_COUNT = 2**31  # below any 11-digit number of a person
_MAX_TIME = 2**42  # year 2109, in milliseconds


class _Word:
    """A form of strings that recur."""

    def __init__(self, pattern: str) -> None:
        self._matches = re.compile(pattern, re.ASCII).fullmatch
        self._known: set[str] = set()

    def __call__(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        if value in self._known:
            return True
        if self._matches(value) is None:
            return False
        if len(self._known) < _REMEMBERED:
            self._known.add(value)
        return True

    def each(self, values: Collection[object]) -> bool:
        """Accept all of these at once when all were seen before."""
        try:
            if self._known.issuperset(values):
                return True
        except TypeError:  # something unhashable, so no word
            return False
        return all(map(self, values))


class _Unique:
    """A form of strings that do not recur: nothing is remembered."""

    def __init__(self, pattern: str) -> None:
        self._matches = re.compile(pattern, re.ASCII).fullmatch
        self._all_match = re.compile(f"(?:(?:{pattern})\n)*", re.ASCII).fullmatch

    def __call__(self, value: object) -> bool:
        return isinstance(value, str) and self._matches(value) is not None

    def each(self, values: Collection[Any]) -> bool:
        """Accept all of these in one match."""
        try:
            lines = "\n".join([*values, ""])
        except TypeError:  # something that is no string
            return False
        return self._all_match(lines) is not None and lines.count("\n") == len(values)


_CODE = r"[a-z][a-z_]{1,39}"
_NAME = r"(?![a-z0-9_]*[0-9]{5})[a-z][a-z0-9_]{0,39}"
_SLUG = r"(?!.*[0-9]{5})[a-z](?:-?[a-z0-9])"

slug = _Word(rf"{_SLUG}{{1,40}}")
field = _Word(rf"{_NAME}\.{_NAME}")
dataset = _Word(_NAME)
purpose = _Word(rf"{_NAME}(?:\.{_NAME}){{0,2}}")
code = _Word(_CODE)
exchange = _Word(rf"{_SLUG}{{1,60}}@[0-9]{{1,4}}(?:\.[0-9]{{1,4}}){{0,2}}")
obligation = _Word(
    rf"{_CODE}(?::{_NAME}(?::-?[0-9]{{1,7}})?)?"
    r"|predicate:(?:lt|le|gt|ge|eq):[0-9]{4}-[0-9]{2}-[0-9]{2}"  # a date written in the catalogue, nobody's
)
scope = _Word(rf"{_CODE}(?:[.:]{_NAME}){{0,3}}")
actor = _Unique(rf"[0-9a-f]{{32}}|batch:{_SLUG}{{1,40}}|subject")
siret = _Unique(r"[0-9]{14}")
reference = _Unique(r"[A-Z]{2,8}-[0-9]{4}-[0-9]{1,4}")  # of a decision: SAN-2026-012
hex128 = _Unique(r"[0-9a-f]{32}")
hex256 = _Word(r"[0-9a-f]{64}")  # catalogues and notices: few
digest = _Unique(r"[0-9a-f]{64}")  # of one file
commitment = _Unique(r"[A-Za-z0-9_-]{32}")
thumbprint = _Unique(r"[A-Za-z0-9_-]{43}")
public_key = _Unique(r"[A-Za-z0-9+/]{44}")  # base64 of type and key, 33 bytes
signature = _Unique(r"[A-Za-z0-9+/]{86}==|[A-Za-z0-9+/]{96}")  # of a log, of a witness
root = _Unique(r"[A-Za-z0-9+/]{43}=")
origin = _Word(r"(?!.*[0-9]{5})[a-z][a-z0-9.-]{0,99}(?:/[a-z0-9._-]{1,60}){0,6}")


def text(value: object) -> bool:
    """Accept any string: only for the `type` of an entry this reader may not know."""
    return isinstance(value, str)


def flag(value: object) -> bool:
    """Accept true or false."""
    return value is True or value is False


def count(value: object) -> bool:
    """Accept a small number: an epoch, a number of uses."""
    return type(value) is int and 0 <= value < _MAX_COUNT


def time(value: object) -> bool:
    """Accept milliseconds since 1970, of this century."""
    return type(value) is int and 10**12 <= value < _MAX_TIME


def one_of(*words: str) -> Form:
    """Accept one of these words."""
    return _Word("|".join(words))


def list_of(item: Form) -> Form:
    """Accept a list of such items, without repetition."""
    each = _each(item)

    def check(value: object) -> bool:
        return isinstance(value, _LIST) and each(value) and len(set(value)) == len(value)

    return check


def map_of(key: Form, item: Form) -> Form:
    """Accept an object whose keys and values are such."""
    each_key, each_item = _each(key), _each(item)

    def check(value: object) -> bool:
        return isinstance(value, dict) and each_key(value) and each_item(value.values())

    return check


def _each(item: Form) -> Callable[[Collection[object]], bool]:
    if isinstance(item, _Word | _Unique):
        return item.each
    return lambda values: all(map(item, values))
