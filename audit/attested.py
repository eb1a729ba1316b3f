"""What witnesses have said of this log, as stored: their cosignatures, and the newest checkpoint that has enough.

C2SP tlog-cosignature lines, each verified before it is kept; a row per shard remembers how far the quorum of the
policy in force was met. Refuses to show a checkpoint without its quorum where one is asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import merkle, shards, tiles
from audit.checkpoint import Checkpoint
from audit.cosignature import WitnessVkey
from audit.errors import NotPublished, Pruned
from audit.layout import WIDTH
from audit.merkle import HASH_SIZE, CompactRange, Node
from audit.models import audit_attested, audit_checkpoint, audit_cosignature
from audit.policy import Policy
from audit.shards import Shard

_insert = sa.text(
    "INSERT INTO audit_cosignature (shard, size, witness, time, line) VALUES (:shard, :size, :witness, :time, :line)"
    " ON CONFLICT (shard, size, witness, time) DO NOTHING"
)
_advance = sa.text(
    "INSERT INTO audit_attested (shard, size, at) VALUES (:shard, :size, :at) ON CONFLICT (shard) DO UPDATE"
    " SET size = excluded.size, at = excluded.at WHERE excluded.size > audit_attested.size"
)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified line of a witness."""

    witness: WitnessVkey
    time_s: int
    line: str


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest signed checkpoint of a shard, and the public texts of those who have cosigned it."""

    shard: Shard
    size: int
    note: str
    cosigners: frozenset[str]


def newest(connection: Connection) -> list[Newest]:
    """List the newest checkpoint of every shard that has one."""
    found = []
    for shard in shards.every(connection):
        try:
            size, note = tiles.newest_checkpoint(connection, shard)
        except NotPublished:
            continue
        found.append(Newest(shard, size, note, frozenset(_cosigners(connection, shard, size))))
    return found


def keep(connection: Connection, of: Newest, cosignatures: Iterable[Cosignature], *, policy: Policy, now: int) -> None:
    """Store verified cosignatures, and that the quorum is met, when it is."""
    place = {"shard": of.shard.id, "size": of.size}
    for one in cosignatures:
        row = {**place, "witness": str(one.witness), "time": one.time_s, "line": one.line}
        connection.execute(_insert, row)
    known = _cosigners(connection, of.shard, of.size)
    if policy.satisfied({witness.vkey for witness in policy.witnesses.values() if str(witness.vkey) in known}):
        connection.execute(_advance, {**place, "at": now})


def served(connection: Connection, shard: Shard, *, quorum: bool) -> tuple[int, str]:
    """Give (size, note) of the checkpoint to publish, cosigned: the newest, or the newest that met the quorum."""
    size, note = tiles.newest_checkpoint(connection, shard)
    if quorum:
        attested = sa.select(audit_attested.c.size).where(audit_attested.c.shard == shard.id)
        query = sa.select(audit_checkpoint.c.size, audit_checkpoint.c.note).where(
            audit_checkpoint.c.shard == shard.id, audit_checkpoint.c.size == attested.scalar_subquery()
        )
        row = connection.execute(query).one_or_none()
        if row is None:
            raise NotPublished("no checkpoint has the cosignatures the policy asks for")
        size, note = row
    columns = audit_cosignature.c
    lines = sa.select(columns.line).where(columns.shard == shard.id, columns.size == size)
    return size, note + "".join(connection.execute(lines.order_by(columns.witness, columns.time)).scalars())


def consistency(connection: Connection, shard: Shard, *, old: int, new: int) -> list[bytes]:
    """Prove that the head of size `new` continues the one of size `old`; the empty tree needs no proof."""
    return merkle.consistency_path(old, new, _node(connection, shard)) if old else []


def contradicts(connection: Connection, seen: Checkpoint) -> bool:
    """Tell whether a head that somebody holds cannot be one of this log."""
    shard = shards.named(connection, seen.origin)
    if shard is None or seen.size >= shard.size:
        return shard is None or seen != shard.head
    node, peaks, start = _node(connection, shard), [], 0
    for level in reversed(range(seen.size.bit_length())):
        if seen.size >> level & 1:
            peaks.append(node(level, start >> level))
            start += 1 << level
    return CompactRange(seen.size, peaks).root() != seen.root


def _cosigners(connection: Connection, shard: Shard, size: int) -> set[str]:
    columns = audit_cosignature.c
    query = sa.select(columns.witness).where(columns.shard == shard.id, columns.size == size)
    return set(connection.execute(query.order_by(columns.witness)).scalars())


def _node(connection: Connection, shard: Shard) -> Node:
    """Stored hashes: from full tiles, which outlive their entries, else from what fills the last one."""

    def node(level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, 8)
        start, count = index << inner, 1 << inner
        full = tiles.stored_tile(connection, shard, tile_level, start // WIDTH)
        if full is not None:
            first = start % WIDTH
            return merkle.root(full[at * HASH_SIZE : (at + 1) * HASH_SIZE] for at in range(first, first + count))
        hashes = tiles.hashes_at(connection, shard, tile_level, start=start, end=start + count)
        if len(hashes) != count:
            raise Pruned(f"{shard.origin} was pruned as a whole")
        return merkle.root(hashes)

    return node
