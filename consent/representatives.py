"""Who may act for somebody else: parents, guardians, curators, aidants, each under a dated mandate somebody checked.

Answers for: a mandate is looked at again at each act, against holder, person, purpose and clock. What a parent gives
ends with the mandate, which ends at majority, at the latest where a partner declared the date of birth, before or
after it was recorded: the date itself is never here, and no job is needed for the mandate's end to hold; `settle` then
writes down what it invalidated. Refuses a mandate without an end; a parent's for an adult; a curator who acts without
the person (French civil code, art. 467); and to tell which of its conditions a mandate fails.
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.store import Store
from consent.entries import Entries
from consent.errors import ConsentError, Contended, MandateRefused, NotEntitled, OfAge, StateConflict
from consent.majority import PARENT, declared, majority
from consent.models import authorisation
from consent.models import mandate as table
from consent.records import Authorisations
from consent.states import By, Mandate, words
from consent.vault import SubjectId, Vault

GUARDIAN, CURATOR, AIDANT = "guardian", "curator", "aidant"
CAPACITIES = frozenset({PARENT, GUARDIAN, CURATOR, AIDANT})
LEGAL = frozenset({PARENT, GUARDIAN})
"""Who the law has exercise the person's rights, that of access among them (civil code, art. 388-1-1 and 473)."""
LONGEST_MS: dict[str, int] = {
    PARENT: 18 * 366 * 86_400_000,
    GUARDIAN: 10 * 366 * 86_400_000,  # civil code, art. 441 and 442: five years, ten when renewed
    CURATOR: 10 * 366 * 86_400_000,
    AIDANT: 366 * 86_400_000,
}
SEEN = ""
"""Holder of a mandate whose holder is known by sight only: acts before a professional, never by signing in."""

_RECORDERS = frozenset({"professional", "operator", "dpo"})
_CLOCK = By(kind="policy", channel="system")
_AT_ONCE = 200
_ATTEMPTS = 32


