"""The DPO's search: how many entries per day answer a filter, which are the newest, how many of each kind.

Everything is bounded by a DPO's scope first. A page is found from the counts: they tell the newest days that hold
enough, and only the kinds that have entries on those days are looked into, each from its newest entry back.
Lines come from the projection; what is shown of them is read in the journal and checked (`entries.py`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from gateway.console import models
from gateway.console.filters import Filter
from gateway.console.given import given
from gateway.console.kinds import Kind, Scope

PAGE = 50

Days = dict[int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as the projection has it."""

    index: int
    day: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search: newest first; `after` continues it (None: that was all); entries per day, of all pages."""

    rows: Sequence[Row]
    after: int | None
    days: Mapping[int, int]

    @property
    def count(self) -> int:
        """How many entries answer, on all pages."""
        return sum(self.days.values())


class Search:
    """Searches of one database; any number of these may read it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds: dict[int, Kind] = {}

    async def kinds(self) -> Mapping[int, Kind]:
        """Give every kind there is, by id: at most a few thousand. They never change."""
        return await self._store.read(self._known)

    async def find(
        self,
        scope: Scope,
        wanted: Filter,
        *,
        among: Sequence[int] | None = None,
        after: int | None = None,
        size: int = PAGE,
    ) -> Found:
        """Find a page of entries; `among` are the positions of one person's entries, `after` the last one shown."""

        def work(connection: Connection) -> Found:
            known = self._known(connection)
            ids = wanted.kinds(scope, known)
            if among is not None or wanted.tag:
                rows = _few(connection, wanted, ids, among)
                days: Days = dict(Counter(row.day for row in rows))
            else:
                days = _days(connection, wanted, ids)
                rows = _newest(connection, days, ids, after=after, size=size)
            place = next((n for n, row in enumerate(rows) if row.index == after), -1) + 1 if after is not None else 0
            shown = [Row(row.index, row.day, known[row.kind]) for row in rows[place : place + size]]
            more = len(rows) > place + size
            return Found(shown, shown[-1].index if more else None, days)

        return await self._store.read(work)

    async def positions(
        self, scope: Scope, wanted: Filter, *, among: Sequence[int] | None = None, most: int
    ) -> list[int] | None:
        """Give the positions of all entries that answer, oldest first; None when there are more than `most`."""

        def work(connection: Connection) -> list[int] | None:
            ids = wanted.kinds(scope, self._known(connection))
            if among is not None or wanted.tag:
                found = [row.index for row in _few(connection, wanted, ids, among)]
                return sorted(found) if len(found) <= most else None
            if sum(_days(connection, wanted, ids).values()) > most:
                return None
            line, chosen = models.line.c, given(connection, ids, sa.Integer())
            query = sa.select(line.index).join(chosen, chosen.c.value == line.kind)
            query = query.where(line.day.between(wanted.since, wanted.until)).order_by(line.index)
            return list(connection.execute(query).scalars())

        return await self._store.read(work)

    async def counts(self, scope: Scope, wanted: Filter) -> list[tuple[int, Kind, int]]:
        """Count entries per day and kind: (day, kind, entries), oldest day first. Not for a person acting."""

        def work(connection: Connection) -> list[tuple[int, Kind, int]]:
            known = self._known(connection)
            tally, chosen = models.tally.c, given(connection, wanted.kinds(scope, known), sa.Integer())
            query = sa.select(tally.day, tally.kind, tally.entries).join(chosen, chosen.c.value == tally.kind)
            query = query.where(tally.day.between(wanted.since, wanted.until)).order_by(tally.day, tally.kind)
            return [(day, known[number], entries) for day, number, entries in connection.execute(query)]

        return await self._store.read(work)

    async def fields(self, *, since: int, until: int, orgs: Sequence[str] = ()) -> dict[tuple[str, str, str], int]:
        """Count releases per (recipient, purpose, field) over days, both included; `orgs`: of these recipients only."""
        columns = models.field.c
        query = sa.select(columns.org, columns.purpose, columns.field, sa.func.sum(columns.releases))
        query = query.where(columns.day.between(since, until))
        if orgs:
            query = query.where(columns.org.in_(sorted(orgs)))
        grouped = query.group_by(columns.org, columns.purpose, columns.field).order_by(
            columns.org, columns.purpose, columns.field
        )
        rows = await self._store.read(lambda connection: connection.execute(grouped).all())
        return {(org, purpose, name): int(count) for org, purpose, name, count in rows}

    async def actors(self, scope: Scope, wanted: Filter, *, least: int = 1, most: int = 100) -> list[tuple[str, int]]:
        """Count entries per person acting (tag), the busiest first; reads every line of the days asked for."""

        def work(connection: Connection) -> list[tuple[str, int]]:
            line, chosen = models.line.c, given(connection, wanted.kinds(scope, self._known(connection)), sa.Integer())
            number = sa.func.count()
            query = sa.select(line.actor, number).join(chosen, chosen.c.value == line.kind)
            query = query.where(line.actor.is_not(None), line.day.between(wanted.since, wanted.until))
            query = query.group_by(line.actor).having(number >= least).order_by(number.desc(), line.actor).limit(most)
            return [(actor, count) for actor, count in connection.execute(query)]

        return await self._store.read(work)

    async def linked(self, scope: Scope, *, ref: str = "", authorisation: str = "", most: int = 50) -> list[Row]:
        """Give the entries of one exchange (`ref`) or on one authorisation, oldest first."""
        line = models.line.c
        where = line.ref == ref if ref else line.authorisation == authorisation
        query = sa.select(line.index, line.day, line.kind).where(where).order_by(line.index).limit(most)

        def work(connection: Connection) -> list[Row]:
            known = self._known(connection)
            found = (Row(index, day, known[number]) for index, day, number in connection.execute(query))
            return [row for row in found if scope.sees(row.kind)]

        return await self._store.read(work)

    async def authorisation_of(self, ref: str) -> str | None:
        """Give the authorisation on which an exchange was decided."""
        line = models.line.c
        query = sa.select(line.authorisation).where(line.ref == ref, line.authorisation.is_not(None)).limit(1)
        ordered = query.order_by(line.index)
        return await self._store.read(lambda connection: connection.execute(ordered).scalar())

    async def kind_of(self, index: int) -> Kind | None:
        """Give the kind of an entry, as far as the projection has come."""

        def work(connection: Connection) -> Kind | None:
            query = sa.select(models.line.c.kind).where(models.line.c.index == index)
            number = connection.execute(query).scalar()
            return self._known(connection)[number] if number is not None else None

        return await self._store.read(work)

    def _known(self, connection: Connection) -> dict[int, Kind]:
        """Read the kinds written since the last time: an id is higher than all before it."""
        columns = models.kind.c
        query = sa.select(models.kind).where(columns.id > max(self._kinds, default=0)).order_by(columns.id)
        for row in connection.execute(query).mappings():
            self._kinds[row["id"]] = Kind(
                type=row["type"],
                org=row["org"],
                purpose=row["purpose"],
                decision=row["decision"],
                job=row["job"],
                sources=tuple(row["sources"].split()),
                datasets=tuple(row["datasets"].split()),
                reasons=tuple(row["reasons"].split()),
            )
        return self._kinds


