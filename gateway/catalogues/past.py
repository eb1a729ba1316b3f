"""A draft replayed over the last decisions of the journal.

Reads entries `exchange.decided` from the newest back, each with the catalogue it names and, where it stands, the record
of its authorisation. What the journal does not keep is told as uncertain (`policies.replay`); a decision of a catalogue
that is not stored here is counted, not replayed. Persons are counted by their opaque ids, which leave this module as a
number only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from policies.replay import Past, Tally, replay

_CHUNK = 2_000
_SCANNED = 200_000
_MARK = b'"type":"exchange.decided"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What was found, and over what: positions of the oldest and newest decision, none when there was no decision."""

    tally: Tally
    first: int | None
    last: int | None


async def replay_last(store: Store, draft: Catalogue, *, count: int, org: str | None = None) -> Replayed:
    """Replay the draft over the last `count` decisions; with `org` over those it asked for or gave data in."""
    entries = await store.read(lambda connection: list(_decided(connection, count, org)))
    ids = {entry["authorisation"] for _, entry in entries if "authorisation" in entry}
    records = await store.read(lambda connection: _records(connection, sorted(ids)))
    known: dict[str, Catalogue | None] = {}
    tally = Tally()
    for _, entry in entries:
        before = known.get(entry["catalogue"])
        if entry["catalogue"] not in known:
            before = known[entry["catalogue"]] = await _stored(store, entry["catalogue"])
        record = records.get(entry.get("authorisation", ""))
        if before is None:
            tally.decisions += 1
            tally.unreplayed += 1
            continue
        past = _past(entry, record)
        tally.add(past, replay(past, before, draft), person=None if record is None else record["subject"])
    places = [index for index, _ in entries]
    return Replayed(tally=tally, first=min(places, default=None), last=max(places, default=None))


async def _stored(store: Store, digest: str) -> Catalogue | None:
    try:
        return await bundles.read(store, digest)
    except CatalogueRefused:
        return None


def _decided(connection: Connection, count: int, org: str | None) -> Iterator[tuple[int, dict[str, Any]]]:
    below: int | None = None
    found = scanned = 0
    while scanned < _SCANNED:
        query = sa.select(audit_entry.c.index, audit_entry.c.leaf).order_by(audit_entry.c.index.desc()).limit(_CHUNK)
        rows = connection.execute(query if below is None else query.where(audit_entry.c.index < below)).all()
        for index, leaf in rows:
            if _MARK not in leaf:
                continue
            entry = orjson.loads(leaf)
            if org is None or org == entry["org"] or org in entry.get("sources", ()):
                yield index, entry
                found += 1
                if found == count:
                    return
        if len(rows) < _CHUNK:
            return
        below = rows[-1][0]
        scanned += len(rows)


def _records(connection: Connection, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    columns = [authorisation.c[name] for name in ("id", "subject", "fields", "explicit")]
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(ids), 500):
        query = sa.select(*columns).where(authorisation.c.id.in_(ids[start : start + 500]))
        found |= {row["id"]: dict(row) for row in connection.execute(query.order_by(columns[0])).mappings()}
    return found


def _past(entry: Mapping[str, Any], record: Mapping[str, Any] | None) -> Past:
    return Past(
        recipient=entry["org"],
        purpose=entry["purpose"],
        now=entry["time"],
        batch=entry["actor"].startswith("batch:"),
        basis=entry.get("basis"),
        permits=frozenset(name for names in entry.get("permits", {}).values() for name in names),
        denials={name: reason for reason, names in entry.get("denials", {}).items() for name in names},
        fields=None if record is None else words(record["fields"]),
        explicit=None if record is None else words(record["explicit"]),
    )
