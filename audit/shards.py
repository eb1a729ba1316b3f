"""The shards as stored: reading them, and turning the year.

Closing a shard and opening the next is one transaction under the head's lock: whoever holds it first does both, the
others find the new shard. Refuses a log of another name. The clock of whoever writes decides; one that lags behind
writes into the newest shard, so a shard is never opened again.
"""

import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import years
from audit.canonical import dumps
from audit.checkpoint import Checkpoint
from audit.errors import JournalInconsistent
from audit.events import VERSION, check
from audit.keys import key_name
from audit.merkle import leaf_hash
from audit.models import audit_checkpoint, audit_entry, audit_head, span_of
from audit.store import Store


@dataclass(frozen=True, slots=True)
class Shard:
    """One year's log. Its entry of index n lies at position `first + n` over all shards."""

    id: int
    origin: str
    first: int
    size: int
    peaks: bytes
    root: bytes
    minimum: int
    closed_at: int | None

    @property
    def head(self) -> Checkpoint:
        """The tree head as stored, signed or not."""
        return Checkpoint(self.origin, self.size, self.root)


_columns = tuple(audit_head.c[name] for name in Shard.__slots__)
_heads = sa.select(*_columns).order_by(audit_head.c.id)
_open = _heads.where(audit_head.c.closed_at.is_(None))

_waiting = audit_head.alias()
_published = (
    sa.select(sa.func.coalesce(sa.func.max(audit_checkpoint.c.size), sa.literal_column("0")))
    .where(audit_checkpoint.c.shard == _waiting.c.id)
    .correlate(_waiting)
    .scalar_subquery()
)
_oldest = (  # a join would be planned as a scan of all entries
    sa.select(audit_entry.c.at)
    .where(audit_entry.c.index == _waiting.c.first + _published)
    .correlate(_waiting)
    .scalar_subquery()
)
waiting_since = (
    sa.select(sa.func.min(_oldest)).select_from(_waiting).where(_waiting.c.size > _published).scalar_subquery()
)
"""Selects when the oldest entry was written that no published checkpoint covers; NULL when there is none."""
_lock = _open.add_columns(waiting_since.label("waiting_since")).with_for_update(of=audit_head)


def every(connection: Connection) -> list[Shard]:
    """List all shards, oldest first."""
    return [Shard(*row) for row in connection.execute(_heads)]


def current(connection: Connection) -> Shard | None:
    """Give the shard that is appended to; None when the log was never started."""
    row = connection.execute(_open).one_or_none()
    return Shard(*row) if row is not None else None


def named(connection: Connection, origin: str) -> Shard | None:
    """Give the shard of this origin."""
    row = connection.execute(_heads.where(audit_head.c.origin == origin)).one_or_none()
    return Shard(*row) if row is not None else None


def locked(connection: Connection) -> tuple[Shard, int | None]:
    """Lock the open shard's head, and give it, and since when an entry waits for a published checkpoint."""
    for _ in range(3):
        row = connection.execute(_lock).one_or_none()
        if row is not None:
            return Shard(
                *row[:-1]
            ), row.waiting_since  # else another process closed it while we waited for its lock: look for the next one
    raise JournalInconsistent("the log has no head: it was not started")


def turn(connection: Connection, shard: Shard, *, base: str, now: int) -> Shard:
    """Give the shard to append to: the locked one or, when its year is over, the next, which this call opens."""
    if years.part(base, shard.origin) is None:
        raise JournalInconsistent("the database holds the log of another origin")
    if not years.is_over(base, shard.origin, now):
        return shard
    connection.execute(sa.update(audit_head).where(audit_head.c.id == shard.id).values(closed_at=now))
    return begin(connection, years.origin_of(base, now), previous=shard, now=now)


def begin(connection: Connection, origin: str, *, previous: Shard | None, now: int) -> Shard:
    """Write a shard's head and its entry 0."""
    members = years.opening(key_name(origin), previous.head if previous else None)
    check("log.created", members)
    leaf = dumps({**members, "v": VERSION, "type": "log.created", "id": secrets.token_hex(16), "time": now})
    digest = leaf_hash(leaf)
    first = previous.first + previous.size if previous else 0
    shard = Shard(previous.id + 1 if previous else 1, origin, first, 1, digest, digest, 0, None)
    connection.execute(sa.insert(audit_head), {name: getattr(shard, name) for name in Shard.__slots__})
    entry = {"index": first, "at": now, "span": span_of(first), "hash": digest, "leaf": leaf}
    connection.execute(sa.insert(audit_entry), entry)
    return shard


async def turn_when_due(store: Store, *, base: str, now: int) -> None:
    """Turn the year though nobody appends."""
    shard = await store.read(current)
    if shard is not None and years.is_over(base, shard.origin, now):
        await store.write(lambda connection: turn(connection, locked(connection)[0], base=base, now=now))
