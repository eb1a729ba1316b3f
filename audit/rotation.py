"""Rotation with overlap: the next key takes over from the one in force, both sign, then the former one goes.

    rotate  1 draw the next key, staged: nobody signs with it   2 journal `key.rotated`, signed under both
            3 put it beside the one in force: both sign from now on, each process at once
    retire  1 journal `key.retired`   2 keep the former public half   3 remove the former private file
            4 the next key is the one in force

Each step is one file name or one transaction, and both can be run again from any point: a crash between two steps
leaves valid keys and an honest journal. On a further host of the same gateway, bring the next key's file there, then
run `retire` there too. Refuses a second rotation during the first, and to retire a log key before a checkpoint of
every unfinished shard bears the next one's signature.
"""

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import shards, succession, tiles
from audit.checkpoint import open_checkpoint
from audit.cosignature import Cosigner
from audit.errors import NoteInvalid, NotPublished, RotationRefused
from audit.files import sync_directory, write_durably
from audit.journal import Draft, Journal
from audit.keys import Signer, Vkey
from audit.models import audit_key
from audit.ring import Ring
from audit.store import Store
from audit.succession import PublishedKey

Create = Callable[[Path, str], Any]

_rows = sa.select(audit_key.c.use, audit_key.c.key, audit_key.c.since, audit_key.c.until, audit_key.c.note).order_by(
    audit_key.c.use, audit_key.c.since.is_not(None), audit_key.c.since
)


def published_keys(connection: Connection, current: Mapping[str, Sequence[Vkey]]) -> list[PublishedKey]:
    """List every public key ever used, by use, oldest first; `current` are those this host holds, by use."""
    found = [PublishedKey(*row) for row in connection.execute(_rows)]
    known = {key.key for key in found}
    first = (
        PublishedKey(use, str(vkey), None, None, None)
        for use, vkeys in current.items()
        for vkey in vkeys
        if str(vkey) not in known
    )
    return [*first, *found]


async def rotate(journal: Journal, store: Store, ring: Ring[Any], *, create: Create, now: int) -> Vkey:
    """Let the next key sign beside the one in force; give its public half."""
    with alone(ring.folder):
        if ring.read(ring.next_file) is not None:
            raise RotationRefused(f"{ring.next_file} exists: retire the former key first")
        former, staged = ring.newest, ring.read(ring.staged_file)
        staged = staged or create(ring.staged_file, ring.name)  # 1
        sync_directory(ring.folder)  # the journal must not name a key that a power cut takes away
        if not await store.read(lambda connection: _journaled(connection, staged.vkey)):
            await _journal_rotation(journal, ring.use, former, staged, now=now)  # 2
        ring.staged_file.rename(ring.next_file)  # 3
        sync_directory(ring.folder)
        taking_over: Vkey = staged.vkey
        return taking_over


async def retire(journal: Journal, store: Store, ring: Ring[Any], *, now: int) -> Vkey:
    """End the overlap; give the public half of the key that has gone."""
    with alone(ring.folder):
        former, following = ring.read(ring.file), ring.read(ring.next_file)
        if following is None:
            raise RotationRefused(f"{ring.next_file} does not exist: no key is there to take over")
        if former is not None:
            if await store.read(lambda connection: _in_force(connection, former.vkey)):
                if ring.use == "log":
                    await store.read(lambda connection: _require_both(connection, following.vkey))
                await _journal_retirement(journal, ring.use, former.vkey, now=now)  # 1
            write_durably(ring.former_file(former.vkey), f"{former.vkey}\n".encode())  # 2
            ring.file.unlink()  # 3
            sync_directory(ring.folder)
        ring.next_file.rename(ring.file)  # 4
        sync_directory(ring.folder)
        gone: Vkey = following.vkey if former is None else former.vkey
        return gone


async def _journal_rotation(
    journal: Journal, use: str, former: Signer | Cosigner, key: Signer | Cosigner, *, now: int
) -> None:
    note = succession.declare(use, former, key, now=now)

    def change(connection: Connection, _index: int) -> None:
        in_force = sa.select(audit_key.c.key).where(audit_key.c.use == use, audit_key.c.until.is_(None))
        known = set(connection.execute(in_force).scalars())
        if known - {str(former.vkey)}:
            raise RotationRefused("a rotation is under way: bring the file of the next key here")
        if not known:
            connection.execute(sa.insert(audit_key), {"key": str(former.vkey), "use": use})
        row = {"key": str(key.vkey), "use": use, "since": now, "note": note}
        connection.execute(sa.insert(audit_key), row)

    await journal.append(Draft(type="key.rotated", members=succession.members(note), time=now, change=change))


async def _journal_retirement(journal: Journal, use: str, former: Vkey, *, now: int) -> None:
    def change(connection: Connection, _index: int) -> None:
        ended = sa.update(audit_key).where(audit_key.c.key == str(former), audit_key.c.until.is_(None))
        if connection.execute(ended.values(until=now)).rowcount != 1:
            raise RotationRefused("another host retires this key at this moment: run the command again")

    members = {"use": use, "name": former.name, "key": succession.raw(former)}
    await journal.append(Draft(type="key.retired", members=members, time=now, change=change))


def _journaled(connection: Connection, vkey: Vkey) -> bool:
    return connection.execute(sa.select(audit_key.c.key).where(audit_key.c.key == str(vkey))).scalar() is not None


def _in_force(connection: Connection, vkey: Vkey) -> bool:
    until = connection.execute(sa.select(audit_key.c.until).where(audit_key.c.key == str(vkey))).one_or_none()
    if until is None:
        raise RotationRefused("the journal knows of no rotation from this key")
    return until[0] is None


def _require_both(connection: Connection, following: Vkey) -> None:
    """Refuse to retire while a newest checkpoint that will be continued bears the former signature alone."""
    for shard in shards.every(connection):
        try:
            size, note = tiles.newest_checkpoint(connection, shard)
            if shard.closed_at is None or size < shard.size:
                open_checkpoint(note, following.named(shard.origin))
        except (NotPublished, NoteInvalid):
            raise RotationRefused(f"no checkpoint of {shard.origin} bears the next key's signature yet") from None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One command at a time on this host."""
    with (folder / "rotation.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RotationRefused("another command is at these keys") from None
        yield
