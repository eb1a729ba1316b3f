"""What a partner is told of a request it made: pending, yes, no or lapsed. Never why, never when.

Refuses to tell another partner's request from none at all.
"""

import orjson
import sqlalchemy as sa

from audit.store import Store
from consent.errors import AuthorisationUnknown
from consent.models import authorisation as table
from consent.models import subject as people
from consent.states import Record, effective_state, read_record
from consent.vault import SubjectId

PENDING, YES, NO, LAPSED = "pending", "yes", "no", "lapsed"

_MINE = (
    sa.select(table, people.c.uses.label("_uses"))
    .join(people, people.c.id == table.c.subject)
    .where(table.c.id == sa.bindparam("authorisation"), table.c.recipient == sa.bindparam("recipient"))
    .where(people.c.erased_at.is_(None))
)


async def find(store: Store, authorisation: str, *, recipient: str) -> Record:
    """One of this partner's; raises `AuthorisationUnknown`, also for another partner's and for an erased person's."""
    if "\0" in authorisation:  # PostgreSQL holds none
        raise AuthorisationUnknown("this partner has no such authorisation")
    named = {"authorisation": authorisation, "recipient": recipient}
    row = await store.read(lambda connection: connection.execute(_MINE, named).mappings().one_or_none())
    if row is None or row["state"] == "tombstoned":  # nothing of what was answered is left to tell
        raise AuthorisationUnknown("this partner has no such authorisation")
    return read_record(row, orjson.loads(row["_uses"]))


async def pending(store: Store, subject: SubjectId, *, recipient: str, purpose: str) -> str | None:
    """The id of this partner's own request that waits for the person."""
    mine = (table.c.subject == subject, table.c.recipient == recipient, table.c.purpose == purpose)
    query = sa.select(table.c.id).where(*mine, table.c.slot == "pending")
    return await store.read(lambda connection: connection.execute(query).scalar_one_or_none())


def told(record: Record, now: int) -> str:
    """The partner's word for it.

    What became of a yes is no business of the request's (`GET /v1/authorisations` tells it), and a request that was
    taken away before anybody answered looks like one nobody answered.
    """
    state = effective_state(record, now)
    if state in {"requested", "deferred"}:
        return PENDING
    if state == "refused":
        return NO
    return LAPSED if record.decided_at is None else YES
