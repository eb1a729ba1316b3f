"""A person's own lines of the journal, newest first, a page at a time, as they read them.

Found by the person's tags (only their key makes them), by index: what is read depends on the page, not on the journal.
An access is two or three entries of one exchange: what was decided, and what came of it. Refuses to show a line that
is not about this person, and to read without bound: a page looks through `LOOKED` lines at most, then says so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.errors import SealBroken
from audit.models import audit_entry
from audit.person_key import PersonKey
from audit.person_list import read_entries
from consent.models import subject as people
from consent.states import words
from consent.vault import SubjectId
from gateway.archive.told import withheld
from gateway.services import Services

CHUNKS = (30, 120, 480)
"""How many lines are read at a time: few at first, as most pages need no more; the last size repeats."""
LOOKED = 1_000
_TOGETHER = 40
"""How far apart the entries of one exchange may stand: others of the same person at the same moment."""

_SKEW_MS = 600_000
"""How far an entry's own time may stand from its neighbours' (the journal allows half of it)."""

OUTCOMES = frozenset({"exchange.released", "exchange.undelivered"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The row of a person that pages need: how many lines, since when, and what stands noted."""

    counter: int
    created_at: int
    flags: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry: `number` in the person's own count, `index` in the journal."""

    number: int
    index: int
    entry: Mapping[str, Any]
    sealed: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One demand for information: `outcome` is `seen`, `refused` or `nothing`; `hidden` the true reason per field."""

    number: int
    index: int
    at: int
    org: str
    purpose: str
    basis: str | None
    authorisation: str | None
    actor: str
    outcome: str
    fields: tuple[str, ...]
    sources: tuple[str, ...]
    hidden: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which accesses: of an organisation, between two moments (ms), under an authorisation, for these purposes."""

    org: str | None = None
    purposes: frozenset[str] | None = None
    since: int | None = None
    until: int | None = None
    authorisation: str | None = None

    def holds(self, decided: Mapping[str, Any], at: int) -> bool:
        """Whether the access that was so decided, and told at this moment, is one of them."""
        return (
            (self.org is None or decided["org"] == self.org)
            and (self.purposes is None or decided["purpose"] in self.purposes)
            and (self.authorisation is None or decided.get("authorisation") == self.authorisation)
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of accesses; `before` is where the next one begins, None at the end."""

    accesses: tuple[Access, ...]
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLines:
    """A page of lines, whatever they are."""

    lines: tuple[Line, ...]
    before: int | None


async def person_of(services: Services, subject: SubjectId) -> Person:
    """The person's row."""
    query = sa.select(people.c.counter, people.c.created_at, people.c.flags).where(people.c.id == subject)
    row = await services.store.read(lambda connection: connection.execute(query).one())
    return Person(counter=row.counter, created_at=row.created_at, flags=words(row.flags))


async def accesses(
    services: Services, subject: SubjectId, *, size: int, before: int | None = None, wanted: Wanted | None = None
) -> Found:
    """A page of them, newest first. Raises `SubjectErased`."""
    key = (await services.vault.open(subject)).journal
    asked = wanted or Wanted()

    def work(connection: Connection) -> Found:
        count = _count(connection, subject)
        start = count if before is None else max(0, min(before, count))
        if asked.until is not None:
            start = _below(connection, key, start, asked.until + _SKEW_MS)
        outcomes = _outcomes(connection, key, start, count)
        found: list[Access] = []
        for looked, line in enumerate(_walk(connection, key, start), 1):
            entry = line.entry
            if asked.since is not None and entry["time"] < asked.since - _SKEW_MS:
                return Found(accesses=tuple(found), before=None)
            if entry["type"] in OUTCOMES:
                outcomes[entry["ref"]] = line
            elif entry["type"] == "exchange.decided":
                came = outcomes.pop(entry["ref"], None)
                if asked.holds(entry, (came or line).entry["time"]):
                    found.append(_access(line, came, key))
            if len(found) == size or looked >= LOOKED:
                return Found(accesses=tuple(found), before=line.number or None)
        return Found(accesses=tuple(found), before=None)

    return await services.store.read(work)


def _every(_entry: Mapping[str, Any]) -> bool:
    return True


async def newest(
    services: Services,
    subject: SubjectId,
    *,
    size: int,
    before: int | None = None,
    shown: Callable[[Mapping[str, Any]], bool] = _every,
) -> FoundLines:
    """A page of all lines: accesses, choices, links, everything that is `shown`."""
    key = (await services.vault.open(subject)).journal

    def work(connection: Connection) -> FoundLines:
        count = _count(connection, subject)
        start = count if before is None else max(0, min(before, count))
        found: list[Line] = []
        for looked, line in enumerate(_walk(connection, key, start), 1):
            if shown(line.entry):
                found.append(line)
            if len(found) == size or looked >= LOOKED:
                return FoundLines(lines=tuple(found), before=line.number or None)
        return FoundLines(lines=tuple(found), before=None)

    return await services.store.read(work)


async def line_at(services: Services, subject: SubjectId, index: int) -> Line | None:
    """The line at this place of the journal when it is about this person; None for anybody else's, or nobody's."""
    key = (await services.vault.open(subject)).journal
    query = sa.select(audit_entry.c.subject, audit_entry.c.leaf).where(audit_entry.c.index == index)

    def work(connection: Connection) -> Line | None:
        row = connection.execute(query).one_or_none() if 0 <= index < 2**63 else None
        if row is None or row.subject is None:
            return None
        numbers = range(_count(connection, subject) - 1, -1, -1)
        number = next((each for each in numbers if key.tag(each) == row.subject), None)
        return None if number is None else Line(number=number, index=index, entry=orjson.loads(row.leaf))

    return await services.store.read(work)


def _below(connection: Connection, key: PersonKey, end: int, until: int) -> int:
    """The number above the last line dated before `until`: halved, as a person's lines are in the order of time."""
    first = 0
    while first < end:
        middle = (first + end) // 2
        found = _read(connection, key, (middle,))
        if found and found[0].entry["time"] >= until:
            end = middle
        else:  # earlier, or pruned, which is earlier still
            first = middle + 1
    return end


def _count(connection: Connection, subject: SubjectId) -> int:
    query = sa.select(people.c.counter).where(people.c.id == subject)
    return int(connection.execute(query).scalar_one())


def _walk(connection: Connection, key: PersonKey, start: int) -> Iterator[Line]:
    """Lines below `start`, newest first."""
    end = start
    for step in chain(CHUNKS, repeat(CHUNKS[-1])):
        if end <= 0:
            return
        first = max(0, end - step)
        yield from reversed(_read(connection, key, range(first, end)))
        end = first


def _read(connection: Connection, key: PersonKey, numbers: Iterable[int]) -> list[Line]:
    named = {key.tag(number): number for number in numbers}
    rows = read_entries(connection, key, named.values())
    return [
        Line(number=named[row.subject], index=row.index, entry=orjson.loads(row.leaf), sealed=row.sealed)
        for row in rows
    ]


def _outcomes(connection: Connection, key: PersonKey, start: int, count: int) -> dict[str, Line]:
    """What came of exchanges whose outcome stands just above this page, on the one before."""
    above = _read(connection, key, range(start, min(count, start + _TOGETHER)))
    return {each.entry["ref"]: each for each in above if each.entry["type"] in OUTCOMES}


def _access(decided: Line, came: Line | None, key: PersonKey) -> Access:
    entry = decided.entry
    released = came is not None and came.entry["type"] == "exchange.released"
    shown = came if came is not None else decided
    refused = entry["decision"] == "deny"
    hidden = _by_field(entry.get("denials", {}))
    if released and came is not None:
        hidden |= _sealed(came, key)
    return Access(
        number=decided.number,
        index=shown.index,
        at=shown.entry["time"],
        org=entry["org"],
        purpose=entry["purpose"],
        basis=entry.get("basis"),
        authorisation=entry.get("authorisation"),
        actor=entry["actor"],
        outcome="refused" if refused else "seen" if released else "nothing",
        fields=tuple(sorted(came.entry.get("commits", ()))) if released and came is not None else (),
        sources=tuple(entry.get("sources", ())),
        hidden=hidden,
    )


def _sealed(line: Line, key: PersonKey) -> dict[str, str]:
    """The true reasons, sealed for the person; without the seal (an erasure), what the recipient was told."""
    try:
        seal = None if line.sealed is None else key.unseal(line.sealed, line.entry["ref"])
    except SealBroken:
        seal = None
    return dict(withheld(seal)) if seal is not None else _by_field(line.entry.get("withheld", {}))


def _by_field(reasons: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {name: reason for reason, fields in reasons.items() for name in fields}
