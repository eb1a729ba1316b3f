"""An entry about a person, with the change it proves, prepared again while the person's choices keep moving."""

from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Draft, Journal
from audit.store import Store
from consent.errors import Contended, EpochChanged, SubjectErased
from consent.guards import ChangeGuard, SubjectRef
from consent.models import subject as people
from consent.vault import SubjectId, Vault

_ATTEMPTS = 32


class Entries:
    """Appends what changes something of a person's and no decision taken before."""

    def __init__(self, *, store: Store, journal: Journal, vault: Vault) -> None:
        self._store = store
        self._journal = journal
        self._vault = vault

    async def append(
        self,
        event: str,
        subject: SubjectId,
        members: Mapping[str, Json],
        change: Callable[[Connection, int], None],
        *,
        now: int,
    ) -> None:
        """Durable when this returns. Raises `SubjectErased`, `Contended`, and what the change raises."""
        query = sa.select(people.c.epoch).where(people.c.id == subject, people.c.erased_at.is_(None))
        ref = SubjectRef(subject, await self._vault.open(subject))
        for _ in range(_ATTEMPTS):
            epoch = await self._store.read(lambda connection: connection.execute(query).scalar_one_or_none())
            if epoch is None:
                raise SubjectErased("no such person any more")
            guard = ChangeGuard(epoch=epoch, bump=False)
            draft = Draft(type=event, members=members, time=now, subject=ref, guard=guard, change=change)
            try:
                await self._journal.append(draft)
            except EpochChanged:
                continue
            return
        raise Contended("this person keeps changing: ask again")