class _Moved(ConsentError):  # noqa: N818  caught here
    """What partners declared of the person is no longer what was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What somebody read in a document: `digest` is its SHA-256, `purposes` empty for every purpose.

    `holder` is the tag of the representative: HMAC of their own identity, never a name.
    """

    holder: str
    capacity: str
    digest: str
    until: int
    purposes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A mandate in force, as its holder chooses it and acts under it; `purposes` empty for every purpose."""

    id: str
    subject: SubjectId = field(repr=False)
    capacity: str
    until: int
    purposes: frozenset[str] = frozenset()


class Mandates:
    """The mandates of a consortium."""

    def __init__(self, *, store: Store, entries: Entries, vault: Vault, authorisations: Authorisations) -> None:
        self._store = store
        self._vault = vault
        self._entries = entries
        self._authorisations = authorisations

    async def record(
        self,
        subject: SubjectId,
        seen: Checked,
        *,
        by: By,
        now: int,
        told: Callable[[Connection, SubjectId, str], None] | None = None,
    ) -> Mandate:
        """Keep what somebody checked; raises `NotEntitled`, `MandateRefused` for dates or capacities that cannot be.

        `told` hears of it in the same transaction: whose mandate, and its id.
        """
        _entitled(by)
        if seen.holder != SEEN and seen.holder in {by.actor, by.witness}:
            raise NotEntitled("mandates: checked by a professional, never by their holder")
        if seen.capacity not in CAPACITIES or not now < seen.until <= now + LONGEST_MS[seen.capacity]:
            raise MandateRefused("a mandate has a known capacity, and an end within what the law allows")
        for _ in range(_ATTEMPTS):
            with suppress(_Moved):
                return await self._record(subject, seen, by=by, now=now, told=told)
        raise Contended("this person keeps changing: ask again")

    async def _record(
        self,
        subject: SubjectId,
        seen: Checked,
        *,
        by: By,
        now: int,
        told: Callable[[Connection, SubjectId, str], None] | None,
    ) -> Mandate:
        """A parent's ends at majority, whatever the document was taken to say."""
        sealed = await self._store.read(lambda connection: declared(connection, subject))
        adult = await majority(self._vault, subject, sealed) if seen.capacity == PARENT else None
        if adult is not None and adult <= now:
            raise OfAge
        until = seen.until if adult is None else min(seen.until, adult)
        made = Mandate(
            id=secrets.token_hex(16), capacity=seen.capacity, valid_from=now, valid_until=until, checked_at=now
        )
        row = {
            "id": made.id,
            "subject": subject,
            "holder": seen.holder,
            "capacity": seen.capacity,
            "digest": seen.digest,
            "purposes": " ".join(sorted(seen.purposes)),
            "checked_at": now,
            "valid_from": now,
            "until": until,
        }

        def change(connection: Connection, index: int) -> None:
            if declared(connection, subject) != sealed:
                raise _Moved("a partner declared something meanwhile")
            connection.execute(sa.insert(table), {**row, "entry": index})
            if told is not None:
                told(connection, subject, made.id)

        members: dict[str, Json] = {
            "mandate": made.id,
            "capacity": seen.capacity,
            "digest": seen.digest,
            "until": until,
            "purposes": sorted(seen.purposes),
        }
        await self._entries.append("mandate.recorded", subject, {**members, **_by(by)}, change, now=now)
        return made

    async def of(self, subject: SubjectId, *, now: int) -> tuple[Mandate, ...]:
        """Those in force for a person, the newest first: who may act for them, as far as a mandate says it."""
        mine = (table.c.subject == subject, table.c.ended_at.is_(None), table.c.valid_from <= now, table.c.until > now)
        query = sa.select(table).where(*mine).order_by(table.c.valid_from.desc(), table.c.id).limit(_AT_ONCE)
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return tuple(_mandate(row) for row in rows)

    async def end(self, id_: str, *, subject: SubjectId, by: By, now: int) -> None:
        """Over from now on; raises `MandateRefused` when it was.

        The person ends what rests on their own choice, an aidant's; what a judge or the law gave, a professional ends:
        what was given under it ends then too, at once or by `settle`.
        """
        if by.kind != "subject":
            _entitled(by)

        def change(connection: Connection, index: int) -> None:
            mine = [table.c.id == id_, table.c.subject == subject, table.c.ended_at.is_(None)]
            if by.kind == "subject":
                mine.append(table.c.capacity == AIDANT)
            update = sa.update(table).where(*mine).values(ended_at=now, entry=index)
            if not connection.execute(update).rowcount:
                raise MandateRefused("no such mandate in force")

        await self._entries.append("mandate.ended", subject, {"mandate": id_, **_by(by)}, change, now=now)
        await self._settle_these(table.c.id == id_, now=now)

    async def check(
        self, id_: str, *, subject: SubjectId, holder: str | None, purpose: str, present: bool, now: int
    ) -> Mandate:
        """The mandate, for `By.representative`; raises `MandateRefused`. Called at each act.

        `holder` is who signed in; None when a professional has the representative before them. `present`: the person
        is there as well.
        """
        query = sa.select(table).where(table.c.id == id_, table.c.subject == subject)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None or (holder is not None and (row.holder == SEEN or row.holder != holder)):
            raise MandateRefused("no mandate for this act")
        covers = not row.purposes or purpose in row.purposes.split()
        if not covers or row.ended_at is not None or not row.valid_from <= now < row.until:
            raise MandateRefused("no mandate for this act")
        if row.capacity == CURATOR and not present:
            raise MandateRefused("a curator acts with the person, not for them")
        return _mandate(row)

    async def held_by(self, holder: str, *, now: int) -> Sequence[Held]:
        """The mandates under which somebody who signed in may open another person's pages; never a curator's."""
        if holder == SEEN:
            return ()
        mine = (table.c.holder == holder, table.c.capacity != CURATOR, *_in_force(now))
        ordered = sa.select(table).where(*mine).order_by(table.c.until, table.c.id).limit(_AT_ONCE)
        return [_held(row) for row in await self._store.read(lambda connection: connection.execute(ordered).all())]

    async def held(self, id_: str, *, holder: str, now: int) -> Held | None:
        """This holder's mandate if it is in force: asked at each page."""
        query = sa.select(table).where(table.c.id == id_, table.c.holder == holder, *_in_force(now))
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _held(row)

    async def settle(self, *, now: int) -> int:
        """Invalidate what was given under mandates that are over; gives how many mandates are settled.

        What parents gave for those who have come of age ended by itself at that date: this writes it down and tells
        those concerned. A mandate that a judge or the law gave and somebody ended takes what it gave along. Running on
        several processes at once does it once: each step is refused where it was done.
        """
        return await self._settle_these(sa.true(), now=now)

    async def _settle_these(self, which: sa.ColumnElement[bool], *, now: int) -> int:
        of_age = (table.c.capacity == PARENT) & (table.c.until <= now)
        lost = (table.c.capacity != AIDANT) & table.c.ended_at.is_not(None)
        over = (which, table.c.settled_at.is_(None), of_age | lost)
        columns = sa.select(table.c.id, table.c.subject, table.c.ended_at)
        query = columns.where(*over).order_by(table.c.until, table.c.id).limit(_AT_ONCE)
        due = await self._store.read(lambda connection: connection.execute(query).all())
        settled = 0
        for row in due:
            with suppress(ConsentError):  # looked at again; nobody else waits for it
                reason = "majority_reached" if row.ended_at is None else "capacity_lost"
                await self._settle(row.id, row.subject, reason=reason, now=now)
                settled += 1
        return settled

    async def _settle(self, mandate: str, subject: SubjectId, *, reason: str, now: int) -> None:
        for id_ in await self._given_under(subject, mandate):
            with suppress(StateConflict):  # withdrawn, ended or invalidated before
                await self._authorisations.invalidate(id_, subject=subject, reason=reason, by=_CLOCK, now=now)
        done = sa.update(table).where(table.c.id == mandate).values(settled_at=now)
        await self._store.write(lambda connection: connection.execute(done) and None)

    async def _given_under(self, subject: str, mandate: str) -> Collection[str]:
        query = sa.select(authorisation.c.id).where(
            authorisation.c.subject == subject, authorisation.c.mandate == mandate, authorisation.c.slot == "current"
        )
        return await self._store.read(
            lambda connection: connection.execute(query.order_by(authorisation.c.id)).scalars().all()
        )


def _mandate(row: sa.Row[Any]) -> Mandate:
    return Mandate(
        id=row.id,
        capacity=row.capacity,
        valid_from=row.valid_from,
        valid_until=row.until,
        checked_at=row.checked_at,
    )


def _held(row: sa.Row[Any]) -> Held:
    return Held(
        id=row.id,
        subject=SubjectId(row.subject),
        capacity=row.capacity,
        until=row.until,
        purposes=words(row.purposes),
    )


def in_force(connection: Connection, id_: str, *, holder: str, now: int) -> bool:
    """Whether it is, in a transaction."""
    query = sa.select(table.c.id).where(table.c.id == id_, table.c.holder == holder, *_in_force(now))
    return connection.execute(query).first() is not None


def _in_force(now: int) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.ended_at.is_(None), table.c.valid_from <= now, table.c.until > now


def _entitled(by: By) -> None:
    if by.kind not in _RECORDERS:
        raise NotEntitled("mandates: checked by a professional, never by their holder")


def _by(by: By) -> dict[str, Json]:
    said = {"by": by.kind, "actor": by.actor, "witness": by.witness}
    return {name: value for name, value in said.items() if value is not None}
