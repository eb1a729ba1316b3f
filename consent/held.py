"""What the gateway itself holds of a person, opened for that person alone (GDPR 15-3): names, identifiers, situations.

Refuses an identifier two partners declare differently: one of the values may be somebody else's (15-4). It is only
said that they differ.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from consent.errors import SubjectErased
from consent.models import link, partner_subject
from consent.models import subject as people
from consent.states import words
from consent.vault import SubjectId, SubjectKey, place


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One kind of identifier: who declared it, since when; no value when they differ."""

    kind: str
    value: Any = field(repr=False)
    by: tuple[str, ...]
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """All of it."""

    known_since: int
    flags: frozenset[str]
    pseudonyms: dict[str, str] = field(repr=False)
    identifiers: tuple[Declared, ...] = field(repr=False)


def read_held(connection: Connection, subject: SubjectId, key: SubjectKey) -> Held:
    """Raises `SubjectErased` when there is nothing any more."""
    columns = sa.select(people.c.created_at, people.c.flags, people.c.identifiers)
    row = connection.execute(columns.where(people.c.id == subject, people.c.erased_at.is_(None))).one_or_none()
    if row is None:
        raise SubjectErased("this person was erased")
    opened: dict[str, Any] = {}
    if row.identifiers is not None:  # a person nobody has linked has none
        opened = orjson.loads(key.unseal(row.identifiers, place("consent_subject", "identifiers", subject)))
    names = sa.select(partner_subject.c.partner, partner_subject.c.pseudonym)
    named = connection.execute(names.where(partner_subject.c.subject == subject).order_by(partner_subject.c.partner))
    declared = sa.select(link.c.kind, link.c.declared_by, link.c.created_at).where(link.c.subject == subject)
    by_kind: dict[str, list[Any]] = {}
    for each in connection.execute(declared.order_by(link.c.kind, link.c.declared_by)):
        by_kind.setdefault(each.kind, []).append(each)
    return Held(
        known_since=row.created_at,
        flags=words(row.flags),
        pseudonyms={each.partner: each.pseudonym for each in named},
        identifiers=tuple(
            Declared(
                kind=kind,
                value=opened.get(kind),
                by=tuple(each.declared_by for each in rows),
                since=min(each.created_at for each in rows),
            )
            for kind, rows in by_kind.items()
        ),
    )
