"""Erasure (GDPR 17): two officers ask for it, a delay passes, then the person's key goes and the proofs stay.

 1. request   an id and a text to sign; the journal notes that an erasure was asked for, not whose
 2. sign      two officers, each with a key of their own; the second signature starts the delay
 3. execute   one journal transaction: seals, identifiers, links, authorisations go, the person is erased; then the key
              is cut down to what finds the person's entries
 4. forget    once the journal's retention has passed, that goes as well, with the names partners knew the person by

Why 4 waits: GDPR 17(3)(b). A log of accesses whose entries nobody can find any more would let the operator hide an
access by erasing whom it concerned. Refuses one officer twice, an altered text, a date not reached, a second erasure.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Draft, Journal
from audit.keys import Vkey
from audit.store import Store
from consent import approval, wiping
from consent.errors import (
    Contended,
    EpochChanged,
    ErasureClosed,
    ErasureNotDue,
    ErasurePending,
    ErasureUnknown,
    ErasureUnsigned,
    SubjectErased,
)
from consent.guards import ChangeGuard, SubjectRef
from consent.models import erasure as table
from consent.models import subject as people
from consent.vault import SubjectId, Vault

_ATTEMPTS = 32
_LISTED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One erasure as it stands."""

    id: str
    subject: SubjectId = field(repr=False)
    text: str
    signatures: str
    requested_at: int
    due: int | None
    cancelled_at: int | None
    executed_at: int | None
    forget_at: int | None
    forgotten_at: int | None

    @property
    def state(self) -> str:
        """One word."""
        over = (("cancelled", self.cancelled_at), ("forgotten", self.forgotten_at), ("executed", self.executed_at))
        return next((word for word, at in over if at is not None), "requested" if self.due is None else "waiting")

    def late(self, now: int) -> bool:
        """Whether its next step is due, and was not done."""
        step = {"waiting": self.due, "executed": self.forget_at}.get(self.state)
        return step is not None and step <= now


class Erasures:
    """The erasures of a consortium. `officers` are the keys of those who may sign.

    `told` is called inside the transaction of an erasure: whom and when.
    """

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        vault: Vault,
        officers: Sequence[Vkey],
        delay_ms: int,
        trace_ms: int,
        told: Callable[[Connection, SubjectId, int], None] | None = None,
    ) -> None:
        self._store = store
        self._journal = journal
        self._vault = vault
        self._officers = officers
        self._delay_ms = delay_ms
        self._trace_ms = trace_ms
        self._told = told

    async def request(self, subject: SubjectId, *, now: int) -> Erasure:
        """Ask. Raises `ErasurePending` when one is open, `SubjectErased` when it is done."""
        id_ = secrets.token_hex(16)
        text = approval.text(self._journal.origin, id_, subject)
        row = {"id": id_, "subject": subject, "text": text, "signatures": "", "requested_at": now}

        def change(connection: Connection, _index: int) -> None:
            alive = sa.select(people.c.id).where(people.c.id == subject, people.c.erased_at.is_(None))
            if connection.execute(alive).first() is None:
                raise SubjectErased("this person was erased")
            pending = (table.c.subject == subject, table.c.cancelled_at.is_(None))
            if connection.execute(sa.select(table.c.id).where(*pending)).first() is not None:
                raise ErasurePending("an erasure of this person is under way")
            connection.execute(sa.insert(table), row)

        await self._note("requested", id_, {"bound": approval.bound(id_, subject)}, change, now=now)
        return await self.get(id_)

    async def get(self, id_: str) -> Erasure:
        """Raises `ErasureUnknown`."""
        found = await self._listed(table.c.id == id_)
        if not found:
            raise ErasureUnknown("no such erasure")
        return found[0]

    async def open(self) -> tuple[Erasure, ...]:
        """Those that are not over, oldest first."""
        return await self._listed(table.c.cancelled_at.is_(None), table.c.forgotten_at.is_(None))

    async def sign(self, id_: str, note: str, *, now: int) -> Erasure:
        """Add an officer's signature: `note` is the text, signed. Raises `OfficerRefused`, `ErasureClosed`."""
        for _ in range(_ATTEMPTS):
            found = _pending(await self.get(id_))
            officer, line = approval.accept(note, found.text, self._officers)
            values: dict[str, Any] = {}
            if line.line not in found.signatures:
                values["signatures"] = found.signatures + line.line
            enough = self._approved(found.text, values.get("signatures", found.signatures))
            if enough and found.due is None:
                values["due"] = now + self._delay_ms
            if not values:
                return found
            members = {name: value for name, value in values.items() if name == "due"}
            try:
                change = _replacing(found, values)
                await self._note("approved", id_, {**approval.members(officer, line), **members}, change, now=now)
            except EpochChanged:
                continue
            return await self.get(id_)
        raise Contended("this erasure keeps changing: ask again")

    async def cancel(self, id_: str, *, now: int) -> None:
        """Possible until it is executed."""
        found = _pending(await self.get(id_))
        await self._note("cancelled", id_, {}, _replacing(found, {"cancelled_at": now}), now=now)

    async def execute(self, id_: str, *, now: int) -> Erasure:
        """Erase. Raises `ErasureUnsigned`, `ErasureNotDue`, `ErasureClosed`; repeating it finishes what was begun."""
        for _ in range(_ATTEMPTS):
            found = await self.get(id_)
            if found.executed_at is None:
                try:
                    await self._execute(found, now=now)
                except EpochChanged:
                    continue
            await self._vault.reduce(found.subject)
            return await self.get(id_)
        raise Contended("this person keeps changing: ask again")

    async def _execute(self, found: Erasure, *, now: int) -> None:
        _pending(found)
        text = approval.text(self._journal.origin, found.id, found.subject)
        if found.due is None or not self._approved(text, found.signatures):
            raise ErasureUnsigned("two officers must sign the text of this erasure")
        if now < found.due:
            raise ErasureNotDue(found.due)
        key = await self._vault.open(found.subject)
        epoch = sa.select(people.c.epoch).where(people.c.id == found.subject, people.c.erased_at.is_(None))
        stands = await self._store.read(lambda connection: connection.execute(epoch).scalar())
        forget_at = now + self._trace_ms
        record = _replacing(found, {"executed_at": now, "forget_at": forget_at})

        def change(connection: Connection, index: int) -> None:
            record(connection, index)
            if self._told is not None:  # before it is forgotten who had a part
                self._told(connection, found.subject, now)
            wiping.wipe(connection, found.subject, key, now=now)

        draft = Draft(
            type="erasure.executed",
            members={"erasure": found.id, "forget_at": forget_at},
            time=now,
            subject=SubjectRef(found.subject, key),
            guard=ChangeGuard(epoch=stands if stands is not None else -1),
            change=change,
        )
        await self._journal.append(draft)

    async def forget(self, id_: str, *, now: int) -> None:
        """Destroy what still found the entries; raises `ErasureNotDue` before the retention has passed."""
        found = await self.get(id_)
        if found.executed_at is None or found.forget_at is None:
            raise ErasureUnsigned("nothing is forgotten before it was erased")
        if found.forgotten_at is None:
            if now < found.forget_at:
                raise ErasureNotDue(found.forget_at)
            record = _replacing(found, {"forgotten_at": now})

            def change(connection: Connection, index: int) -> None:
                record(connection, index)
                wiping.forget(connection, found.subject)

            await self._note("forgotten", id_, {}, change, now=now)
        await self._vault.destroy(found.subject)

    async def due(self, *, now: int) -> tuple[Erasure, ...]:
        """Those `execute` or `forget` may be called for now."""
        waits = table.c.executed_at.is_(None) & (table.c.due <= now)
        traces = table.c.forgotten_at.is_(None) & (table.c.forget_at <= now)
        return await self._listed(table.c.cancelled_at.is_(None), waits | traces)

    async def _listed(self, *where: sa.ColumnElement[bool]) -> tuple[Erasure, ...]:
        query = sa.select(table).where(*where).order_by(table.c.requested_at, table.c.id).limit(_LISTED)
        rows = await self._store.read(lambda connection: connection.execute(query).mappings().all())
        return tuple(Erasure(**row) for row in rows)

    def _approved(self, text: str, signatures: str) -> bool:
        return len(approval.signers(text, signatures, self._officers)) >= approval.OFFICERS

    async def _note(
        self, what: str, id_: str, members: Mapping[str, Json], change: Callable[[Connection, int], None], *, now: int
    ) -> None:
        draft = Draft(type=f"erasure.{what}", members={"erasure": id_, **members}, time=now, change=change)
        await self._journal.append(draft)


