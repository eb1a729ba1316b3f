"""Follows the journal and keeps what the search reads (`models.py`): restartable, by any number of processes.

 1. read the cursor and the next entries, in the order of the log
 2. read each entry; a release is given the sources of its decision (same `ref`)
 3. one transaction: move the cursor from where it was (or somebody else was faster: nothing is written), add kinds,
    lines and counts
 4. what the retention has removed from the journal goes here too

Runs beside the gateway, never in the transaction of an append. Refuses to stop at an entry it cannot read: it becomes a
line of the kind `unreadable`, which the integrity check explains.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit import shards
from audit.errors import AuditError
from audit.events import check_entry
from audit.models import audit_entry
from audit.store import Store
from gateway.console import models
from gateway.console.given import given
from gateway.console.kinds import Kind, Line, line_of

UNREADABLE, UNKNOWN = "unreadable", "unknown"
_CHUNK = 512
_PIECE = 128
_REST = 19
_REMOVED = 1_000
_REMEMBERED = 20_000  # decisions whose release may still come
_PAUSE = 1.0
_MOMENT = 0.25
_GIVE_WAY = 100  # times as long a rest as the loop was late
_LONGEST = 2.0  # seconds of rest for that

_log = logging.getLogger(__name__)

_begin = sa.text("INSERT INTO console_cursor (id, position) VALUES (1, 0) ON CONFLICT (id) DO NOTHING")
_move = sa.text("UPDATE console_cursor SET position = :end WHERE id = 1 AND position = :start")
_count = sa.text(
    "INSERT INTO console_tally (day, kind, entries) VALUES (:day, :kind, :entries)"
    " ON CONFLICT (day, kind) DO UPDATE SET entries = console_tally.entries + excluded.entries"
)
_release = sa.text(
    "INSERT INTO console_field (day, org, purpose, field, releases) VALUES (:day, :org, :purpose, :field, :releases)"
    " ON CONFLICT (day, org, purpose, field) DO UPDATE SET releases = console_field.releases + excluded.releases"
)
_uncount = sa.text("UPDATE console_tally SET entries = entries - :entries WHERE day = :day AND kind = :kind")


@dataclass(frozen=True, slots=True)
class _Read:
    """The next entries: from which position, up to which, and the sources of decisions they go back to."""

    start: int
    end: int
    entries: Sequence[tuple[int, int, Mapping[str, Any] | None]]  # position, journal's clock, entry
    decided: Mapping[str, tuple[str, ...]]


class Projector:
    """Keeps one database's search up to date."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kinds: dict[str, int] = {}
        self._decided: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    async def run(self) -> None:
        """Follow until cancelled; at most a twentieth of the time, in pieces no request waits long for.

        Much less of it while others are kept waiting: how late the loop comes back from a pause tells.
        """
        loop, failing, late = asyncio.get_running_loop(), "", 0.0
        while True:
            began, pause = loop.time(), _PAUSE
            try:
                if added := await self.step(_PIECE):
                    # not at each entry that comes: what a step costs beside its entries is shared by those of a moment
                    rest = max(_REST * (loop.time() - began), min(_GIVE_WAY * late, _LONGEST))
                    pause = max(rest, _MOMENT if added < _PIECE else 0.0)
                else:
                    await self.clear()
                failing = ""
            except Exception as error:  # noqa: BLE001  an absent database must not end the search for ever
                code = error.code if isinstance(error, AuditError) else type(error).__name__
                if code != failing:
                    _log.error("the search of the console is not up to date: %s", code)
                failing = code
            due = loop.time() + pause
            await asyncio.sleep(pause)
            late = loop.time() - due

    async def catch_up(self) -> int:
        """Go on to the end of the journal; gives how many entries were added."""
        added = 0
        while count := await self.step():
            added += count
            await asyncio.sleep(0)
        return added

    async def step(self, most: int = _CHUNK) -> int:
        """Add the next entries; gives how many there were, 0 at the end of the journal."""
        read = await self._store.read(partial(self._look, most=most))
        if read is None:
            await self._store.write(lambda connection: connection.execute(_begin))
            return await self.step(most)
        if read.end == read.start:
            return 0
        lines = [self._line(read, index, at, entry) for index, at, entry in read.entries]
        await self._store.write(partial(self._write, start=read.start, end=read.end, lines=lines))
        return read.end - read.start

    async def clear(self) -> int:
        """Remove what the retention removed from the journal; gives how many lines went."""
        gone = 0
        while count := await self._store.write(_clear):
            gone += count
            await asyncio.sleep(0)
        return gone

    async def reindex(self) -> int:
        """Forget all but the kinds and begin again; gives how many entries were added."""
        await self._store.write(_forget)
        return await self.catch_up()

    def _look(self, connection: Connection, *, most: int) -> _Read | None:
        start = connection.execute(sa.select(models.cursor.c.position)).scalar()
        if start is None:
            return None
        index = audit_entry.c.index
        query = sa.select(index, audit_entry.c.at, audit_entry.c.leaf).where(index >= start)
        rows = connection.execute(query.order_by(index).limit(most)).all()
        entries = [(position, at, _entry(leaf)) for position, at, leaf in rows]
        end = entries[-1][0] + 1 if entries else start
        missing = {
            entry["ref"]
            for _, _, entry in entries
            if entry is not None and entry["type"] in {"exchange.released", "exchange.undelivered"}
        } - self._decided.keys()
        return _Read(start, end, entries, _sources(connection, missing) if missing else {})

    def _line(self, read: _Read, index: int, at: int, entry: Mapping[str, Any] | None) -> Line:
        if entry is None:
            return Line(index=index, at=at, kind=Kind(type=UNREADABLE))
        ref = entry.get("ref")
        if ref is None:
            return line_of(index, entry)
        if entry["type"] == "exchange.decided":
            self._decided[ref] = tuple(sorted(entry.get("sources", ())))
            if len(self._decided) > _REMEMBERED:
                self._decided.popitem(last=False)
        return line_of(index, entry, decided=self._decided.get(ref) or read.decided.get(ref, ()))

    def _write(self, connection: Connection, *, start: int, end: int, lines: Sequence[Line]) -> None:
        if not connection.execute(_move, {"start": start, "end": end}).rowcount:
            return  # another process was faster
        ids = self._ids(connection, {line.kind for line in lines})
        rows = [
            {
                "index": line.index,
                "at": line.at,
                "day": line.day,
                "kind": ids[line.kind],
                "actor": line.actor,
                "ref": line.ref,
                "authorisation": line.authorisation,
            }
            for line in lines
        ]
        connection.execute(sa.insert(models.line), rows)
        counts = Counter((row["day"], row["kind"]) for row in rows)
        connection.execute(_count, [{"day": d, "kind": k, "entries": n} for (d, k), n in sorted(counts.items())])
        held = Counter((line.day, line.kind.org, line.kind.purpose, name) for line in lines for name in line.fields)
        if held:
            names = ("day", "org", "purpose", "field", "releases")
            connection.execute(_release, [dict(zip(names, (*key, n), strict=True)) for key, n in sorted(held.items())])

    def _ids(self, connection: Connection, kinds: set[Kind]) -> dict[Kind, int]:
        """Find the ids of kinds, writing those nobody has met: only one process at a time gets here."""
        digests = {kind: kind.digest for kind in kinds}
        if unknown := {kind for kind, digest in digests.items() if digest not in self._kinds}:
            columns = models.kind.c
            known = sa.select(columns.digest, columns.id).where(
                columns.digest.in_(sorted(digests[kind] for kind in unknown))
            )
            self._kinds |= {row.digest: row.id for row in connection.execute(known)}
            newest = connection.execute(sa.select(sa.func.coalesce(sa.func.max(columns.id), 0))).scalar_one()
            new = sorted((kind for kind in unknown if digests[kind] not in self._kinds), key=lambda kind: digests[kind])
            numbered = {digests[kind]: number for number, kind in enumerate(new, newest + 1)}
            if new:
                connection.execute(sa.insert(models.kind), [_row(kind, numbered[digests[kind]]) for kind in new])
            return {kind: numbered.get(digest) or self._kinds[digest] for kind, digest in digests.items()}
        return {kind: self._kinds[digest] for kind, digest in digests.items()}


