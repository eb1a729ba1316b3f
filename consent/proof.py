"""The person's proof: all journal entries about them, with the key that finds and opens these and nothing else.

Whoever asks on the person's behalf is written into the journal first, as an entry about the person. Refuses nobody by
itself: who may ask (the person, an operator on their behalf, never a partner) is the gateway's business.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from audit.canonical import Json
from audit.journal import Draft, Journal
from audit.keys import Vkey
from audit.person_list import read_entries, write_list
from audit.reading import PublishedLog
from audit.store import Store
from consent.errors import SubjectErased
from consent.guards import SubjectRef
from consent.models import subject as people
from consent.vault import SubjectId, Vault


async def write_proof(
    subject: SubjectId,
    *,
    store: Store,
    journal: Journal,
    vault: Vault,
    log: PublishedLog,
    vkeys: Sequence[Vkey],
    reader: dict[str, Json],
    what: str = "person_proof",
    now: int,
) -> dict[str, Any]:
    """Give the content of the file for `audit.person`; `reader` are the members `org` and `actor` of who asks.

    `what` is read: this list alone, or the archive that holds it.

    After an erasure, and as long as the entries must be found, the list has no seals any more and nobody's reading
    is added to it. Raises `SubjectErased` when nothing finds them.
    """
    key = await vault.journal_key(subject)
    try:
        about = SubjectRef(subject, await vault.open(subject))
    except SubjectErased:
        about = None
    members: dict[str, Json] = {**reader, "what": what}
    await journal.append(Draft(type="log.read", members=members, time=now, subject=about))
    count = sa.select(people.c.counter).where(people.c.id == subject)

    def work(connection: sa.Connection) -> dict[str, Any]:
        known = connection.execute(count).scalar_one()  # the row outlives the key
        return write_list(connection, log, key, count=known, vkeys=vkeys, now=now)

    return await store.read(work)


async def positions(subject: SubjectId, *, store: Store, vault: Vault) -> list[int]:
    """Give where the entries about a person stand in the journal, oldest first; an erased one's while they are found.

    Raises `SubjectErased` when nothing finds them any more.
    """
    key = await vault.journal_key(subject)
    count = sa.select(people.c.counter).where(people.c.id == subject)

    def work(connection: sa.Connection) -> list[int]:
        known = connection.execute(count).scalar_one()
        return [row.index for row in read_entries(connection, key, range(known))]

    return await store.read(work)
