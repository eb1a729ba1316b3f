"""What must hold before the journal accepts anything: durable settings, a log that adds up.

Refuses to start on a database that may forget what it acknowledged, or whose head, entries and tiles disagree.
"""

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from audit import shards, tiles, years
from audit.errors import DurabilityRefused, JournalInconsistent
from audit.layout import WIDTH
from audit.merkle import CompactRange, leaf_hash
from audit.models import audit_entry
from audit.shards import Shard
from audit.store import Store

_SETTINGS = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "local", "remote_write", "remote_apply"),
}
_PRAGMAS = {"journal_mode": ("wal",), "synchronous": ("2", "3")}  # FULL, EXTRA


async def check_durability(store: Store) -> None:
    """Refuse a database that could lose a commit it has confirmed; names the setting."""

    def settings(connection: Connection) -> dict[str, str]:
        if connection.dialect.name == "sqlite":
            return {name: str(connection.exec_driver_sql(f"PRAGMA {name}").scalar()) for name in _PRAGMAS}
        return {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in _SETTINGS}

    wanted = {**_SETTINGS, **_PRAGMAS}
    for name, value in (await store.write(settings)).items():
        if value not in wanted[name]:
            raise DurabilityRefused(f"{name} is {value}, must be {' or '.join(wanted[name])}")


async def open_log(store: Store, *, origin: str, now: int) -> int:
    """Create the log when there is none, turn the year when it is over; refuse a log that does not add up.

    `origin` is the base name. Gives when the newest entry was written.
    """

    def work(connection: Connection) -> int:
        if not shards.every(connection):
            shards.begin(connection, years.origin_of(origin, now), previous=None, now=now)
            return now
        shard, _ = shards.locked(connection)
        _check_head(connection, shard)
        shards.turn(connection, shard, base=origin, now=now)
        last = sa.select(audit_entry.c.at).order_by(audit_entry.c.index.desc()).limit(1)
        written: int = connection.execute(last).scalar_one()
        return written

    try:
        return await store.write(work)
    except IntegrityError:  # another process created the log, or closed the shard, at the same moment
        return await store.write(work)


def _check_head(connection: Connection, shard: Shard) -> None:
    """Compare the head with itself, with the newest entries as stored, and with the tiles."""
    end, size = shard.first + shard.size, shard.size
    last = connection.execute(sa.select(sa.func.max(audit_entry.c.index))).scalar()
    if last != end - 1:
        raise JournalInconsistent("the head and the number of entries differ")
    edge = sa.select(audit_entry.c.leaf, audit_entry.c.hash).where(audit_entry.c.index >= end - 1 - (size - 1) % WIDTH)
    for entry in connection.execute(edge.order_by(audit_entry.c.index)):
        if leaf_hash(entry.leaf) != entry.hash:
            raise JournalInconsistent("one of the newest entries does not have its own hash")
    try:
        stored, rebuilt = CompactRange.from_bytes(size, shard.peaks), tiles.right_edge(connection, shard, size)
    except ValueError:
        raise JournalInconsistent("tiles or entries are missing") from None
    if stored.root() != shard.root or rebuilt.peaks != stored.peaks:
        raise JournalInconsistent("the head is not the head of the stored entries")