def _entry(leaf: bytes) -> Mapping[str, Any] | None:
    """Read an entry; None when it is no entry, a bare one when its type is not known here."""
    try:
        entry = orjson.loads(leaf)  # its canonical form is checked where the entry is shown
        known = check_entry(entry)
    except (AuditError, ValueError):
        return None
    assert isinstance(entry, dict)  # noqa: S101  check_entry has seen it
    return entry if known else {"type": UNKNOWN, "time": entry["time"]}


def _sources(connection: Connection, refs: set[str]) -> dict[str, tuple[str, ...]]:
    """Look up the decisions that were read long ago, or by another process."""
    line, kind = models.line.c, models.kind.c
    wanted = given(connection, sorted(refs), sa.String(32))
    query = (
        sa.select(line.ref, kind.sources)
        .select_from(wanted)
        .join(models.line, line.ref == wanted.c.value)
        .join(models.kind, kind.id == line.kind)
        .where(kind.type == "exchange.decided")
        .order_by(line.index)
    )
    return {ref: tuple(sources.split()) for ref, sources in connection.execute(query)}


def _row(kind: Kind, number: int) -> dict[str, Any]:
    words = {name: " ".join(value) if isinstance(value, tuple) else value for name, value in asdict(kind).items()}
    return {**words, "id": number, "digest": kind.digest}


def _clear(connection: Connection) -> int:
    """Remove some lines below the minimum that the journal announces, and take them off the counts."""
    line = models.line.c
    floor = max((shard.first + min(shard.minimum, shard.size) for shard in shards.every(connection)), default=0)
    some = sa.select(line.index).where(line.index < floor).order_by(line.index).limit(_REMOVED)
    gone = connection.execute(sa.delete(models.line).where(line.index.in_(some)).returning(line.day, line.kind)).all()
    if not gone:
        return 0
    counts = Counter(map(tuple, gone))
    connection.execute(_uncount, [{"day": d, "kind": k, "entries": n} for (d, k), n in sorted(counts.items())])
    connection.execute(sa.delete(models.tally).where(models.tally.c.entries <= 0))
    oldest = sa.select(sa.func.min(models.tally.c.day)).scalar_subquery()
    connection.execute(sa.delete(models.field).where(models.field.c.day < oldest))
    return len(gone)


def _forget(connection: Connection) -> None:
    connection.execute(_begin)
    connection.execute(sa.update(models.cursor).values(position=0))  # its lock first: no step writes meanwhile
    for table in (models.line, models.tally, models.field):
        if connection.dialect.name == "postgresql":  # deleting millions of rows takes longer than a statement may
            connection.exec_driver_sql(f"TRUNCATE {table.name}")
        else:
            connection.execute(sa.delete(table))


async def measure_lag(store: Store) -> int:
    """Tell how many entries of the journal the search does not know yet."""

    def work(connection: Connection) -> int:
        shard = shards.current(connection)
        position = connection.execute(sa.select(models.cursor.c.position)).scalar() or 0
        return max(0, shard.first + shard.size - position) if shard else 0

    return await store.read(work)
