"""What holds the flag that stops everything about a person (GDPR 18), read under the journal's lock.

A restriction is registered only while the flag is set; the flag goes only when none stands. Both changes are entries,
so they are in one order, and nothing leaves between the two, whoever lifts one while another is asked for.
"""

import sqlalchemy as sa
from sqlalchemy import Connection

from consent.models import right, subject
from consent.states import words

FLAG = "restriction"
"""The flag, and the right."""

OPEN = ("received", "extended")
"""States in which an answer is owed."""


def stands(connection: Connection, person: str) -> bool:
    """Whether a request of this person still restricts: open, or granted and not lifted."""
    granted = (right.c.state == "answered") & right.c.ended_at.is_(None)
    theirs = (right.c.subject == person) & (right.c.right == FLAG) & (right.c.state.in_(OPEN) | granted)
    return connection.execute(sa.select(right.c.id).where(theirs).limit(1)).first() is not None  # any of them


def is_set(connection: Connection, person: str) -> bool:
    """Whether everything about this person is stopped."""
    return FLAG in words(connection.execute(sa.select(subject.c.flags).where(subject.c.id == person)).scalar_one())
