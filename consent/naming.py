"""Gives a partner its own name for a person who came to it by themselves: a pairwise pseudonym, nothing else.

Answers for: the same pseudonym as a link would have made, one per person and partner on all processes, and a journal
entry of it. Refuses to tell the partner anything of the person: no reference, no identifier goes either way.
"""

import secrets

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from audit.journal import Draft, Journal
from audit.store import Store
from consent.errors import ConsentError, Contended, EpochChanged, SubjectErased
from consent.guards import ChangeGuard, SubjectRef
from consent.models import partner_subject as names
from consent.models import subject as people
from consent.subjects import Pseudonym
from consent.vault import SubjectId, Vault

_ATTEMPTS = 32


class _Named(ConsentError):  # noqa: N818  caught here
    """Somebody else named them at the same moment."""


async def pseudonym_of(store: Store, subject: SubjectId, *, partner: str) -> Pseudonym | None:
    """The partner's pseudonym for the person, if it has one."""
    query = sa.select(names.c.pseudonym).where(names.c.subject == subject, names.c.partner == partner)
    return await store.read(lambda connection: connection.execute(query).scalar_one_or_none())


class Naming:
    """The naming of persons who come by themselves."""

    def __init__(self, *, store: Store, journal: Journal, vault: Vault) -> None:
        self._store = store
        self._journal = journal
        self._vault = vault

    async def name(self, subject: SubjectId, *, partner: str, now: int) -> Pseudonym:
        """The partner's pseudonym, made now if there is none; raises `SubjectErased`, `Contended`."""
        for _ in range(_ATTEMPTS):
            known = await pseudonym_of(self._store, subject, partner=partner)
            if known is not None:
                return known
            try:
                return await self._make(subject, partner=partner, now=now)
            except (_Named, EpochChanged):
                continue
        raise Contended("this person keeps changing: ask again")

    async def _make(self, subject: SubjectId, *, partner: str, now: int) -> Pseudonym:
        query = sa.select(people.c.epoch).where(people.c.id == subject, people.c.erased_at.is_(None))
        epoch = await self._store.read(lambda connection: connection.execute(query).scalar_one_or_none())
        if epoch is None:
            raise SubjectErased("this person was erased")
        made = f"psn_{secrets.token_hex(16)}"
        row = {"pseudonym": made, "partner": partner, "subject": subject, "created_at": now}

        def change(connection: Connection, _index: int) -> None:
            try:
                connection.execute(sa.insert(names), row)
            except IntegrityError:
                raise _Named("named meanwhile") from None

        draft = Draft(
            type="subject.linked",
            members={"org": partner, "kinds": [], "epoch": epoch},
            time=now,
            subject=SubjectRef(subject, await self._vault.open(subject)),
            guard=ChangeGuard(epoch=epoch, bump=False),
            change=change,
        )
        await self._journal.append(draft)
        return Pseudonym(made)
