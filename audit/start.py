"""What must hold before the journal accepts anything: durable settings, a log that adds up.

Refuses to start on a database that may forget what it acknowledged, or whose head, entries and tiles disagree.
"""

import secrets

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import tiles
from audit.canonical import dumps
from audit.errors import DurabilityRefused, JournalInconsistent
from audit.events import VERSION, check
from audit.keys import key_name
from audit.layout import WIDTH
from audit.merkle import EMPTY_ROOT, CompactRange, leaf_hash
from audit.models import audit_entry, audit_head
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


async def open_log(store: Store, *, origin: str, now: int) -> None:
    """Create the log when there is none; refuse one of another origin or one that does not add up."""

    def work(connection: Connection) -> None:
        connection.execute(_create_head, {"origin": key_name(origin), "peaks": b"", "root": EMPTY_ROOT})
        head = connection.execute(sa.select(audit_head).with_for_update()).one()
        if head.origin != origin:
            raise JournalInconsistent("the database holds the log of another origin")
        if head.size == 0:
            _first_entry(connection, origin=origin, now=now)
        else:
            _check_head(connection, head.size, peaks=head.peaks, root=head.root)

    await store.write(work)


_create_head = sa.text(
    "INSERT INTO audit_head (id, origin, size, peaks, root) VALUES (1, :origin, 0, :peaks, :root)"
    " ON CONFLICT (id) DO NOTHING"  # the same words on both engines; a second process waits, then does nothing
)


def _first_entry(connection: Connection, *, origin: str, now: int) -> None:
    check("log.created", {"origin": origin})
    leaf = dumps({"v": VERSION, "type": "log.created", "id": secrets.token_hex(16), "time": now, "origin": origin})
    digest = leaf_hash(leaf)
    connection.execute(sa.insert(audit_entry), {"index": 0, "at": now, "hash": digest, "leaf": leaf})
    connection.execute(sa.update(audit_head), {"size": 1, "peaks": digest, "root": digest})


def _check_head(connection: Connection, size: int, *, peaks: bytes, root: bytes) -> None:
    """Compare the head with itself, with the newest entries as stored, and with the tiles."""
    last = connection.execute(sa.select(sa.func.max(audit_entry.c.index))).scalar()
    if last != size - 1:
        raise JournalInconsistent("the head and the number of entries differ")
    edge = sa.select(audit_entry.c.leaf, audit_entry.c.hash).where(audit_entry.c.index >= size - 1 - (size - 1) % WIDTH)
    for entry in connection.execute(edge.order_by(audit_entry.c.index)):
        if leaf_hash(entry.leaf) != entry.hash:
            raise JournalInconsistent("one of the newest entries does not have its own hash")
    try:
        stored, rebuilt = CompactRange.from_bytes(size, peaks), tiles.right_edge(connection, size)
    except ValueError:
        raise JournalInconsistent("tiles or entries are missing") from None
    if stored.root() != root or rebuilt.peaks != stored.peaks:
        raise JournalInconsistent("the head is not the head of the stored entries")
