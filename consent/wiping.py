"""What goes when a person is erased, in SQL: at once, and once the journal's retention has passed.

At once: seals, identifiers by which the person is found, links, authorisations, mandates, contacts, and every sealed
value. Later: the names partners knew the person by, kept until then only to answer `subject_erased` to whoever still
asks. The row of the person stays for ever, empty: an opaque id, how many entries there were, when it was erased.
"""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.person_key import PersonKey
from audit.person_list import delete_seals, read_entries
from consent.models import (
    account,
    authorisation,
    confirmation,
    contact,
    frozen,
    held,
    identifier,
    invitation,
    link,
    mandate,
    notice,
    partner_subject,
    reference,
    said_words,
    subject_key,
)
from consent.models import subject as people
from consent.vault import SubjectId, SubjectKey

_IDS = 500
_AT_ONCE = (
    *(identifier, account, link, authorisation, frozen, invitation, confirmation),
    *(mandate, contact, held, notice, said_words),
)
TABLES = ("audit_seal", *(each.name for each in (people, *_AT_ONCE, reference, partner_subject)))


def wipe(connection: Connection, subject: SubjectId, key: SubjectKey, *, now: int) -> None:
    """At once; the person's own count is final by then."""
    counter = connection.execute(sa.select(people.c.counter).where(people.c.id == subject)).scalar_one()
    delete_seals(connection, [key.tag(number) for number in range(counter)])
    for table in _AT_ONCE:
        connection.execute(sa.delete(table).where(table.c.subject == subject))
    connection.execute(sa.update(reference).where(reference.c.subject == subject).values(sealed=b""))
    left = {"erased_at": now, "flags": "tombstone", "uses": "{}", "ambiguous": "", "identifiers": None}
    connection.execute(sa.update(people).where(people.c.id == subject).values(left))


def forget(connection: Connection, subject: SubjectId) -> None:
    """Later."""
    for table in (reference, partner_subject):
        connection.execute(sa.delete(table).where(table.c.subject == subject))


def left(connection: Connection, subject: SubjectId, key: PersonKey | None) -> dict[str, int]:
    """How many rows about this person each table holds now; the seals as long as a key finds them."""
    tables = (*_AT_ONCE, reference, partner_subject)
    counted = {each.name: sa.select(sa.func.count()).where(each.c.subject == subject) for each in tables}
    found = {name: connection.execute(query).scalar_one() for name, query in counted.items()}
    if key is None:
        return found
    count = connection.execute(sa.select(people.c.counter).where(people.c.id == subject)).scalar_one()
    return found | {"audit_seal": sum(row.sealed is not None for row in read_entries(connection, key, range(count)))}


def still_held(connection: Connection, subjects: Collection[str], *scopes: str) -> list[SubjectId]:
    """Of these persons, those whose key the key store holds in one of these scopes."""
    held: list[SubjectId] = []
    ordered = sorted(subjects)
    for start in range(0, len(ordered), _IDS):
        some = subject_key.c.subject.in_(ordered[start : start + _IDS]) & subject_key.c.scope.in_(scopes)
        held += connection.execute(
            sa.select(subject_key.c.subject).where(some).order_by(subject_key.c.subject)
        ).scalars()
    return held
