"""The register of what people ask under GDPR 15 to 21, each with its clock (12-3). Every step is a journal entry.

    received ─► extended ─► answered | refused          overdue: open, and its date has passed

One month from receipt, on the calendar of Paris, the same hour (Regulation 1182/71 would allow the end of that day; we
take the earlier one); once, before it is over, two more, with a reason the person is told. Refuses a second open
request of the same kind, so that asking again does not start the clock anew; a refusal without one of the reasons the
law knows; a restriction while its flag is not set (`restrictions.py`).
What an answer does (erase, restrict, examine an objection) is its own part's; here it is asked for and told.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Draft, Journal
from audit.store import Store
from consent import restrictions
from consent.clocks import months_after
from consent.errors import (
    ConsentError,
    Contended,
    EpochChanged,
    ExtensionTooLate,
    RightClosed,
    RightInvalid,
    RightPending,
    RightUnknown,
)
from consent.guards import SubjectRef
from consent.models import right as table
from consent.models import subject as people
from consent.recipients import last_corrections, lines_of, recipients_of
from consent.restrictions import OPEN
from consent.rights_law import EXTENSIONS, About, check, check_refusal
from consent.states import By, words
from consent.vault import SubjectId, SubjectKey, Vault

_ATTEMPTS = 32
_LISTED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsRequest:
    """One request as it stands."""

    id: str
    subject: SubjectId = field(repr=False)
    right: str
    state: str
    reason: str | None
    fields: frozenset[str]
    source: str | None
    authorisation: str | None
    received_at: int
    due: int
    sent_at: int | None
    extended: str | None
    answered_at: int | None
    ended_at: int | None
    entry: int

    @property
    def open(self) -> bool:
        """Whether an answer is owed."""
        return self.state in OPEN

    @property
    def standing(self) -> bool:
        """Whether a restriction still stops everything."""
        return self.open or (self.state == "answered" and self.ended_at is None)

    def overdue(self, now: int) -> bool:
        """Whether it is owed since before now."""
        return self.open and self.due <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """To tell one recipient: the source has corrected something it was given. Whose and which goes by its own ways."""

    subject: SubjectId = field(repr=False)
    recipient: str
    source: str
    at: int
    entry: int


@dataclass(frozen=True, slots=True)
class _Step:
    """What a step writes: the entry's members, the row's columns, and what goes with them."""

    members: Mapping[str, Json]
    values: Mapping[str, Any]
    also: Callable[[Connection, int], None] | None = None


_Plan = Callable[[RightsRequest, SubjectKey | None], Awaitable[_Step]]


class _Moved(ConsentError):  # noqa: N818  caught here
    """What was read is no longer so."""


class Rights:
    """The register of a consortium. `tell` runs in the transaction of a correction, once for each recipient."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        vault: Vault,
        tell: Callable[[Connection, Correction], None] | None = None,
    ) -> None:
        self._store = store
        self._journal = journal
        self._vault = vault
        self._tell = tell

    async def receive(
        self, subject: SubjectId, right: str, *, by: By, now: int, about: About | None = None
    ) -> RightsRequest:
        """Start the clock. Raises `RightInvalid`, `RightPending`, `SubjectErased`.

        `EpochChanged` for a restriction whose flag is not set: set it, and register again.
        """
        about = about or About()
        check(right, about)
        found = RightsRequest(
            id=secrets.token_hex(16), subject=subject, right=right, state="received", reason=about.reason,
            fields=about.fields, source=about.source, authorisation=about.authorisation, received_at=now,
            due=months_after(now, 1), sent_at=None, extended=None, answered_at=None, ended_at=None, entry=0,
        )  # fmt: skip
        same = (table.c.subject == subject) & (table.c.right == right) & table.c.state.in_(OPEN)
        same &= (table.c.fields == _text(about.fields)) & table.c.authorisation.is_not_distinct_from(
            about.authorisation
        )
        row = {name: getattr(found, name) for name in found.__slots__} | {"fields": _text(about.fields)}

        def change(connection: Connection, index: int) -> None:
            if connection.execute(sa.select(table.c.id).where(same)).first() is not None:
                raise RightPending("the same request is open")
            if right == restrictions.FLAG and not restrictions.is_set(connection, subject):
                raise EpochChanged("not stopped, or no longer: another restriction was lifted meanwhile")
            connection.execute(sa.insert(table), {**row, "entry": index})

        members: dict[str, Json] = {
            "due": found.due, "by": by.kind, "channel": by.channel, "actor": by.actor, "reason": about.reason,
            "org": about.source, "authorisation": about.authorisation, "fields": sorted(about.fields) or None,
        }  # fmt: skip
        ref = SubjectRef(subject, await self._vault.open(subject))
        await self._append("requested", found, members, change, ref=ref, now=now)
        return await self.get(found.id)

    async def get(self, id_: str) -> RightsRequest:
        """Raises `RightUnknown`."""
        found = await self._listed(table.c.id == id_)
        if not found:
            raise RightUnknown("no such request")
        return found[0]

    async def these(self, ids: Sequence[str]) -> tuple[RightsRequest, ...]:
        """Those of a list, in its order; whichever nobody knows is left out."""
        found = {each.id: each for each in await self._listed(table.c.id.in_(ids))}
        return tuple(found[id_] for id_ in ids if id_ in found)

    async def of(self, subject: SubjectId) -> tuple[RightsRequest, ...]:
        """All that one person asked, oldest first."""
        return await self._listed(table.c.subject == subject)

    async def open(self) -> tuple[RightsRequest, ...]:
        """Those an answer is owed to, the most urgent first."""
        return await self._listed(table.c.state.in_(OPEN))

    async def overdue(self, *, now: int) -> tuple[RightsRequest, ...]:
        """Those whose date has passed, for the DPO."""
        return await self._listed(table.c.state.in_(OPEN), table.c.due <= now)

    async def sent(self, id_: str, *, now: int) -> RightsRequest:
        """Note that the source was asked to correct."""

        async def plan(found: RightsRequest, _: SubjectKey | None) -> _Step:
            if found.right != "rectification" or found.sent_at is not None:
                raise RightClosed("only a rectification is sent to a source, once")
            return _Step({"org": found.source}, {"sent_at": now})

        return await self._step("sent", id_, plan, now=now)

    async def extend(self, id_: str, *, reason: str, now: int) -> RightsRequest:
        """Take two more months; the person must be told. Raises `ExtensionTooLate`."""
        if reason not in EXTENSIONS:
            raise RightInvalid(f"more time is taken for one of: {', '.join(sorted(EXTENSIONS))}")

        async def plan(found: RightsRequest, _: SubjectKey | None) -> _Step:
            if found.state == "extended" or found.due <= now:
                raise ExtensionTooLate("more time is taken once, before the month is over")
            due = months_after(found.received_at, 3)
            return _Step({"due": due, "reason": reason}, {"due": due, "state": "extended", "extended": reason})

        return await self._step("extended", id_, plan, now=now)

    async def refuse(self, id_: str, *, reason: str, now: int) -> RightsRequest:
        """Answer no, for one of the reasons the law knows."""

        async def plan(found: RightsRequest, _: SubjectKey | None) -> _Step:
            check_refusal(found.right, reason)
            return _Step(
                {"outcome": "refused", "reason": reason}, {"state": "refused", "reason": reason, "answered_at": now}
            )

        return await self._step("answered", id_, plan, now=now)

    async def answer(self, id_: str, *, now: int) -> RightsRequest:
        """Answer that it is done. A correction tells everybody who was given the field since it was last corrected."""

        async def plan(found: RightsRequest, key: SubjectKey | None) -> _Step:
            done = _Step({"outcome": "done"}, {"state": "answered", "answered_at": now})
            if found.right != "rectification" or key is None:  # of somebody erased, nobody knows any more what left
                return done
            counter, informed = await self._store.read(lambda connection: _informed(connection, found, key))
            told: dict[str, Json] = {"org": found.source, "fields": sorted(found.fields), "informed": list(informed)}
            return replace(done, members={**done.members, **told}, also=self._telling(found, counter, informed, now))

        return await self._step("answered", id_, plan, now=now)

    async def end(self, id_: str, *, now: int) -> RightsRequest:
        """Note that a restriction is over (its flag and reason are entries of their own)."""
        found = await self.get(id_)
        if found.right != restrictions.FLAG or found.state != "answered":
            raise RightClosed("not a restriction in force")
        update = sa.update(table).where(table.c.id == id_, table.c.ended_at.is_(None)).values(ended_at=now)
        await self._store.write(lambda connection: connection.execute(update) and None)
        return await self.get(id_)

    def _telling(
        self, found: RightsRequest, counter: int, informed: Sequence[str], now: int
    ) -> Callable[[Connection, int], None]:
        """Under the lock: nothing about the person was written since they were looked up; then each is told once."""
        count = sa.select(people.c.counter).where(people.c.id == found.subject)

        def also(connection: Connection, index: int) -> None:
            if connection.execute(count).scalar_one() != counter + 1:  # this entry
                raise _Moved("something about this person was written meanwhile")
            for recipient in informed if self._tell else ():
                told = {"recipient": recipient, "source": str(found.source), "at": now, "entry": index}
                self._tell(connection, Correction(subject=found.subject, **told))  # type: ignore[misc, arg-type]

        return also

    async def _step(self, event: str, id_: str, plan: _Plan, *, now: int) -> RightsRequest:
        for _ in range(_ATTEMPTS):
            found = await self.get(id_)
            if not found.open:
                raise RightClosed("this request was answered")
            key = await self._key(found.subject)
            step = await plan(found, key)
            ref = None if key is None else SubjectRef(found.subject, key)
            try:
                await self._append(event, found, step.members, _replacing(found, step), ref=ref, now=now)
            except _Moved:
                continue
            return await self.get(id_)
        raise Contended("this request keeps changing: ask again")

    async def _key(self, subject: SubjectId) -> SubjectKey | None:
        """None when the person was erased: an entry about the request alone then says the rest."""
        erased = sa.select(people.c.erased_at).where(people.c.id == subject)
        if await self._store.read(lambda connection: connection.execute(erased).scalar()) is not None:
            return None
        return await self._vault.open(subject)

    async def _append(
        self,
        event: str,
        found: RightsRequest,
        members: Mapping[str, Json],
        change: Callable[[Connection, int], None],
        *,
        ref: SubjectRef | None,
        now: int,
    ) -> None:
        told = {name: value for name, value in members.items() if value is not None}
        content: dict[str, Json] = {"request": found.id, "right": found.right, **told}
        draft = Draft(type=f"rights.{event}", members=content, time=now, subject=ref, change=change)
        await self._journal.append(draft)

    async def _listed(self, *where: sa.ColumnElement[bool]) -> tuple[RightsRequest, ...]:
        query = sa.select(table).where(*where).order_by(table.c.due, table.c.received_at, table.c.id).limit(_LISTED)
        rows = await self._store.read(lambda connection: connection.execute(query).mappings().all())
        return tuple(RightsRequest(**{**row, "fields": words(row["fields"])}) for row in rows)


def _informed(connection: Connection, found: RightsRequest, key: SubjectKey) -> tuple[int, tuple[str, ...]]:
    """How many entries there were, and who was given what is corrected since it was last corrected."""
    counter = connection.execute(sa.select(people.c.counter).where(people.c.id == found.subject)).scalar_one()
    lines = lines_of(connection, found.subject, key.journal)
    return counter, tuple(sorted(recipients_of(lines, last_corrections(lines, found.fields))))


def _replacing(found: RightsRequest, step: _Step) -> Callable[[Connection, int], None]:
    """Write unless the request changed since it was read."""
    unchanged = (table.c.id == found.id, table.c.entry == found.entry)

    def change(connection: Connection, index: int) -> None:
        done = connection.execute(sa.update(table).where(*unchanged).values({**step.values, "entry": index}))
        if done.rowcount != 1:
            raise _Moved("changed meanwhile")
        if step.also is not None:
            step.also(connection, index)

    return change


def _text(fields: frozenset[str]) -> str:
    return " ".join(sorted(fields))