@dataclass(frozen=True, slots=True)
class Tombstones:
    """Who was erased: those whose entries can still be found, and those of whom nothing is left."""

    reduced: frozenset[str]
    forgotten: frozenset[str]


async def tombstones(store: Store, *, since: int = 0) -> Tombstones:
    """All of them, or those erased since."""
    query = sa.select(table.c.subject, table.c.forgotten_at).where(table.c.executed_at >= since)
    rows = await store.read(lambda connection: connection.execute(query.order_by(table.c.subject)).all())
    forgotten = frozenset(row.subject for row in rows if row.forgotten_at is not None)
    return Tombstones(frozenset(row.subject for row in rows) - forgotten, forgotten)


def traced() -> sa.Select[tuple[str]]:
    """A subquery: the erased persons whose entries can still be found, and of whom an erasure can be reported."""
    return sa.select(table.c.subject).where(table.c.executed_at.is_not(None), table.c.forgotten_at.is_(None))


async def reapply(store: Store, keys: Store, vault: Vault) -> int:
    """Cut down or destroy the keys of erased persons that a restored key store, or a crash, has left.

    Called at start, before anything is opened. Gives how many there were.
    """
    erased = await tombstones(store)
    whole = await keys.read(lambda connection: wiping.still_held(connection, erased.reduced, "whole"))
    gone = await keys.read(lambda connection: wiping.still_held(connection, erased.forgotten, "whole", "tags"))
    for subject in whole:
        await vault.reduce(subject)
    for subject in gone:
        await vault.destroy(subject)
    return len(whole) + len(gone)


def _pending(found: Erasure) -> Erasure:
    if found.cancelled_at is not None or found.executed_at is not None:
        raise ErasureClosed(f"this erasure is {found.state}")
    return found


def _replacing(found: Erasure, values: Mapping[str, Any]) -> Callable[[Connection, int], None]:
    """Under the lock: nothing about this erasure moved since it was read."""
    names = ("signatures", "due", "cancelled_at", "executed_at", "forgotten_at")
    same = [table.c[name].is_not_distinct_from(getattr(found, name)) for name in names]

    def change(connection: Connection, _index: int) -> None:
        update = sa.update(table).where(table.c.id == found.id, *same).values(values)
        if connection.execute(update).rowcount != 1:
            raise EpochChanged("this erasure changed meanwhile")

    return change
