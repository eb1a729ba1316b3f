"""The shapes a journal member may take: every string is an identifier, a code or a hash, never free text.

Each form is a function `object -> bool`. Refuses anything in which a name, a number of a person or an address
would fit: no blank, no capital, no accent, no `@` outside `exchange@version`, no run of digits other than a
SIRET. Words that recur (fields, slugs, codes) are remembered, at most a few thousand, accepted ones only.
"""

import re
from collections.abc import Callable, Collection

Form = Callable[[object], bool]

_REMEMBERED = 8_192
_MAX_COUNT = 2**31  # below any 11-digit number of a person
_MAX_TIME = 2**43  # year 2248, in milliseconds


def _word(pattern: str) -> Form:
    matches = re.compile(pattern, re.ASCII).fullmatch
    known: set[str] = set()

    def check(value: object) -> bool:
        if not isinstance(value, str):
            return False
        if value in known:
            return True
        if matches(value) is None:
            return False
        if len(known) < _REMEMBERED:
            known.add(value)
        return True

    return check


def _unique(pattern: str) -> Form:
    """Build a form of values that do not recur: not remembered."""
    matches = re.compile(pattern, re.ASCII).fullmatch
    return lambda value: isinstance(value, str) and matches(value) is not None


_CODE = r"[a-z][a-z_]{1,39}"
_NAME = r"[a-z][a-z0-9_]{0,39}"

slug = _word(r"[a-z](?:-?[a-z0-9]){1,40}")
field = _word(rf"{_NAME}\.{_NAME}")
dataset = _word(_NAME)
purpose = _word(rf"{_NAME}(?:\.{_NAME}){{0,2}}")
code = _word(_CODE)
exchange = _word(r"[a-z](?:-?[a-z0-9]){1,60}@[0-9]{1,4}(?:\.[0-9]{1,4}){0,2}")
obligation = _word(rf"{_CODE}(?::(?:{_NAME}|[0-9]{{1,6}})){{0,3}}")
scope = _word(r"[a-z][a-z_]{0,39}(?:[.:][a-z][a-z0-9_]{0,39}){0,3}")
actor = _unique(r"[0-9a-f]{32}|batch:[a-z](?:-?[a-z0-9]){1,40}")
siret = _unique(r"[0-9]{14}")
hex128 = _unique(r"[0-9a-f]{32}")
hex256 = _unique(r"[0-9a-f]{64}")
commitment = _unique(r"[A-Za-z0-9_-]{32}")
thumbprint = _unique(r"[A-Za-z0-9_-]{43}")
origin = _word(r"[a-z0-9][a-z0-9.-]{0,99}(?:/[a-z0-9._-]{1,60}){0,6}")


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
    """Accept milliseconds since 1970, of this or the next two centuries."""
    return type(value) is int and 10**12 <= value < _MAX_TIME


def one_of(*words: str) -> Form:
    """Accept one of these words."""
    known = frozenset(words)
    return lambda value: isinstance(value, str) and value in known


def list_of(item: Form) -> Form:
    """Accept a list of such items, without repetition."""

    def check(value: object) -> bool:
        if not isinstance(value, list | tuple):
            return False
        return all([item(one) for one in value]) and _distinct(value)  # noqa: C419  a list is faster when short

    return check


def map_of(key: Form, item: Form) -> Form:
    """Accept an object whose keys and values are such."""

    def check(value: object) -> bool:
        if not isinstance(value, dict):
            return False
        return all([key(one) for one in value]) and all([item(one) for one in value.values()])  # noqa: C419  idem

    return check


def _distinct(items: Collection[object]) -> bool:
    return len(set(items)) == len(items)
