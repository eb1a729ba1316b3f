"""Reads what partners send: tolerant of documented quirks, strict about what goes on.

Answers for types: only a vocabulary field with a value of its type passes; everything else is dropped and its
path reported (JSON Pointer, RFC 6901, `*` for any element of a list and for any member that no contract names).
Refuses to repeat a value: a path holds names of the published shape only, for a key may be a name or a number of
a person.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})\Z", re.ASCII)
_MICROSECONDS = 7  # the point and six digits: the most that policies/values.py lets leave
_LONGEST_TEXT = 1000
_LARGEST_NUMBER = 2**53 - 1  # what every JSON reader keeps exactly (RFC 8259 §6)
_MOST_PATHS = 32


class _Wrong:
    """The type of `WRONG`."""

    def __repr__(self) -> str:
        return "WRONG"


WRONG: Final = _Wrong()
"""What a reader returns for a value of another type."""

_ABSENT: Final = _Wrong()

Reader = Callable[[Any], Any]


def boolean(value: Any) -> Any:
    """True, false or null."""
    return value if value is True or value is False or value is None else WRONG


def integer(value: Any) -> Any:
    """A whole number or null."""
    if value is None or (type(value) is int and -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER):
        return value
    return WRONG


def text(value: Any) -> Any:
    """A text of reasonable length, or null; blank, and France Travail's "null", mean null."""
    if value is None:
        return None
    if type(value) is not str or len(value) > _LONGEST_TEXT:
        return WRONG
    value = value.strip()
    return None if value in ("", "null") else value


def day(value: Any) -> Any:
    """A date; of a moment, its day as the source writes it."""
    value = text(value)
    if type(value) is not str:
        return value
    if len(value) > 10 and value[10] == "T":
        if _MOMENT.match(value) is None:
            return WRONG
        value = value[:10]
    try:
        date.fromisoformat(value)
    except ValueError:
        return WRONG
    return value if _DAY.match(value) else WRONG


def moment(value: Any) -> Any:
    """A date and time with its offset (RFC 3339), as the source writes it down to the microsecond."""
    value = text(value)
    if type(value) is not str:
        return value
    found = _MOMENT.match(value)
    if found is None:
        return WRONG
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return WRONG
    return f"{found[1]}{(found[2] or '')[:_MICROSECONDS]}{found[3]}"


def given(read: Reader) -> Reader:
    """The same reader for a value that a source cannot lack: null is then of the wrong type."""

    def read_given(value: Any) -> Any:
        value = read(value)
        return WRONG if value is None else value

    return read_given


class Notes:
    """The paths where an answer leaves the published shape; bounded, each once."""

    __slots__ = ("_paths",)

    def __init__(self) -> None:
        self._paths: dict[str, None] = {}

    def add(self, path: str) -> None:
        """Note `path`."""
        if len(self._paths) < _MOST_PATHS:
            self._paths[path] = None

    def unknown(self, value: Mapping[str, Any], known: frozenset[str], *, path: str) -> None:
        """Note that `value` has members that no contract names; which ones is not repeated."""
        if not value.keys() <= known:
            self.add(f"{path}/*")

    @property
    def paths(self) -> tuple[str, ...]:
        """What was noted, in the order met."""
        return tuple(self._paths)


@dataclass(frozen=True, slots=True)
class Column:
    """One vocabulary field, the member of the answer that holds it, and how it is read."""

    field: str
    member: str
    read: Reader
    essential: bool = False  # without it the rest of the row would mislead


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity: it is a key of the cache below
class Shape:
    """One object of a published answer: the columns read from it and every member it is known to have."""

    columns: tuple[Column, ...]
    known: frozenset[str]

    @classmethod
    def of(cls, *columns: Column, ignored: Iterable[str] = ()) -> "Shape":
        """The shape whose members are those of `columns` and `ignored`."""
        return cls(columns, frozenset(column.member for column in columns) | frozenset(ignored))

    def row(
        self, value: Mapping[str, Any], wanted: frozenset[str], notes: Notes, *, path: str, strict: bool = True
    ) -> dict[str, Any]:
        """The wanted fields that `value` holds; none when a wanted one is essential and cannot be read.

        `strict`: a wanted member that is missing is noted too.
        """
        notes.unknown(value, self.known, path=path)
        row: dict[str, Any] = {}
        whole = True
        for column in _chosen(self, wanted):
            read = column.read(value[column.member]) if column.member in value else _ABSENT
            if read is WRONG or (read is _ABSENT and (strict or column.essential)):
                notes.add(f"{path}/{column.member}")
                whole = whole and not column.essential
            elif read is not _ABSENT:
                row[column.field] = read
        return row if whole else {}


@lru_cache(maxsize=1024)
def _chosen(shape: Shape, wanted: frozenset[str]) -> tuple[Column, ...]:
    return tuple(column for column in shape.columns if column.field in wanted)


def member(value: Any, name: str, kind: type, notes: Notes, *, path: str) -> Any:
    """`value[name]` when it is a `kind`; else None, noted."""
    inner = value.get(name)
    if isinstance(inner, kind):
        return inner
    notes.add(f"{path}/{name}")
    return None
