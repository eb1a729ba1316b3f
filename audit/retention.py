"""Retention: which entries are old enough to go, and their removal by C2SP minimum index, oldest first.

 1. of each shard, oldest first, up to the first entry that is too young or not covered by a published checkpoint (a
    cosigned one, where a quorum is asked for), down to a whole number of tiles; of a closed shard, to its very end;
 2. journal `log.pruned` and raise the shard's minimum, in one transaction;
 3. remove entries and seals below the minimum, a few at a time; run again, it goes on where it was interrupted.

Hash tiles and checkpoints stay: every root and every proof, also of removed entries, can still be computed. A closed
shard can be removed whole: then its final checkpoint stays, with its cosignatures, and whatever has a time-stamp.
Refuses to leave a hole: nothing is removed behind an entry that stays.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import shards, tiles
from audit.canonical import Json
from audit.errors import NotPublished, RetentionRefused
from audit.journal import Draft, Journal
from audit.layout import WIDTH
from audit.models import (
    audit_attested,
    audit_checkpoint,
    audit_cosignature,
    audit_entry,
    audit_head,
    audit_pruning,
    audit_seal,
    audit_tile,
    audit_timestamp,
)
from audit.shards import Shard
from audit.store import Store

_CHUNK = 2_000  # rows of one transaction: on SQLite nobody appends meanwhile


@dataclass(frozen=True, slots=True)
class Cut:
    """What goes from one shard: entries below `minimum`, or all but its end."""

    shard: Shard
    minimum: int
    whole: bool

    @property
    def entries(self) -> int:
        """Count the entries that go."""
        return min(self.minimum, self.shard.size) - min(self.shard.minimum, self.shard.size)


def plan(connection: Connection, *, before: int, quorum: bool, whole: Collection[str] = ()) -> list[Cut]:
    """List what may go: entries written before that time; `whole` names shards to remove but for their end."""
    cuts = []
    unknown = set(whole)
    for shard in shards.every(connection):  # 1
        limit = min(_first_young(connection, shard, before), _covered(connection, shard, quorum=quorum))
        ended = shard.closed_at is not None and limit == shard.size
        if shard.origin in whole and not ended:
            raise RetentionRefused(f"{shard.origin} is not over, or not old enough, or not published to its end")
        unknown.discard(shard.origin)
        minimum = max(shard.minimum, -(-limit // WIDTH) * WIDTH if ended else limit - limit % WIDTH)
        if minimum > shard.minimum or shard.origin in whole:
            cuts.append(Cut(shard, minimum, shard.origin in whole))
        if not ended:
            break
    if unknown:
        raise RetentionRefused(f"{min(unknown)} is not a shard of this log, or one before it stays")
    return cuts


def _first_young(connection: Connection, shard: Shard, before: int) -> int:
    """Give the index of the first entry that stays for its age; the size when there is none."""
    position = audit_entry.c.index
    within = (position >= shard.first + shard.minimum, position < shard.first + shard.size)
    young = sa.select(position).where(*within, audit_entry.c.at >= before).order_by(position).limit(1)
    found = connection.execute(young).scalar()
    return shard.size if found is None else found - shard.first


def _covered(connection: Connection, shard: Shard, *, quorum: bool) -> int:
    if quorum:
        attested = sa.select(audit_attested.c.size).where(audit_attested.c.shard == shard.id)
        return connection.execute(attested).scalar() or 0
    try:
        return tiles.newest_checkpoint(connection, shard)[0]
    except NotPublished:
        return 0


async def prune(journal: Journal, store: Store, cut: Cut, *, months: int, justification: str, now: int) -> None:
    """Announce one cut, then remove what it covers."""
    shard = cut.shard

    def change(connection: Connection, index: int) -> None:
        connection.execute(sa.insert(audit_pruning), {"index": index})
        mine = (audit_head.c.id == shard.id, audit_head.c.minimum == shard.minimum)
        if connection.execute(sa.update(audit_head).where(*mine).values(minimum=cut.minimum)).rowcount != 1:
            raise RetentionRefused(f"{shard.origin} was pruned at this moment: look again")
        end = tiles.filling(connection, shard) if cut.minimum >= shard.size else None
        if end is not None:
            connection.execute(sa.insert(audit_tile), end)

    members: dict[str, Json] = {"origin": shard.origin, "minimum": cut.minimum, "months": months}
    members |= {"whole": True} if cut.whole else {}
    members |= {"justification": justification} if justification else {}
    await journal.append(Draft(type="log.pruned", members=members, time=now, change=change))  # 2
    await sweep(store)  # 3
    if cut.whole:
        await _remove_rest(store, shard)


async def sweep(store: Store) -> None:
    """Remove what lies below each shard's minimum: also what an interrupted run has left."""
    for shard in await store.read(shards.every):
        end = shard.first + min(shard.minimum, shard.size)
        some = partial(_sweep_some, first=shard.first, end=end)
        while await store.write(some):
            pass


def _sweep_some(connection: Connection, first: int, end: int) -> bool:
    position = audit_entry.c.index
    lowest = connection.execute(sa.select(sa.func.min(position)).where(position >= first, position < end)).scalar()
    if lowest is None:
        return False
    for table in (audit_seal, audit_entry):
        within = (table.c.index >= lowest, table.c.index < min(lowest + _CHUNK, end))
        connection.execute(sa.delete(table).where(*within))
    return True


async def _remove_rest(store: Store, shard: Shard) -> None:
    """Of a shard without entries keep the final checkpoint, its cosignatures, and what has a time-stamp."""
    stamped = sa.select(audit_timestamp.c.size).where(audit_timestamp.c.shard == shard.id)

    def work(connection: Connection) -> None:
        connection.execute(sa.delete(audit_tile).where(audit_tile.c.shard == shard.id))
        for table in (audit_cosignature, audit_checkpoint):
            earlier = (table.c.shard == shard.id, table.c.size < shard.size, table.c.size.not_in(stamped))
            connection.execute(sa.delete(table).where(*earlier))

    await store.write(work)


def pruned_before(connection: Connection) -> int:
    """Give the position before which every entry was removed: a gap below it is no alarm."""
    border = 0
    for shard in shards.every(connection):
        border = shard.first + min(shard.minimum, shard.size)
        if shard.minimum < shard.size:
            break
    return border
