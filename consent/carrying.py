"""Carries planned transitions out: read and plan, one journal entry, and in its transaction the rows it proves.

1 read and plan (`moves.py`, `measures.py`); 2 append one entry; 3 under the journal's lock, in the same transaction,
if nothing moved and the mandate it is done under was not ended, write the new state and tell whoever must hear of it.
When something moved, plan again on what is there now: the plan then says why it is no longer allowed, and nothing was
appended.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Appended, Draft, Journal
from audit.store import Store
from consent.errors import ConsentError, Contended, EpochChanged, MandateRefused, SubjectErased
from consent.guards import ChangeGuard, SubjectRef
from consent.models import authorisation as table
from consent.models import mandate
from consent.models import subject as people
from consent.planning import Move, Standing
from consent.states import NONE, By, Mandate, Record, Request, read_record, write_record
from consent.vault import SubjectId, Vault

FREEZING = frozenset({"given", "renewed", "activated"})
"""Events that freeze a record: their entry names its digest."""

_LANG = "fr"  # of what is read at a counter, on paper, in an SMS
_ATTEMPTS = 32
_LISTED = 1_000
_SCHEMA = "iso-27560/passerelle-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What was done: the record as it now stands, and the entry that proves it."""

    record: Record
    appended: Appended


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What others may have to hear of a transition: no personal value. `event` is the journal's word.

    `record` is the SHA-256 of the record it freezes, as its entry names it; `decided`: somebody had answered before.
    """

    record_id: str
    subject: SubjectId
    recipient: str
    sources: tuple[str, ...]
    event: str
    at: int
    entry: int
    record: str | None = None
    decided: bool = True


Tell = Callable[[Connection, Told], None]
"""Called inside the transition's transaction: what it writes stands or falls with the transition."""

Digest = Callable[[Connection, Record], str]
"""The SHA-256, hex, of the record a transition is to freeze; asked for before its entry is made."""

Plan = Callable[[Standing], tuple[Record, Move]]
"""From what stands: the record the move is about, and the move."""


class _Moved(ConsentError):  # noqa: N818  caught here
    """What was planned on is no longer so."""


class Carrier:
    """The one way transitions are written."""

    def __init__(
        self, *, store: Store, journal: Journal, vault: Vault, told: Tell | None = None, digest: Digest | None = None
    ) -> None:
        self.store = store
        self._journal = journal
        self._vault = vault
        self._told = told
        self._digest = digest

    def first(self) -> AbstractContextManager[None]:
        """While this is open, what is carried out goes before the exchanges that wait (`audit.journal`)."""
        return self._journal.first()

    async def carry_out(
        self,
        subject: SubjectId,
        plan: Plan,
        look: "Look",
        *,
        by: By,
        now: int,
        told: Tell | None = None,
    ) -> Transition:
        """Plan on these records of the person until nothing moves in between; raises what the plan raises.

        `told` hears of this one transition.
        """
        for _ in range(_ATTEMPTS):
            found = await self.standing(subject, look)
            before, move = plan(found)  # 1
            after = moved(before, move, by=by, now=now)
            ref = SubjectRef(subject, await self._vault.open(subject))
            record = await self._frozen(after, move)
            members = _members(after, move, epoch=found.epoch + move.bump, by=by, new=before.state == NONE)
            draft = Draft(
                type=f"authorisation.{move.event}",
                members=members if record is None else {**members, "record": record},
                time=now,
                subject=ref,
                guard=ChangeGuard(epoch=found.epoch, bump=move.bump),
                change=self._change(found, look, move, by, before=before, after=after, told=told, record=record),
            )
            try:
                appended = await self._journal.append(draft)  # 2
            except (_Moved, EpochChanged):
                continue
            return Transition(record=replace(after, entry=appended.index), appended=appended)
        raise Contended("this person keeps changing: ask again")

    async def standing(self, subject: SubjectId, look: "Look") -> Standing:
        """The person's epoch and these records; raises `SubjectErased`."""
        return await self.store.read(lambda connection: _read(connection, subject, look))

    async def _frozen(self, after: Record, move: Move) -> str | None:
        digest = self._digest
        if digest is None or move.event not in FREEZING:
            return None
        return await self.store.read(lambda connection: digest(connection, after))

    def _change(
        self,
        found: Standing,
        look: "Look",
        move: Move,
        by: By,
        *,
        before: Record,
        after: Record,
        told: Tell | None,
        record: str | None,
    ) -> Callable[[Connection, int], None]:
        """3: under the lock."""
        row = write_record(after)

        def change(connection: Connection, index: int) -> None:
            if _read(connection, after.subject, look).records != found.records:
                raise _Moved("another transition came first")
            if by.representative is not None and _ended(connection, by.representative):
                raise MandateRefused("no mandate for this act")
            for gone, state in move.gone:
                left = {"slot": None, "state": state, "changed_at": after.changed_at, "entry": index}
                connection.execute(_UPDATE, {"which": gone.id, **left})
            written = {**row, "entry": index}
            if before.state == NONE:
                connection.execute(_INSERT, written)
            else:
                connection.execute(_UPDATE, {"which": after.id, **written})
            for tell in (self._told, told):
                if tell is not None:
                    tell(connection, _told(before, move, at=after.changed_at, entry=index, record=record))

        return change


