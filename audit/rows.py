"""The rows of one batch, in as few statements as each engine allows.

Measured with bench/append.py: on PostgreSQL a statement through SQLAlchemy's async layer costs more than the 64
rows it carries, so entries, seals and head go in one; on SQLite the driver's own executemany takes half the time.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

Entry = tuple[str | None, bytes, bytes]  # subject tag, hash, leaf
Seal = tuple[int, bytes]  # index, sealed salts
Head = tuple[int, bytes, bytes]  # size, peaks, root

_postgresql = sa.text(
    """
    WITH entries AS (
      INSERT INTO audit_entry (index, at, subject, hash, leaf)
      SELECT CAST(:first AS bigint) + place - 1, CAST(:at AS bigint), subject, hash, leaf
      FROM unnest(CAST(:subjects AS text[]), CAST(:hashes AS bytea[]), CAST(:leaves AS bytea[]))
           WITH ORDINALITY AS entry (subject, hash, leaf, place)
    ), seals AS (
      INSERT INTO audit_seal (index, sealed)
      SELECT index, sealed FROM unnest(CAST(:sealed_at AS bigint[]), CAST(:sealed AS bytea[])) AS seal (index, sealed)
    )
    UPDATE audit_head SET size = :size, peaks = :peaks, root = :root WHERE id = :shard
    """
)
_sqlite_entries = 'INSERT INTO audit_entry ("index", at, subject, hash, leaf) VALUES (?, ?, ?, ?, ?)'
_sqlite_seals = 'INSERT INTO audit_seal ("index", sealed) VALUES (?, ?)'
_sqlite_head = "UPDATE audit_head SET size = ?, peaks = ?, root = ? WHERE id = ?"


def write_rows(
    connection: Connection,
    *,
    at: int,
    shard: int,
    first: int,
    entries: Sequence[Entry],
    seals: Sequence[Seal],
    head: Head,
) -> None:
    """Insert entries from position `first` on, with their seals, and move the shard's head."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_sqlite_entries, [(index, at, *entry) for index, entry in enumerate(entries, first)])
        if seals:
            connection.exec_driver_sql(_sqlite_seals, list(seals))
        connection.exec_driver_sql(_sqlite_head, (*head, shard))
        return
    subjects, hashes, leaves = zip(*entries, strict=True)
    sealed_at, sealed = zip(*seals, strict=True) if seals else ((), ())
    size, peaks, root = head
    connection.execute(
        _postgresql,
        {
            "first": first, "at": at, "subjects": subjects, "hashes": hashes, "leaves": leaves,
            "sealed_at": sealed_at, "sealed": sealed, "shard": shard, "size": size, "peaks": peaks, "root": root,
        },
    )  # fmt: skip
