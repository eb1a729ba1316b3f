"""The watch list of a DPO: alerts within their scope, people's own reports, and what DPOs made of them.

Counted from the projection of the journal once a minute in each process; only judgements are stored, each an entry
`watch.judged`. The note of a judgement stands sealed and never enters the journal. Persons show as the institution's
own pseudonyms. Several institutions may have the same alert: each judges for itself, and sees its own judgements and
the consortium's; the consortium's DPO sees all of them, and judges for the consortium.
"""

import hmac
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Draft
from audit.person_key import Sealing
from audit.store import Store
from consent.models import authorisation, partner_subject
from gateway.console.filters import Filter
from gateway.console.given import given
from gateway.console.kinds import PARIS, Kind, Scope, date_of, day_of
from gateway.console.models import line
from gateway.oversight import rules
from gateway.oversight.models import judgement as table
from gateway.oversight.rules import Alert
from gateway.services import Services
from gateway.web.me.reports import Report, close_report, open_reports

VERDICTS = ("seen", "normal", "incident")
LONGEST = 1_000
_FRESH_MS = 60_000
_DAY_MS = 86_400_000
_kept: WeakKeyDictionary[Store, dict[str | None, tuple[int, list[Alert]]]] = WeakKeyDictionary()

_HOUR_MS = sa.literal_column("3600000", sa.BigInteger)  # no parameters: the same expression groups and orders
_HOURS = sa.literal_column("24", sa.BigInteger)


class _Known(Exception):  # noqa: N818  caught here
    """The judgement that holds is this one, by the same human: the form was sent twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a DPO made of an alert, for their institution or for the consortium."""

    verdict: str
    org: str
    consortium: bool
    at: int
    entry: int
    note: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An alert, the judgements this scope sees, newest first, and `last`, which holds for it; a person's `report`."""

    alert: Alert
    judgements: tuple[Judgement, ...]
    last: Judgement | None
    report: Report | None = field(default=None, repr=False)

    @property
    def open(self) -> bool:
        """Whether nobody has called it normal or an incident."""
        return self.last is None or self.last.verdict == "seen"


async def watched(services: Services, scope: Scope, *, now: int) -> list[Watched]:
    """Every alert of this scope, open ones first, newest first; the journal is counted once a minute.

    A report stays for 30 days after it was dealt with.
    """
    kept = _kept.setdefault(services.store, {})
    known = kept.get(scope.organisation)
    if known is None or not known[0] <= now < known[0] + _FRESH_MS:
        known = kept[scope.organisation] = (now, await _counted(services, scope, day_of(now)))
    found = list(known[1])
    since = now - rules.DAYS * _DAY_MS
    said = await open_reports(services, scope.organisation, closed_since=since)
    reports = {_reported(each).id: each for each in said}
    found += [_reported(each) for each in reports.values()]
    judged = await _judgements(services, scope, [each.id for each in found])
    made = []
    for each in sorted(found, key=lambda one: (-one.day, one.rule, one.org, one.about)):
        views = judged.get(each.id, ())
        last = next((one for one in views if one.consortium or scope.organisation is not None), None)
        made.append(Watched(alert=each, judgements=views, last=last, report=reports.get(each.id)))
    return sorted(made, key=lambda each: not each.open)


async def _counted(services: Services, scope: Scope, today: int) -> list[Alert]:
    """What the rules find in the journal."""
    search = services.console.search
    wide = Filter(since=today - rules.DAYS - rules.HABIT, until=today)
    known = await search.kinds()
    ids = Filter(since=today, until=today, type="exchange.decided").kinds(scope, known)
    hours, persons = await services.store.read(
        lambda connection: (
            _hours(connection, ids, known, today),
            _persons(connection, ids, scope, today, services.keys.naming),
        )
    )
    days = await search.counts(scope, wide)
    return [*rules.alerts(days, today=today), *rules.at_night(hours), *rules.seen_by_many(persons)]


async def judge(
    services: Services, found: Watched, verdict: str, *, note: str, org: str, actor: str, scope: Scope, now: int
) -> None:
    """Write a judgement, once when it is sent again; a report that is normal or an incident is dealt with."""
    id_ = found.alert.id
    sealed = _sealing(services).seal(note.encode(), _place(id_)) if note else None
    row = {
        "alert": id_, "verdict": verdict, "org": org, "consortium": scope.organisation is None, "actor": actor,
        "at": now, "note": sealed,
    }  # fmt: skip

    mine = table.c.consortium if scope.organisation is None else _seen(scope)
    newest = sa.select(table).where(table.c.alert == id_, mine).order_by(table.c.entry.desc()).limit(1)

    def change(connection: Connection, index: int) -> None:
        last = connection.execute(newest).one_or_none()
        if last is not None and (last.actor, last.verdict, _note(services, last)) == (actor, verdict, note):
            raise _Known
        connection.execute(sa.insert(table), {**row, "entry": index})

    members: dict[str, Json] = {"alert": id_, "rule": found.alert.rule, "verdict": verdict, "org": org, "actor": actor}
    with suppress(_Known):
        await services.journal.append(Draft(type="watch.judged", members=members, time=now, change=change))
    if found.report is not None and verdict != "seen":
        await close_report(services, found.report.id, organisation=scope.organisation, actor=actor, now=now)


