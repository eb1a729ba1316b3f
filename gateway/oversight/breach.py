"""The radius of a breach: whose data, which of it, went where, through a partner, an actor or a partner's key.

From the journal: what was released in a period, each release joined with its decision and the decision's authorisation
to count persons. Persons leave this module as the pseudonyms of the institution that asks, or as a number. Refuses a
radius of more releases than it can count exactly: a narrower period is asked for.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.models import audit_entry
from consent.models import authorisation, partner_subject
from gateway.console.filters import Filter
from gateway.console.given import given
from gateway.console.kinds import Scope
from gateway.console.models import line
from gateway.oauth import jwks
from gateway.oauth.models import partner as partners
from gateway.services import Services

MOST = 10_000  # read and counted within the time a page may take
_CHUNK = 1_000  # releases read in one go: others have their turn in between
HOURS_MS = 72 * 3_600_000  # GDPR 33-1


class RadiusTooWide(Exception):  # noqa: N818  the page says so
    """More releases than are counted exactly."""

    code = "radius_too_wide"


@dataclass(slots=True)
class Person:
    """One person in the radius; `pseudonym` is the asking institution's (`add_pseudonyms`), None where it has none."""

    first: int
    last: int
    releases: int = 0
    pseudonym: str | None = None
    fields: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Radius:
    """What was released."""

    releases: int = 0
    unattributed: int = 0
    first: int | None = None
    last: int | None = None
    persons: dict[str, Person] = field(default_factory=dict, repr=False)
    fields: Counter[str] = field(default_factory=Counter)
    """Per field, in how many releases."""
    touched: dict[str, set[str]] = field(default_factory=dict, repr=False)
    """Per field, who."""
    recipients: dict[str, set[str]] = field(default_factory=dict, repr=False)
    sources: dict[str, set[str]] = field(default_factory=dict, repr=False)
    purposes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Alike:
    """Releases of the same fields to one recipient for one purpose: there are few of these, however many releases."""

    releases: int = 0
    subjects: set[str] = field(default_factory=set)


_Groups = dict[tuple[str, str, tuple[str, ...]], _Alike]


async def radius(services: Services, scope: Scope, wanted: Filter) -> Radius:
    """Measure it; `wanted` names the partner or the actor, and the days. Raises `RadiusTooWide`."""
    found = await services.console.search.positions(scope, wanted, most=MOST)
    if found is None:
        raise RadiusTooWide("narrow the period")
    made, groups = Radius(), _Groups()
    for start in range(0, len(found), _CHUNK):
        some = found[start : start + _CHUNK]
        leaves, subjects = await services.store.read(partial(_released, positions=some))
        for position, leaf in leaves:
            _count(made, groups, orjson.loads(leaf), subjects.get(position))
        await asyncio.sleep(0)
    for (org, purpose, fields), alike in groups.items():
        _add(made, services, alike, org=org, purpose=purpose, fields=fields)
    return made


async def add_pseudonyms(services: Services, scope: Scope, found: Radius) -> None:
    """The names the asking institution knows the persons by; the consortium's DPO knows nobody by a name."""
    if scope.organisation is None:
        return
    persons = list(found.persons)
    for start in range(0, len(persons), _CHUNK):
        some = persons[start : start + _CHUNK]
        for subject, pseudonym in await services.store.read(partial(_named, org=scope.organisation, subjects=some)):
            found.persons[subject].pseudonym = pseudonym
        await asyncio.sleep(0)


async def holder_of(services: Services, thumbprint: str) -> str | None:
    """The partner that has registered a key (RFC 7638 thumbprint), None when nobody has."""
    query = sa.select(partners.c.id, partners.c.jwks).order_by(partners.c.id)
    rows = await services.store.read(lambda connection: connection.execute(query).all())
    for name, keys in rows:
        if any(jwks.thumbprint(key) == thumbprint for key in (keys or {}).get("keys", ())):
            return str(name)
    return None


def _released(connection: Connection, positions: Sequence[int]) -> tuple[Sequence[Any], dict[int, str]]:
    """The releases as written, and by position whom each was about: its decision names the authorisation."""
    chosen, decided = given(connection, positions, sa.BigInteger()), line.alias("decided")
    written = sa.select(audit_entry.c.index, audit_entry.c.leaf).join(chosen, chosen.c.value == audit_entry.c.index)
    about = sa.select(line.c.index, authorisation.c.subject).join(chosen, chosen.c.value == line.c.index)
    about = about.join(decided, decided.c.ref == line.c.ref)
    about = about.join(authorisation, authorisation.c.id == decided.c.authorisation)
    leaves = connection.execute(written.order_by(audit_entry.c.index)).all()
    return leaves, {row[0]: row[1] for row in connection.execute(about.order_by(line.c.index))}


def _named(connection: Connection, org: str, subjects: Sequence[str]) -> Sequence[Any]:
    chosen = given(connection, subjects, sa.String())
    query = sa.select(partner_subject.c.subject, partner_subject.c.pseudonym)
    query = query.join(chosen, chosen.c.value == partner_subject.c.subject).where(partner_subject.c.partner == org)
    return connection.execute(query.order_by(partner_subject.c.pseudonym)).all()


def _count(made: Radius, groups: _Groups, entry: Mapping[str, Any], subject: str | None) -> None:
    """One release: what is its own. The rest is told of all that are alike."""
    at = entry["time"]
    made.releases += 1
    made.first, made.last = min(at, made.first or at), max(at, made.last or at)
    key = entry["org"], entry["purpose"], tuple(entry.get("commits", ()))
    alike = groups.get(key)
    if alike is None:
        alike = groups[key] = _Alike()
    alike.releases += 1
    if subject is None:
        made.unattributed += 1
        return
    alike.subjects.add(subject)
    person = made.persons.get(subject)
    if person is None:
        person = made.persons[subject] = Person(first=at, last=at)
    person.releases += 1
    person.first, person.last = min(person.first, at), max(person.last, at)


def _add(made: Radius, services: Services, alike: _Alike, *, org: str, purpose: str, fields: tuple[str, ...]) -> None:
    made.purposes[purpose] += alike.releases
    for name in fields:
        made.fields[name] += alike.releases
    if not alike.subjects:
        return
    for subject in alike.subjects:
        made.persons[subject].fields.update(fields)
    made.recipients.setdefault(org, set()).update(alike.subjects)
    for name in fields:
        made.touched.setdefault(name, set()).update(alike.subjects)
    for source in {_source(services, org, purpose, name) for name in fields} - {""}:
        made.sources.setdefault(source, set()).update(alike.subjects)


def _source(services: Services, org: str, purpose: str, name: str) -> str:
    """Who gave it, as the catalogue in force says; "" when it does not know the field any more."""
    table = services.catalogue.tables.get((org, purpose))
    rule = table.rules.get(name) if table else None
    return str(rule.permit.source) if rule else ""
