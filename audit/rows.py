"""The rows of one batch, in as few statements as each engine allows.

Measured with bench/append.py: on PostgreSQL a statement through SQLAlchemy's async layer costs more than the 64 rows
it carries, so entries, seals, tiles, head and what the gate leaves to write go in one, each table in a WITH of its
own (docs/adr/0012-journal-speed.md); on SQLite the driver's own executemany takes half the time.

On PostgreSQL all of it is on condition that the head is still as it was read: who wrote without the lock has then
written nothing (docs/adr/0032-batches-without-a-lock.md).
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import asyncpg

from audit.batch import Moved
from audit.models import SPAN_BITS, audit_entry, audit_head, audit_seal, audit_tile, span_of
from audit.shards import Shard, waiting_since

Entry = tuple[str | None, bytes, bytes]  # subject tag, hash, leaf
Seal = tuple[int, bytes]  # index, sealed salts
Tile = tuple[int, int, int, bytes, bytes]  # shard, level, index, root, hashes
Head = tuple[int, bytes, bytes]  # size, peaks, root

_ANY = 2**62
_sqlite_entries = 'INSERT INTO audit_entry ("index", at, span, subject, hash, leaf) VALUES (?, ?, ?, ?, ?, ?)'
_sqlite_seals = 'INSERT INTO audit_seal ("index", sealed) VALUES (?, ?)'
_sqlite_tiles = 'INSERT INTO audit_tile (shard, level, "index", root, hashes) VALUES (?, ?, ?, ?, ?)'
_sqlite_head = "UPDATE audit_head SET size = ?, peaks = ?, root = ? WHERE id = ?"


def write_rows(
    connection: Connection,
    *,
    at: int,
    shard: Shard,
    entries: Sequence[Entry],
    seals: Sequence[Seal],
    tiles: Sequence[Tile],
    head: Head,
    moved: Moved | None,
    oldest: int = 0,
    minimum: int = _ANY,
) -> bool:
    """Insert entries at the end of `shard`, with their seals and tiles; move its head, and the rest.

    False, on PostgreSQL only, when nothing was written: the log does not end there any more, or an entry from before
    `oldest` waits for a published checkpoint, or entries from `minimum` on were pruned.
    """
    first = shard.first + shard.size
    if connection.dialect.name == "sqlite":
        numbered = [(index, at, span_of(index), *entry) for index, entry in enumerate(entries, first)]
        connection.exec_driver_sql(_sqlite_entries, numbered)
        if seals:
            connection.exec_driver_sql(_sqlite_seals, list(seals))
        if tiles:
            connection.exec_driver_sql(_sqlite_tiles, list(tiles))
        connection.exec_driver_sql(_sqlite_head, (*head, shard.id))
        if moved is not None:
            connection.execute(*moved)
        return True
    given = {"first": first, "at": at, "size": head[0], "peaks": head[1], "root": head[2], "oldest": oldest}
    given |= {"shard": shard.id, "was": shard.root, "minimum": minimum}
    given |= _columns(audit_entry, ("subject", "hash", "leaf"), entries)
    given |= _columns(audit_seal, ("index", "sealed"), seals)
    given |= _columns(audit_tile, ("shard", "level", "index", "root", "hashes"), tiles)
    statement, names = _postgresql(moved[0] if moved is not None else None)
    if moved is not None:
        given |= moved[1]
    return bool(connection.exec_driver_sql(statement, tuple(given[name] for name in names)).scalar_one())


def _columns(table: sa.Table, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return {f"{table.name}_{name}": column for name, column in zip(names, columns, strict=True)}


@cache
def _postgresql(moved: sa.Update | None) -> tuple[str, Sequence[str]]:
    """Give the statement and the names of its parameters in order. It tells how many heads were moved: one or none."""
    columns = audit_head.c
    unchanged = (
        columns.id == sa.bindparam("shard"),
        columns.root == sa.bindparam("was"),
        columns.minimum <= sa.bindparam("minimum"),
        columns.closed_at.is_(None),
        sa.func.coalesce(waiting_since, sa.bindparam("at")) >= sa.bindparam("oldest"),
    )
    values: dict[str, Any] = {name: sa.bindparam(name) for name in ("size", "peaks", "root")}
    head = sa.update(audit_head).where(*unchanged).values(values).returning(columns.id).cte("head")
    held = sa.exists(sa.select(head.c.id))
    entry = _unnested(audit_entry, ("subject", "hash", "leaf"), with_ordinality="place")
    index = sa.cast(sa.bindparam("first"), sa.BigInteger) + entry.c.place - sa.literal_column("1")
    at = sa.cast(sa.bindparam("at"), sa.BigInteger)
    span = sa.cast(index.bitwise_rshift(sa.literal_column(str(SPAN_BITS))), sa.SmallInteger)
    entries = sa.insert(audit_entry).from_select(
        ["index", "at", "span", "subject", "hash", "leaf"],
        sa.select(index, at, span, entry.c.subject, entry.c.hash, entry.c.leaf).where(held),
    )
    parts: dict[str, sa.Insert | sa.Update] = {"entries": entries}
    for name, table in (("seals", audit_seal), ("tiles", audit_tile)):
        names = [column.name for column in table.c]
        parts[name] = sa.insert(table).from_select(names, sa.select(_unnested(table, names)).where(held))
    if moved is not None:
        parts["moved"] = moved.where(held)
    statement = sa.select(sa.func.count()).select_from(head)
    statement = statement.add_cte(*(part.cte(name) for name, part in parts.items()))
    compiled = statement.compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
    return compiled.string, compiled.positiontup or ()


def _unnested(table: sa.Table, names: Sequence[str], **options: Any) -> sa.TableValuedAlias:
    kinds: Mapping[str, Any] = {name: table.c[name].type for name in names}
    arrays = [sa.bindparam(f"{table.name}_{name}", type_=postgresql.ARRAY(kind)) for name, kind in kinds.items()]
    columns = [sa.column(name, kind) for name, kind in kinds.items()]
    return sa.func.unnest(*arrays).table_valued(*columns, name=f"{table.name}_rows", **options).render_derived()
