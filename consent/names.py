"""By which names partners know a person, and which institutions the person's authorisations name, in SQL."""

import json
from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from consent.models import authorisation, partner_subject
from consent.models import erasure as erasures
from consent.models import subject as people
from consent.states import VALID, Record, effective_state, read_record


def pseudonyms(connection: Connection, subjects: Collection[str]) -> Mapping[tuple[str, str], str]:
    """The pseudonyms of these persons, by person and partner; a few hundred persons at most."""
    names = partner_subject
    query = sa.select(names.c.subject, names.c.partner, names.c.pseudonym).where(names.c.subject.in_(subjects))
    return {(row.subject, row.partner): row.pseudonym for row in connection.execute(query)}


def parties(connection: Connection, subject: str) -> frozenset[str]:
    """Every recipient and every source that an authorisation of this person has named, whatever became of it."""
    query = sa.select(authorisation.c.recipient, authorisation.c.record).where(authorisation.c.subject == subject)
    found: set[str] = set()
    for recipient, record in connection.execute(query):
        found |= {recipient, *json.loads(record).get("sources", ())}
    return frozenset(found)


def purpose(connection: Connection, record: str) -> str:
    """What an authorisation is for."""
    query = sa.select(authorisation.c.purpose).where(authorisation.c.id == record)
    return str(connection.execute(query).scalar_one())


def open_to_source(connection: Connection, subject: str, source: str, *, now: int) -> list[Record]:
    """The authorisations by which data of this source may leave now; none while the person is restricted."""
    query = sa.select(people.c.flags, people.c.uses).where(people.c.id == subject)
    person = connection.execute(query).one()
    if not {"restriction", "tombstone"}.isdisjoint(person.flags.split()):
        return []
    held = (authorisation.c.subject == subject) & (authorisation.c.slot == "current")
    rows = connection.execute(sa.select(authorisation).where(held).order_by(authorisation.c.id)).mappings()
    records = [read_record(row, json.loads(person.uses)) for row in rows]
    return [each for each in records if effective_state(each, now) in VALID and source in each.record["sources"]]


def erased_since(since: int) -> sa.Select[tuple[str]]:
    """A subquery: the persons erased since then."""
    return sa.select(erasures.c.subject).where(erasures.c.executed_at >= since)