def _reported(report: Report) -> Alert:
    return Alert(day=day_of(report.reported_at), rule="reported", org=report.org, about=report.id)


def _hours(
    connection: Connection, ids: list[int], known: Mapping[int, Kind], today: int
) -> list[tuple[int, str, int, int]]:
    """Requests by people per day, institution and hour of Paris; the hour's offset is that of noon."""
    chosen, hour = given(connection, ids, sa.Integer()), line.c.at // _HOUR_MS % _HOURS
    query = sa.select(line.c.day, line.c.kind, hour, sa.func.count()).join(chosen, chosen.c.value == line.c.kind)
    query = query.where(line.c.actor.is_not(None), line.c.day.between(today - rules.MANY_DAYS + 1, today))
    grouped = query.group_by(line.c.day, line.c.kind, hour).order_by(line.c.day, line.c.kind, hour)
    return [
        (day, known[kind].org, (int(utc) + _offset(day)) % 24, number)
        for day, kind, utc, number in connection.execute(grouped)
    ]


def _offset(day: int) -> int:
    noon = datetime.combine(date_of(day), time(12), PARIS).utcoffset()
    return int(noon.total_seconds() // 3600) if noon is not None else 0


def _persons(
    connection: Connection, ids: list[int], scope: Scope, today: int, key: bytes
) -> list[tuple[str, str, str, int, int]]:
    """Persons looked up by many different people acting within a week: see `rules.seen_by_many`."""
    chosen = given(connection, ids, sa.Integer())
    eyes = sa.func.count(sa.distinct(line.c.actor))
    query = sa.select(authorisation.c.subject, authorisation.c.recipient, sa.func.max(line.c.day), eyes)
    query = query.select_from(line).join(chosen, chosen.c.value == line.c.kind)
    query = query.join(authorisation, authorisation.c.id == line.c.authorisation)
    query = query.where(line.c.actor.is_not(None), line.c.day.between(today - rules.MANY_DAYS + 1, today))
    grouped = query.group_by(authorisation.c.subject, authorisation.c.recipient).having(eyes >= rules.MANY)
    rows = connection.execute(grouped.order_by(authorisation.c.subject, authorisation.c.recipient).limit(500)).all()
    subjects = sorted({row[0] for row in rows})
    names: dict[str, str] = {}
    if scope.organisation is not None and subjects:
        own = sa.select(partner_subject.c.subject, partner_subject.c.pseudonym)
        own = own.where(partner_subject.c.partner == scope.organisation, partner_subject.c.subject.in_(subjects))
        names = {row[0]: row[1] for row in connection.execute(own.order_by(partner_subject.c.subject))}
    return [
        (
            hmac.digest(key, f"passerelle-watch/v1\0{subject}".encode(), "sha256")[:8].hex(),
            names.get(subject, ""),
            *rest,
        )
        for subject, *rest in rows
    ]


def _seen(scope: Scope) -> sa.ColumnElement[bool]:
    """The judgements this scope may read."""
    return sa.true() if scope.organisation is None else (table.c.org == scope.organisation) | table.c.consortium


async def _judgements(services: Services, scope: Scope, ids: list[str]) -> dict[str, tuple[Judgement, ...]]:
    def read(connection: Connection) -> dict[str, tuple[Judgement, ...]]:
        chosen, found = given(connection, ids, sa.String()), dict[str, tuple[Judgement, ...]]()
        query = sa.select(table).join(chosen, chosen.c.value == table.c.alert).where(_seen(scope))
        for row in connection.execute(query.order_by(table.c.entry.desc())):
            one = Judgement(
                verdict=row.verdict, org=row.org, consortium=row.consortium, at=row.at, entry=row.entry,
                note=_note(services, row),
            )  # fmt: skip
            found[row.alert] = (*found.get(row.alert, ()), one)
        return found

    return await services.store.read(read)


def _note(services: Services, row: sa.Row[Any]) -> str:
    return "" if row.note is None else _sealing(services).unseal(row.note, _place(row.alert)).decode()


def _sealing(services: Services) -> Sealing:
    return Sealing(services.keys.sealing)


def _place(id_: str) -> bytes:
    return f"oversight_judgement/{id_}".encode()