def _days(connection: Connection, wanted: Filter, ids: Sequence[int]) -> Days:
    tally, chosen = models.tally.c, given(connection, ids, sa.Integer())
    query = sa.select(tally.day, sa.func.sum(tally.entries)).join(chosen, chosen.c.value == tally.kind)
    query = query.where(tally.day.between(wanted.since, wanted.until)).group_by(tally.day).order_by(tally.day)
    return {day: int(count) for day, count in connection.execute(query)}


def _newest(connection: Connection, days: Days, ids: Sequence[int], *, after: int | None, size: int) -> Sequence[Any]:
    """Read enough of the newest lines, those of the last one's day from it on: the caller finds its place in them."""
    line = models.line.c
    last = None
    if after is not None:
        last = connection.execute(sa.select(line.day).where(line.index == after)).scalar()
        if last is None:
            return []
    enough = _enough(days, last, size + 1)
    if not enough:
        return []
    before = sa.true() if last is None else sa.or_(line.day < last, line.index <= after)
    tally, chosen = models.tally.c, given(connection, ids, sa.Integer())
    held = sa.select(tally.day, tally.kind).join(chosen, chosen.c.value == tally.kind)
    held = held.where(tally.day.between(enough[-1], enough[0]))
    columns = (line.index, line.day, line.kind)
    if connection.dialect.name == "sqlite":
        buckets = held.subquery()
        query = sa.select(*columns).join(buckets, sa.and_(buckets.c.day == line.day, buckets.c.kind == line.kind))
        query = query.where(before)
    else:  # of each kind on each day its newest only, however many there are
        buckets = held.subquery()
        newest = sa.select(*columns).where(line.kind == buckets.c.kind, line.day == buckets.c.day, before)
        each = newest.order_by(line.index.desc()).limit(size + 2).lateral()
        query = sa.select(each).select_from(buckets.join(each, sa.true()))
        return connection.execute(query.order_by(each.c.day.desc(), each.c.index.desc()).limit(size + 2)).all()
    return connection.execute(query.order_by(line.day.desc(), line.index.desc()).limit(size + 2)).all()


def _enough(days: Days, last: int | None, size: int) -> list[int]:
    """Give the newest days, from that of the last line shown, that hold enough; of that day some were shown already."""
    taken: list[int] = []
    sure = 0
    for day in sorted(days, reverse=True):
        if last is not None and day > last:
            continue
        taken.append(day)
        sure += days[day] if day != last else 0
        if sure >= size:
            break
    return taken


def _few(connection: Connection, wanted: Filter, ids: Iterable[int], among: Sequence[int] | None) -> Sequence[Any]:
    """Read all lines of a person acting, or of a person's own entries: never more than one person's."""
    line, allowed = models.line.c, set(ids)
    query = sa.select(line.index, line.day, line.kind).where(line.day.between(wanted.since, wanted.until))
    if wanted.tag:
        query = query.where(line.actor == wanted.tag)
    if among is not None:
        chosen = given(connection, among, sa.BigInteger())
        query = query.join(chosen, chosen.c.value == line.index)
    rows = connection.execute(query.order_by(line.day.desc(), line.index.desc())).all()
    return [row for row in rows if row.kind in allowed]
