"""Reads the stored log back and hashes it again: what the publisher signs and the inspection watches is never a memory.

Bytes are hashed, not the stored hash believed; a whole tile must hold the hashes it must hold. Raises `SignerRefused`.
"""

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import merkle, tiles
from audit.errors import SignerRefused
from audit.layout import WIDTH
from audit.models import audit_entry, audit_tile
from audit.shards import Shard


def kept(connection: Connection, shard: Shard, first: int, last: int) -> list[bytes]:
    """Give the hashes of entries that were pruned."""
    hashes = tiles.hashes_at(connection, shard, 0, start=first, end=last)
    if len(hashes) != last - first:
        raise SignerRefused("tiles are missing")
    return hashes


def rehash(connection: Connection, shard: Shard, first: int, last: int) -> list[bytes]:
    """Hash entries as read back; a whole tile among them must be stored with these hashes."""
    columns = (audit_entry.c.index, audit_entry.c.hash, audit_entry.c.leaf)
    query = sa.select(*columns).where(
        audit_entry.c.index >= shard.first + first, audit_entry.c.index < shard.first + last
    )
    hashes: list[bytes] = []
    for position, stored, leaf in connection.execute(query.order_by(audit_entry.c.index)):
        digest = merkle.leaf_hash(leaf)
        if position != shard.first + first + len(hashes) or digest != stored:
            raise SignerRefused("an entry is missing or is not the one that was appended")
        hashes.append(digest)
    if len(hashes) != last - first:
        raise SignerRefused("an entry is missing or is not the one that was appended")
    _compare_tiles(connection, shard, 0, first=first // WIDTH, hashes=hashes)
    return hashes


def compare_upper(connection: Connection, shard: Shard, level: int, *, old_size: int, new_size: int) -> None:
    """Compare the full tiles of a level that grew between two sizes with the roots of the tiles below."""
    step = 8 * level
    first = (old_size >> step) // WIDTH
    hashes = tiles.hashes_at(connection, shard, level, start=first * WIDTH, end=new_size >> step)
    _compare_tiles(connection, shard, level, first=first, hashes=hashes)


def _compare_tiles(connection: Connection, shard: Shard, level: int, *, first: int, hashes: list[bytes]) -> None:
    """Compare the full tiles from number `first` on with the hashes they must hold."""
    full = len(hashes) // WIDTH
    within = (audit_tile.c.index >= first, audit_tile.c.index < first + full)
    query = (
        sa.select(audit_tile.c.hashes, audit_tile.c.root)
        .where(audit_tile.c.shard == shard.id, audit_tile.c.level == level, *within)
        .order_by(audit_tile.c.index)
    )
    wanted = [hashes[number * WIDTH : (number + 1) * WIDTH] for number in range(full)]
    if [tuple(row) for row in connection.execute(query)] != [(b"".join(tile), merkle.root(tile)) for tile in wanted]:
        raise SignerRefused("a tile is missing or does not hold the hashes it must hold")
