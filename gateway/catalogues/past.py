"""A draft replayed over the last decisions of the journal.

Reads entries `exchange.decided` from the newest back, each with the catalogue it names and, where it stands, the record
of its authorisation. What the journal does not keep is told as uncertain (`policies.replay`); a decision of a catalogue
that is not stored here is counted, not replayed. Persons are counted by their opaque ids, which leave this module as a
number only.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.models import audit_entry
from audit.store import Store
from consent.models import authorisation
from consent.states import words
from gateway.catalogues import bundles
from gateway.catalogues.bundles import CatalogueRefused
from policies.catalogue import Catalogue
from policies.model import DAY_MS
from policies.replay import Found, Past, Tally, replay

_CHUNK = 500  # entries read and replayed in one go: others have their turn in between
_SCANNED = 200_000
_KINDS = {"subject": "person"}  # any other tag is a professional's
_MARK = b'"type":"exchange.decided"'

Line = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What was found, and over what: positions of the oldest and newest decision, none when there was no decision."""

    tally: Tally
    first: int | None
    last: int | None


async def replay_last(
    store: Store, draft: Catalogue, *, count: int, positions: Sequence[int] | None = None
) -> Replayed:
    """Replay the draft over the last `count` decisions, or over those at these positions (a DPO's own)."""
    known: dict[str, Catalogue | None] = {}
    found: dict[tuple[str, Hashable], dict[str, Found]] = {}
    tally, places = Tally(), list[int]()
    chunks = _tail(store, count) if positions is None else _at(store, positions[:count])
    async for lines in chunks:
        await asyncio.sleep(0)
        ids = {entry["authorisation"] for _, entry in lines if "authorisation" in entry}
        records = await store.read(partial(_records, ids=sorted(ids)))
        for place, entry in lines:
            places.append(place)
            if entry["catalogue"] not in known:
                known[entry["catalogue"]] = await _stored(store, entry["catalogue"])
            before, record = known[entry["catalogue"]], records.get(entry.get("authorisation", ""))
            if before is None:
                tally.decisions += 1
                tally.unreplayed += 1
                continue
            past = _past(entry, record)
            alike = (before.digest, _alike(past))
            if alike not in found:
                found[alike] = replay(past, before, draft)
            tally.add(past, found[alike], person=None if record is None else record["subject"])
    return Replayed(tally=tally, first=min(places, default=None), last=max(places, default=None))


async def _tail(store: Store, count: int) -> AsyncIterator[list[Line]]:
    """The journal's newest decisions, from its end back."""
    below: int | None = None
    for _ in range(_SCANNED // _CHUNK):
        query = sa.select(audit_entry.c.index, audit_entry.c.leaf).order_by(audit_entry.c.index.desc()).limit(_CHUNK)
        rows = await store.read(
            partial(_rows, query=query if below is None else query.where(audit_entry.c.index < below))
        )
        lines = [(index, orjson.loads(leaf)) for index, leaf in rows if _MARK in leaf][:count]
        count -= len(lines)
        yield lines
        if len(rows) < _CHUNK or count <= 0:
            return
        below = rows[-1][0]


async def _at(store: Store, positions: Sequence[int]) -> AsyncIterator[list[Line]]:
    for start in range(0, len(positions), _CHUNK):
        some = positions[start : start + _CHUNK]
        query = sa.select(audit_entry.c.index, audit_entry.c.leaf).where(audit_entry.c.index.in_(some))
        rows = await store.read(partial(_rows, query=query.order_by(audit_entry.c.index.desc())))
        yield [(index, orjson.loads(leaf)) for index, leaf in rows]


def _rows(connection: Connection, query: sa.Select[Any]) -> Sequence[Any]:
    return connection.execute(query).all()


async def _stored(store: Store, digest: str) -> Catalogue | None:
    try:
        return await bundles.read(store, digest)
    except CatalogueRefused:
        return None


def _records(connection: Connection, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    columns = [authorisation.c[name] for name in ("id", "subject", "fields", "explicit")]
    query = sa.select(*columns).where(authorisation.c.id.in_(ids)).order_by(columns[0])
    return {row["id"]: dict(row) for row in connection.execute(query).mappings()}


def _alike(past: Past) -> Hashable:
    """What decisions have in common that are replayed alike: of the time, the day (a catalogue knows nothing finer)."""
    given = (past.recipient, past.purpose, past.now // DAY_MS, past.kind, past.basis, past.permits)
    return (*given, frozenset(past.denials.items()), past.fields, past.explicit)


def _past(entry: Mapping[str, Any], record: Mapping[str, Any] | None) -> Past:
    return Past(
        recipient=entry["org"],
        purpose=entry["purpose"],
        now=entry["time"],
        kind="batch" if entry["actor"].startswith("batch:") else _KINDS.get(entry["actor"], "professional"),
        basis=entry.get("basis"),
        permits=frozenset(name for names in entry.get("permits", {}).values() for name in names),
        denials={name: reason for reason, names in entry.get("denials", {}).items() for name in names},
        fields=None if record is None else words(record["fields"]),
        explicit=None if record is None else words(record["explicit"]),
    )
