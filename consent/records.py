"""The life of authorisations: asked for, given, refused, withdrawn, objected to, ended. Always through the journal.

Each transition: 1 read and plan (`moves.py`); 2 append one entry; 3 under the journal's lock, in the same
transaction, if nothing moved, write the new state. When something moved, plan again on what is there now: the
plan then says why it is no longer allowed, and nothing was appended.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Appended, Draft, Journal
from audit.store import Store
from consent import moves
from consent.errors import ConsentError, Contended, EpochChanged, SubjectErased
from consent.guards import ChangeGuard, SubjectRef
from consent.models import authorisation as table
from consent.models import subject as people
from consent.moves import Move, Standing
from consent.states import By, Record, Request, read_record, write_record
from consent.vault import SubjectId, Vault

_ATTEMPTS = 32
_LISTED = 1_000
_SCHEMA = "iso-27560/passerelle-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What was done: the record as it now stands, and the entry that proves it."""

    record: Record
    appended: Appended


class _Moved(ConsentError):  # noqa: N818  caught here
    """What was planned on is no longer so."""


Plan = Callable[[Standing], tuple[Record, Move]]
"""From what stands: the record the move is about, and the move."""


class Authorisations:
    """The authorisations of a consortium."""

    def __init__(self, *, store: Store, journal: Journal, vault: Vault) -> None:
        self._store = store
        self._journal = journal
        self._vault = vault

    async def request(self, subject: SubjectId, asked: Request, *, by: By, now: int) -> Transition:
        """Ask. Consent waits for the person's answer; on the other bases the authorisation is active at once.

        Raises `RequestPending`, `RequestTooSoon` or `AuthorisationExists`.
        """
        blank = _blank(subject, asked, now=now)

        def plan(found: Standing) -> tuple[Record, Move]:
            return blank, moves.request(found, asked, by=by, now=now)

        return await self._carry_out(subject, (asked.purpose, asked.recipient), plan, by=by, now=now, asked=asked)

    async def give(
        self,
        authorisation: str,
        *,
        subject: SubjectId,
        fields: frozenset[str],
        explicit: frozenset[str] = frozenset(),
        notice: str | None = None,
        valid_until: int | None = None,
        by: By,
        now: int,
    ) -> Transition:
        """The person says yes to `fields`; `explicit` are those given by a separate, explicit yes.

        Raises `RequestLapsed`, `StateConflict`, `FieldsNotRequested`.
        """

        def plan(found: Standing, record: Record) -> Move:
            return moves.give(
                found, record, fields=fields, explicit=explicit, notice=notice, valid_until=valid_until, by=by, now=now
            )

        return await self._answer(authorisation, plan, subject=subject, by=by, now=now)

    async def refuse(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """The person says no; asking again is closed for 90 days."""
        return await self._answer(
            authorisation,
            lambda found, record: moves.refuse(found, record, by=by, now=now),
            subject=subject,
            by=by,
            now=now,
        )

    async def withdraw(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """The person takes consent back: once this returns, nothing more leaves, on any replica."""
        return await self._answer(
            authorisation, lambda _, record: moves.withdraw(record, by=by), subject=subject, by=by, now=now
        )

    async def object_to(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """The person objects to a public task: same effect, at once, until the objection is examined."""
        return await self._answer(
            authorisation, lambda _, record: moves.object_to(record, by=by), subject=subject, by=by, now=now
        )

    async def expire(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """Write down an end. Decisions never wait for it: they look at the clock and the uses themselves."""
        return await self._answer(
            authorisation, lambda _, record: moves.expire(record, by=by, now=now), subject=subject, by=by, now=now
        )

    async def authorisations_of(self, subject: SubjectId) -> tuple[Record, ...]:
        """The person's own list, newest request first."""
        return await self._store.read(lambda connection: _read(connection, subject).records)

    async def get(self, authorisation: str, *, subject: SubjectId) -> Record:
        """One of the person's; raises `AuthorisationUnknown`."""
        found = await self._store.read(lambda connection: _read(connection, subject, table.c.id == authorisation))
        return found.record(authorisation)

    async def _answer(
        self,
        authorisation: str,
        plan: Callable[[Standing, Record], Move],
        *,
        subject: SubjectId,
        by: By,
        now: int,
    ) -> Transition:
        record = await self.get(authorisation, subject=subject)

        def about(found: Standing) -> tuple[Record, Move]:
            newest = found.record(authorisation)
            return newest, plan(found, newest)

        return await self._carry_out(subject, (record.purpose, record.recipient), about, by=by, now=now)

    async def _carry_out(
        self, subject: SubjectId, key: tuple[str, str], plan: Plan, *, by: By, now: int, asked: Request | None = None
    ) -> Transition:
        scope = (table.c.purpose == key[0], table.c.recipient == key[1])
        for _ in range(_ATTEMPTS):
            found = await self._store.read(lambda connection: _read(connection, subject, *scope))
            before, move = plan(found)  # 1
            after = _after(before, move, by=by, now=now)
            ref = SubjectRef(subject, await self._vault.open(subject))
            draft = Draft(
                type=f"authorisation.{move.event}",
                members=_members(after, move, epoch=found.epoch + move.bump, by=by, asked=asked),
                time=now,
                subject=ref,
                guard=ChangeGuard(epoch=found.epoch, bump=move.bump),
                change=_change(found, scope, move, after=after, new=asked is not None),
            )
            try:
                appended = await self._journal.append(draft)  # 2
            except (_Moved, EpochChanged):
                continue
            return Transition(record=replace(after, entry=appended.index), appended=appended)
        raise Contended("this person keeps changing: ask again")


def _read(connection: Connection, subject: SubjectId, *scope: sa.ColumnElement[bool]) -> Standing:
    """The epoch first: what changes afterwards is caught by the gate."""
    query = sa.select(people.c.epoch, people.c.uses).where(people.c.id == subject, people.c.erased_at.is_(None))
    person = connection.execute(query).one_or_none()
    if person is None:
        raise SubjectErased("no such person any more")
    uses = orjson.loads(person.uses)
    newest = (
        sa.select(table)
        .where(table.c.subject == subject, *scope)
        .order_by(table.c.requested_at.desc(), table.c.id.desc())
    )
    rows = connection.execute(newest.limit(_LISTED)).mappings()
    return Standing(person.epoch, tuple(read_record(row, uses) for row in rows))


def _change(
    found: Standing, scope: Sequence[sa.ColumnElement[bool]], move: Move, *, after: Record, new: bool
) -> Callable[[Connection, int], None]:
    """3: under the lock."""
    row = write_record(after)

    def change(connection: Connection, index: int) -> None:
        if _read(connection, after.subject, *scope).records != found.records:
            raise _Moved("another transition came first")
        for gone, state in move.gone:
            left = {"slot": None, "state": state, "changed_at": after.changed_at, "entry": index}
            connection.execute(sa.update(table).where(table.c.id == gone.id).values(left))
        if new:
            connection.execute(sa.insert(table).values({**row, "entry": index}))
        else:
            connection.execute(sa.update(table).where(table.c.id == after.id).values({**row, "entry": index}))

    return change


def _blank(subject: SubjectId, asked: Request, *, now: int) -> Record:
    """The record of a request before its first transition."""
    id_ = _new_id(now)
    return Record(
        id=id_,
        subject=subject,
        recipient=asked.recipient,
        purpose=asked.purpose,
        slot=None,
        basis=asked.basis,
        state="none",
        requested=asked.fields,
        fields=frozenset(),
        uses=0,
        explicit=frozenset(),
        valid_from=now,
        valid_until=asked.valid_until,
        max_uses=asked.max_uses,
        catalogue=asked.catalogue,
        notice=asked.notice,
        channel=None,
        method=None,
        entry=0,
        lineage_id=id_,
        supersedes=None,
        version=1,
        requested_at=now,
        decided_at=None,
        changed_at=now,
        record={
            "schema": _SCHEMA,
            "siret": asked.siret,
            "sources": list(asked.sources),
            "details": dict(asked.details),
            "events": [],
        },
    )


def _after(before: Record, move: Move, *, by: By, now: int) -> Record:
    """The record once moved, with the event added to its own history."""
    event = {
        "event": move.event,
        "time": now,
        "by": by.kind,
        "channel": by.channel,
        "method": by.method,
        "actor": by.actor,
    }
    history = [*before.record["events"], {name: value for name, value in event.items() if value is not None}]
    return replace(before, changed_at=now, record={**before.record, "events": history}, **move.values)


def _members(after: Record, move: Move, *, epoch: int, by: By, asked: Request | None) -> dict[str, Json]:
    content: dict[str, Json] = {
        "authorisation": after.id,
        "org": after.recipient,
        "purpose": after.purpose,
        "basis": after.basis,
        "epoch": epoch,
        "by": by.kind,
        "channel": by.channel,
        "actor": by.actor,
        "notice": after.notice,
        "catalogue": after.catalogue,
        **move.members,
    }
    if asked is not None:
        content |= {"siret": asked.siret, "sources": sorted(asked.sources), "fields": sorted(after.requested)}
    elif move.event == "given":
        content |= {"fields": sorted(after.fields), "explicit": sorted(after.explicit)}
    return {name: value for name, value in content.items() if value is not None}


def _new_id(now: int) -> str:
    """A UUID version 7 (RFC 9562 §5.7), hex: sorts by time."""
    number = (now & (1 << 48) - 1) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    return f"{number & ~(0x3 << 62) | 0x2 << 62:032x}"
