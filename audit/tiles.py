"""The stored tree: full tiles are written when they fill, partial ones computed (C2SP tlog-tiles).

A tile row keeps its root, so that a level is built from the roots of the level below and the head of any
size can be recomputed from a few hundred hashes. SQL of the tree lives here and in `sequencing.py` only.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import merkle
from audit.errors import NotPublished
from audit.layout import WIDTH, pack
from audit.merkle import CompactRange
from audit.models import audit_checkpoint, audit_entry, audit_tile


def filled_by(connection: Connection, old_size: int, leaves: Sequence[bytes]) -> list[dict[str, Any]]:
    """Give the rows of the tiles that these leaves fill, lowest level first."""
    rows: list[dict[str, Any]] = []
    level, count, new = 0, old_size, list(leaves)
    while (count + len(new)) // WIDTH > count // WIDTH:
        first = count // WIDTH
        hashes = hashes_at(connection, level, first * WIDTH, count) + new
        roots = []
        for number in range(len(hashes) // WIDTH):
            tile = hashes[number * WIDTH : (number + 1) * WIDTH]
            roots.append(merkle.root(tile))
            rows.append({"level": level, "index": first + number, "root": roots[-1], "hashes": b"".join(tile)})
        level, count, new = level + 1, first, roots
    return rows


def hashes_at(connection: Connection, level: int, start: int, end: int) -> list[bytes]:
    """Read the stored hashes `start` to `end` of a tile level: of entries, or of the tiles below."""
    if start == end:
        return []
    if level == 0:
        position, value, table = audit_entry.c.index, audit_entry.c.hash, audit_entry
        query = sa.select(value).select_from(table)
    else:
        position, value = audit_tile.c.index, audit_tile.c.root
        query = sa.select(value).where(audit_tile.c.level == level - 1)
    query = query.where(position >= start, position < end).order_by(position)
    return list(connection.execute(query).scalars())


def levels(size: int) -> int:
    """Count the tile levels of a tree."""
    return (size.bit_length() + 7) // 8


def right_edge(connection: Connection, size: int) -> CompactRange:
    """Rebuild the compact range of a size from stored tile roots and the last entries' hashes.

    Raises ValueError when rows are missing.
    """
    peaks: list[bytes] = []
    for level in reversed(range(levels(size))):
        count = size >> (8 * level)
        edge = CompactRange()
        edge.extend(hashes_at(connection, level, count - count % WIDTH, count))
        peaks += edge.peaks
    return CompactRange(size, peaks)


def newest_checkpoint(connection: Connection) -> tuple[int, str]:
    """Read (size, note) of the newest published checkpoint."""
    query = sa.select(audit_checkpoint.c.size, audit_checkpoint.c.note).order_by(audit_checkpoint.c.size.desc())
    row = connection.execute(query.limit(1)).one_or_none()
    if row is None:
        raise NotPublished("no checkpoint is published yet")
    return row.size, row.note


def read_tile(connection: Connection, level: int, index: int, width: int = WIDTH) -> bytes:
    """Read a tile of hashes that a published checkpoint covers."""
    first = index * WIDTH
    if first + width > newest_checkpoint(connection)[0] >> (8 * level):
        raise NotPublished("no published checkpoint covers this tile")
    if width == WIDTH:
        query = sa.select(audit_tile.c.hashes).where(audit_tile.c.level == level, audit_tile.c.index == index)
        return bytes(connection.execute(query).scalar_one())
    return b"".join(hashes_at(connection, level, first, first + width))


def read_bundle(connection: Connection, index: int, width: int = WIDTH) -> bytes:
    """Read a bundle of entries that a published checkpoint covers."""
    first = index * WIDTH
    if first + width > newest_checkpoint(connection)[0]:
        raise NotPublished("no published checkpoint covers this bundle")
    query = sa.select(audit_entry.c.leaf).where(audit_entry.c.index >= first, audit_entry.c.index < first + width)
    return pack(connection.execute(query.order_by(audit_entry.c.index)).scalars())
