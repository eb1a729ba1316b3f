"""When somebody comes of age (French civil code, art. 388 and 414), from the date of birth their partners declared.

The date is opened for this alone, with the person's key, and goes nowhere else. Once it is known a parent's mandate
recorded before goes no further. Refuses to guess: unknown when nobody declared it, or two partners did differently; the
latest day it can be where day or month are not known.
"""

from calendar import monthrange
from datetime import date

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from consent.clocks import midnight
from consent.models import mandate
from consent.models import subject as people
from consent.vault import SubjectId, Vault, place

PARENT = "parent"
_YEARS = 18


async def majority(vault: Vault, subject: SubjectId, sealed: bytes | None) -> int | None:
    """The midnight at which this person comes of age, None when it is not known; `sealed` as `declared` gave it."""
    if sealed is None:
        return None
    key = await vault.open(subject)
    opened = orjson.loads(key.unseal(sealed, place("consent_subject", "identifiers", subject)))
    return adult_from(opened["pivot"]) if "pivot" in opened else None


def declared(connection: Connection, subject: SubjectId) -> bytes | None:
    """What partners declared of this person, sealed."""
    query = sa.select(people.c.identifiers).where(people.c.id == subject)
    return connection.execute(query).scalar_one_or_none()


def adult_from(pivot: str) -> int:
    """The midnight at which whoever has this civil identity comes of age."""
    return midnight(of_age(orjson.loads(pivot)["birth_date"]))


def bound(connection: Connection, subject: SubjectId, adult: int) -> None:
    """Have no parent's mandate go beyond, in the transaction that learns the date."""
    longer = (mandate.c.capacity == PARENT, mandate.c.ended_at.is_(None), mandate.c.until > adult)
    connection.execute(sa.update(mandate).where(mandate.c.subject == subject, *longer).values(until=adult))


def of_age(born: str) -> date:
    """The first day of majority; `born` as the pivot identity writes it, 00 for what is not known."""
    year, month, day = (int(part) for part in born.split("-"))
    month = month or 12
    day = day or monthrange(year, month)[1]
    if day > monthrange(year + _YEARS, month)[1]:  # born on 29 February
        return date(year + _YEARS, 3, 1)
    return date(year + _YEARS, month, day)
