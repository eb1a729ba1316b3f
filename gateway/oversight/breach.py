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

MOST = 20_000
_CHUNK = 500  # releases read in one go: others have their turn in between
HOURS_MS = 72 * 3_600_000  # GDPR 33-1


class RadiusTooWide(Exception):  # noqa: N818  the page says so
    """More releases than are counted exactly."""

    code = "radius_too_wide"


@dataclass(slots=True)
class Person:
    """One person in the radius; `pseudonym` is the asking institution's, None where it knows none."""

    pseudonym: str | None
    releases: int = 0
    first: int = 0
    last: int = 0
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


async def radius(services: Services, scope: Scope, wanted: Filter) -> Radius:
    """Measure it; `wanted` names the partner or the actor, and the days. Raises `RadiusTooWide`."""
    found = await services.console.search.positions(scope, wanted, most=MOST)
    if found is None:
        raise RadiusTooWide("narrow the period")
    made = Radius()
    for start in range(0, len(found), _CHUNK):
        some = found[start : start + _CHUNK]
        for entry, subject in await services.store.read(partial(_released, positions=some)):
            _count(made, services, entry, subject)
        await asyncio.sleep(0)
    names = await services.store.read(partial(_pseudonyms, org=scope.organisation, subjects=list(made.persons)))
    for subject, person in made.persons.items():
        person.pseudonym = names.get(subject)
    return made


async def holder_of(services: Services, thumbprint: str) -> str | None:
    """The partner that has registered a key (RFC 7638 thumbprint), None when nobody has."""
    query = sa.select(partners.c.id, partners.c.jwks).order_by(partners.c.id)
    rows = await services.store.read(lambda connection: connection.execute(query).all())
    for name, keys in rows:
        if any(jwks.thumbprint(key) == thumbprint for key in (keys or {}).get("keys", ())):
            return str(name)
    return None


def _released(connection: Connection, positions: Sequence[int]) -> list[tuple[dict[str, Any], str | None]]:
    """Each release, and whom it was about."""
    entries = _entries(connection, positions)
    subjects = _subjects(connection, [entry["ref"] for entry in entries])
    return [(entry, subjects.get(entry["ref"])) for entry in entries]


def _entries(connection: Connection, positions: Sequence[int]) -> list[dict[str, Any]]:
    chosen = given(connection, positions, sa.BigInteger())
    query = sa.select(audit_entry.c.leaf).join(chosen, chosen.c.value == audit_entry.c.index)
    return [orjson.loads(leaf) for leaf in connection.execute(query.order_by(audit_entry.c.index)).scalars()]


def _subjects(connection: Connection, refs: Sequence[str]) -> dict[str, str]:
    """Whom each exchange was about: its decision names the authorisation."""
    chosen = given(connection, refs, sa.String())
    query = sa.select(line.c.ref, authorisation.c.subject).join(chosen, chosen.c.value == line.c.ref)
    query = query.join(authorisation, authorisation.c.id == line.c.authorisation)
    return {row[0]: row[1] for row in connection.execute(query.order_by(line.c.ref))}


def _pseudonyms(connection: Connection, org: str | None, subjects: Sequence[str]) -> Mapping[str, str]:
    if org is None:
        return {}
    chosen = given(connection, subjects, sa.String())
    query = sa.select(partner_subject.c.subject, partner_subject.c.pseudonym)
    query = query.join(chosen, chosen.c.value == partner_subject.c.subject).where(partner_subject.c.partner == org)
    return {row[0]: row[1] for row in connection.execute(query.order_by(partner_subject.c.pseudonym))}


def _count(made: Radius, services: Services, entry: Mapping[str, Any], subject: str | None) -> None:
    at, org, fields = entry["time"], entry["org"], sorted(entry.get("commits", ()))
    made.releases += 1
    made.first, made.last = min(at, made.first or at), max(at, made.last or at)
    made.fields.update(fields)
    made.purposes[entry["purpose"]] += 1
    sources = {_source(services, org, entry["purpose"], name) for name in fields} - {""}
    if subject is None:
        made.unattributed += 1
        return
    person = made.persons.setdefault(subject, Person(None, first=at))
    person.releases += 1
    person.first, person.last = min(person.first, at), max(person.last, at)
    person.fields.update(fields)
    for name in fields:
        made.touched.setdefault(name, set()).add(subject)
    made.recipients.setdefault(org, set()).add(subject)
    for source in sources:
        made.sources.setdefault(source, set()).add(subject)


def _source(services: Services, org: str, purpose: str, name: str) -> str:
    """Who gave it, as the catalogue in force says; "" when it does not know the field any more."""
    table = services.catalogue.tables.get((org, purpose))
    rule = table.rules.get(name) if table else None
    return str(rule.permit.source) if rule else ""
