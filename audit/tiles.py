"""The stored tree: full tiles are written when they fill, partial ones computed (C2SP tlog-tiles).

A tile row keeps its root, so that a level is built from the roots of the level below and the head of any
size can be recomputed from a few hundred hashes. SQL of the tree lives here and in `sequencing.py` only.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import merkle
from audit.errors import NotPublished, Pruned
from audit.layout import WIDTH, pack
from audit.merkle import CompactRange
from audit.models import audit_checkpoint, audit_entry, audit_tile
from audit.rows import Tile
from audit.shards import Shard


def filled_by(connection: Connection, shard: Shard, leaves: Sequence[bytes]) -> list[Tile]:
    """Give the rows of the tiles that these further leaves fill, lowest level first."""
    rows: list[Tile] = []
    level, count, new = 0, shard.size, list(leaves)
    while (count + len(new)) // WIDTH > count // WIDTH:
        first = count // WIDTH
        hashes = hashes_at(connection, shard, level, start=first * WIDTH, end=count) + new
        roots = []
        for number in range(len(hashes) // WIDTH):
            tile = hashes[number * WIDTH : (number + 1) * WIDTH]
            roots.append(merkle.root(tile))
            rows.append((shard.id, level, first + number, roots[-1], b"".join(tile)))
        level, count, new = level + 1, first, roots
    return rows


def hashes_at(connection: Connection, shard: Shard, level: int, *, start: int, end: int) -> list[bytes]:
    """Read the stored hashes `start` to `end` of a tile level: of entries, of tiles below, of pruned entries' tiles."""
    if start == end:
        return []
    if level == 0 and start < shard.minimum:
        whole = b"".join(stored_tile(connection, shard, 0, n) or b"" for n in range(start // WIDTH, -(-end // WIDTH)))
        return _split(whole)[start % WIDTH : start % WIDTH + end - start]
    if level == 0:
        position, first = audit_entry.c.index, shard.first
        query = sa.select(audit_entry.c.hash)
    else:
        position, first = audit_tile.c.index, 0
        query = sa.select(audit_tile.c.root).where(audit_tile.c.shard == shard.id, audit_tile.c.level == level - 1)
    query = query.where(position >= first + start, position < first + end).order_by(position)
    return list(connection.execute(query).scalars())


def filling(connection: Connection, shard: Shard) -> dict[str, Any] | None:
    """Give the row of the partial tile at the end of a closed shard: its entries are about to go, their hashes stay."""
    index, width = divmod(shard.size, WIDTH)
    if not width or shard.minimum >= shard.size:
        return None
    tile = hashes_at(connection, shard, 0, start=index * WIDTH, end=shard.size)
    place = {"shard": shard.id, "level": 0, "index": index}
    return {**place, "root": merkle.root(tile), "hashes": b"".join(tile)}


def levels(size: int) -> int:
    """Count the tile levels of a tree."""
    return (size.bit_length() + 7) // 8


def right_edge(connection: Connection, shard: Shard, size: int) -> CompactRange:
    """Rebuild the compact range of a size from stored tile roots and the last entries' hashes.

    Raises ValueError when rows are missing.
    """
    peaks: list[bytes] = []
    for level in reversed(range(levels(size))):
        count = size >> (8 * level)
        edge = CompactRange()
        edge.extend(hashes_at(connection, shard, level, start=count - count % WIDTH, end=count))
        peaks += edge.peaks
    return CompactRange(size, peaks)


def newest_checkpoint(connection: Connection, shard: Shard) -> tuple[int, str]:
    """Read (size, note) of the newest published checkpoint."""
    query = sa.select(audit_checkpoint.c.size, audit_checkpoint.c.note).where(audit_checkpoint.c.shard == shard.id)
    row = connection.execute(query.order_by(audit_checkpoint.c.size.desc()).limit(1)).one_or_none()
    if row is None:
        raise NotPublished("no checkpoint is published yet")
    return row.size, row.note


def stored_tile(connection: Connection, shard: Shard, level: int, index: int) -> bytes | None:
    """Read a full tile."""
    place = (audit_tile.c.shard == shard.id, audit_tile.c.level == level, audit_tile.c.index == index)
    hashes = connection.execute(sa.select(audit_tile.c.hashes).where(*place)).scalar()
    return bytes(hashes) if hashes is not None else None


def stored_lowest(connection: Connection, shard: Shard, indices: Sequence[int]) -> list[tuple[int, bytes]]:
    """Read full tiles of the lowest level, those of these indices that are there."""
    index = audit_tile.c.index
    query = sa.select(index, audit_tile.c.hashes).where(audit_tile.c.shard == shard.id, audit_tile.c.level == 0)
    rows = connection.execute(query.where(index.in_(indices)).order_by(index)).all() if indices else []
    return [(place, bytes(hashes)) for place, hashes in rows]


def read_tile(connection: Connection, shard: Shard, level: int, *, index: int, width: int = WIDTH) -> bytes:
    """Read a tile of hashes that a published checkpoint covers; a partial one also from the tile it became."""
    first = index * WIDTH
    if first + width > newest_checkpoint(connection, shard)[0] >> (8 * level):
        raise NotPublished("no published checkpoint covers this tile")
    full = stored_tile(connection, shard, level, index)
    if full is not None:
        return full[: width * merkle.HASH_SIZE]
    hashes = hashes_at(connection, shard, level, start=first, end=first + width)
    if len(hashes) != width:
        raise Pruned(f"{shard.origin} was pruned as a whole")
    return b"".join(hashes)


def read_bundle(connection: Connection, shard: Shard, *, index: int, width: int = WIDTH) -> bytes:
    """Read a bundle of entries that a published checkpoint covers."""
    first = index * WIDTH
    if first + width > newest_checkpoint(connection, shard)[0]:
        raise NotPublished("no published checkpoint covers this bundle")
    if first < shard.minimum:
        raise Pruned(f"{shard.origin} keeps entries from {shard.minimum} on")
    position, start = audit_entry.c.index, shard.first + first
    query = sa.select(audit_entry.c.leaf).where(position >= start, position < start + width)
    return pack(connection.execute(query.order_by(audit_entry.c.index)).scalars())


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + merkle.HASH_SIZE] for at in range(0, len(hashes), merkle.HASH_SIZE)]
