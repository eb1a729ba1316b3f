"""What witnesses have said of this log, as stored: their cosignatures, and the newest checkpoint that has enough.

C2SP tlog-cosignature lines, each verified before it is kept; a row per shard remembers how far the quorum of the
policy in force was met. Refuses to show a checkpoint without its quorum where one is asked for, and lets the journal
refuse releases when entries have waited too long for one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import shards, tiles
from audit.cosignature import WitnessVkey
from audit.errors import NotPublished
from audit.models import audit_attested, audit_checkpoint, audit_cosignature, audit_entry, audit_head
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
_reached = (
    sa.select(sa.func.coalesce(sa.func.max(audit_attested.c.size), 0))
    .where(audit_attested.c.shard == audit_head.c.id)
    .scalar_subquery()
)
_waiting_since = (
    sa.select(sa.func.min(audit_entry.c.at))
    .select_from(audit_head.join(audit_entry, audit_entry.c.index == audit_head.c.first + _reached))
    .where(audit_head.c.size > _reached)
)


class Deadline:
    """How long an entry may wait for witnesses before releases stop.

    The oldest entry that waits only ever becomes younger, so it is read again only when it would be too old.
    """

    def __init__(self, max_ms: int) -> None:
        self._max_ms = max_ms
        self._since: int | None = None

    def missed(self, connection: Connection, now: int) -> bool:
        """Tell whether the oldest entry without a witnessed checkpoint is too old."""
        if self._since is None or now - self._since > self._max_ms:
            since = connection.execute(_waiting_since).scalar()
            self._since = now if since is None else since
        return now - self._since > self._max_ms


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
    return size, note + _lines(connection, shard, size)


def cosigned_note(connection: Connection, shard: Shard, size: int) -> str:
    """Give a stored checkpoint with all its cosignatures."""
    place = (audit_checkpoint.c.shard == shard.id, audit_checkpoint.c.size == size)
    note: str = connection.execute(sa.select(audit_checkpoint.c.note).where(*place)).scalar_one()
    return note + _lines(connection, shard, size)


def _lines(connection: Connection, shard: Shard, size: int) -> str:
    columns = audit_cosignature.c
    lines = sa.select(columns.line).where(columns.shard == shard.id, columns.size == size)
    return "".join(connection.execute(lines.order_by(columns.witness, columns.time)).scalars())


def _cosigners(connection: Connection, shard: Shard, size: int) -> set[str]:
    columns = audit_cosignature.c
    query = sa.select(columns.witness).where(columns.shard == shard.id, columns.size == size)
    return set(connection.execute(query.order_by(columns.witness)).scalars())
