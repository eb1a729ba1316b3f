"""A DPO looks for one person: by a pseudonym or a file number of an institution, or for a case by an identity.

Every search is an entry of the journal before its result is shown, found or not; an entry about the person when they
are found, so that they read it in their own history. What stands in the address afterwards is the number of the
search: for an hour, for this DPO alone. Refuses an institution that is not the DPO's, and an identity without a case.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import forms
from audit.canonical import Json
from audit.journal import Draft, Journal
from audit.store import Store
from consent.errors import IdentifierInvalid, PersonUnknown, SubjectAmbiguous, SubjectErased
from consent.guards import SubjectRef
from consent.proof import positions
from consent.subjects import People
from consent.vault import SubjectId, Vault
from gateway.console import models
from gateway.console.errors import CaseRequired, NotYours, SearchRefused
from gateway.console.kinds import Scope

WAYS = ("pseudonym", "reference", "identity")
LIFE_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Whom a DPO looks for: a pseudonym or a reference of `org`, or an identity for a `case`."""

    by: str
    org: str = ""
    name: str = field(default="", repr=False)
    identity: Mapping[str, Any] = field(default_factory=dict, repr=False)
    case: str = ""


class Persons:
    """The searches for persons."""

    def __init__(
        self, *, store: Store, journal: Journal, vault: Vault, people: People, clock: Callable[[], int]
    ) -> None:
        self._store = store
        self._journal = journal
        self._vault = vault
        self._people = people
        self._clock = clock

    async def look(self, sought: Sought, *, scope: Scope, actor: str, organisation: str | None) -> str | None:
        """Look for somebody and journal it; gives the number of the search, None when nobody is found.

        Raises `SearchRefused` for what cannot be read, `CaseRequired`, `NotYours`.
        """
        self._check(sought, scope)
        subject = await self._find(sought)
        members: dict[str, Json] = {"actor": actor, "by": sought.by, "found": subject is not None}
        members |= {"org": organisation} if organisation else {}
        members |= {"case": sought.case} if sought.case else {}
        about = await self._about(subject)
        await self._journal.append(Draft(type="console.searched", members=members, time=self._clock(), subject=about))
        return None if subject is None else await self._keep(subject, actor)

    async def positions(self, number: str, *, actor: str) -> list[int]:
        """Give where the entries about the person stand; raises `NotYours` when the search is over or another's."""
        columns = models.person.c
        query = sa.select(columns.subject).where(
            columns.id == number, columns.actor == actor, columns.expires_at > self._clock()
        )
        subject = await self._store.read(lambda connection: connection.execute(query).scalar())
        if subject is None:
            raise NotYours("this search is over")
        try:
            return await positions(SubjectId(subject), store=self._store, vault=self._vault)
        except SubjectErased:
            return []

    def _check(self, sought: Sought, scope: Scope) -> None:
        if sought.by not in WAYS:
            raise SearchRefused("by")
        if sought.by == "identity":
            if not forms.reference(sought.case):
                raise CaseRequired("the number of the case, as in DOS-2026-12")
        elif scope.organisation not in {None, sought.org}:
            raise NotYours("another institution's names of persons")

    async def _find(self, sought: Sought) -> SubjectId | None:
        try:
            if sought.by == "identity":
                return await self._people.designated({"pivot": dict(sought.identity)}, now=self._clock())
            named = {sought.by: sought.name}
            return await self._people.resolve(partner=sought.org, **named)
        except IdentifierInvalid:
            raise SearchRefused(sought.by) from None
        except (PersonUnknown, SubjectAmbiguous):
            return None

    async def _about(self, subject: SubjectId | None) -> SubjectRef | None:
        if subject is None:
            return None
        try:
            return SubjectRef(subject, await self._vault.open(subject))
        except SubjectErased:
            return None

    async def _keep(self, subject: SubjectId, actor: str) -> str:
        number, now = secrets.token_hex(16), self._clock()
        row = {"id": number, "actor": actor, "subject": subject, "expires_at": now + LIFE_MS}

        def work(connection: Connection) -> None:
            connection.execute(sa.delete(models.person).where(models.person.c.expires_at <= now))
            connection.execute(sa.insert(models.person), row)

        await self._store.write(work)
        return number