def blank(subject: SubjectId, asked: Request, *, now: int) -> Record:
    """The record of a request before its first transition."""
    id_ = _new_id(now)
    return Record(
        id=id_,
        subject=subject,
        recipient=asked.recipient,
        purpose=asked.purpose,
        slot=None,
        basis=asked.basis,
        state=NONE,
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
            "objection": asked.objection,
            "details": dict(asked.details),
            "events": [],
        },
    )


def successor(record: Record, *, now: int) -> Record:
    """The same content under a new name, before its first transition."""
    content = {**record.record, "events": []}
    return replace(record, id=_new_id(now), slot=None, state=NONE, uses=0, requested_at=now, record=content)


def moved(before: Record, move: Move, *, by: By, now: int) -> Record:
    """The record once moved, with the event added to its own history."""
    content = move.values.get("record", before.record)
    lang = (by.lang or _LANG) if move.event in FREEZING else None
    event = {"event": move.event, "time": now, "method": by.method, "lang": lang, **_acts(by), **move.members}
    history = [*content["events"], {name: value for name, value in event.items() if value is not None}]
    return replace(before, **{"changed_at": now, **move.values, "record": {**content, "events": history}})


def _acts(by: By) -> dict[str, Json]:
    held = by.representative
    return {
        "by": by.kind,
        "channel": by.channel,
        "actor": by.actor,
        "witness": by.witness,
        "evidence": by.evidence,
        "confirmed": by.confirmed,
        "mandate": None if held is None else held.id,
        "capacity": None if held is None else held.capacity,
    }


def _members(after: Record, move: Move, *, epoch: int, by: By, new: bool) -> dict[str, Json]:
    content: dict[str, Json] = {
        "authorisation": after.id,
        "org": after.recipient,
        "purpose": after.purpose,
        "basis": after.basis,
        "epoch": epoch,
        "notice": after.notice,
        "catalogue": after.catalogue,
        **_acts(by),
        **move.members,
    }
    if new:
        sources = sorted(after.record["sources"])
        content |= {"siret": after.record["siret"], "sources": sources, "fields": sorted(after.requested)}
    if move.event in {"given", "renewed", "narrowed"}:
        content |= {"fields": sorted(after.fields), "explicit": sorted(after.explicit)}
    return {name: value for name, value in content.items() if value is not None}


def _told(before: Record, move: Move, *, at: int, entry: int, record: str | None) -> Told:
    return Told(
        record_id=before.id,
        subject=before.subject,
        recipient=before.recipient,
        sources=tuple(before.record.get("sources", ())),
        event=move.event,
        at=at,
        entry=entry,
        record=record,
        decided=before.decided_at is not None,
    )


@dataclass(frozen=True, slots=True)
class Look:
    """Which records of a person: a constant statement, compiled once, and its parameters but for the person."""

    statement: sa.Select[Any]
    given: Mapping[str, str] = field(default_factory=dict)


def _newest(*scope: sa.ColumnElement[bool]) -> sa.Select[Any]:
    theirs = sa.and_(table.c.subject == people.c.id, *scope)
    found = sa.select(people.c.epoch.label("_epoch"), people.c.uses.label("_uses"), *table.c)
    joined = found.join_from(people, table, theirs, isouter=True)
    return (
        joined.where(people.c.id == sa.bindparam("subject"), people.c.erased_at.is_(None))
        .order_by(table.c.requested_at.desc(), table.c.id.desc())
        .limit(_LISTED)
    )


_INSERT = sa.insert(table)
_UPDATE = sa.update(table).where(table.c.id == sa.bindparam("which"))
_LINE = sa.and_(table.c.purpose == sa.bindparam("purpose"), table.c.recipient == sa.bindparam("recipient"))
_OWN = table.alias("own")
_OF = sa.select(_OWN.c.purpose, _OWN.c.recipient).where(_OWN.c.id == sa.bindparam("authorisation"))

EVERY = _newest()
ONE = _newest(table.c.id == sa.bindparam("authorisation"))
LINE = _newest(_LINE)
PENDING = _newest(_LINE, table.c.slot == "pending")
BESIDE = _newest(sa.tuple_(table.c.purpose, table.c.recipient).in_(_OF))
"""Those of the line of a named one, itself among them."""


def _read(connection: Connection, subject: SubjectId, look: Look) -> Standing:
    """The epoch and the records of one moment: what changes afterwards is caught by the gate."""
    rows = connection.execute(look.statement, {"subject": subject, **look.given}).mappings().all()
    if not rows:
        raise SubjectErased("no such person any more")
    uses: Mapping[str, Any] = orjson.loads(rows[0]["_uses"])
    return Standing(rows[0]["_epoch"], tuple(read_record(row, uses) for row in rows if row["id"] is not None))


def _ended(connection: Connection, held: Mandate) -> bool:
    """Whether the mandate was ended or cut short since it was looked at: what is given now would not end with it."""
    over = mandate.c.ended_at.is_not(None) | (mandate.c.until < held.valid_until)
    query = sa.select(mandate.c.id).where(mandate.c.id == held.id, over)
    return connection.execute(query).first() is not None


def _new_id(now: int) -> str:
    """A UUID version 7 (RFC 9562 §5.7), hex: sorts by time."""
    number = (now & (1 << 48) - 1) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    return f"{number & ~(0x3 << 62) | 0x2 << 62:032x}"
