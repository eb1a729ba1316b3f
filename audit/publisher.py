"""Signs the log's head once per second when there is news; never two heads that contradict each other.

 1. read what was last signed (signer state, a file) and the head the database shows;
 2. refuse a head that is smaller, or as large and different, or checkpoints without a memory of signing any;
 3. read the new entries back, hash their bytes again (not the stored hash), extend the signed compact range;
 4. compare: with the head's root, with the tree rebuilt from stored tiles, with each new tile's content, with
    what another host may have published meanwhile;
 5. sign; compare-and-set the signer state; only then store the checkpoint.

A crash between any two steps repeats the same deterministic work. Any number of publishers may run. Refuses
loudly (`SignerRefused`) and signs nothing more until the contradiction is gone; releases then stop by themselves.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import merkle, tiles
from audit.checkpoint import Checkpoint, open_checkpoint, sign_note
from audit.errors import AuditError, KeyRefused, NoteInvalid, SignerRefused
from audit.keys import Signer
from audit.layout import WIDTH
from audit.merkle import CompactRange
from audit.models import audit_checkpoint, audit_entry, audit_head, audit_tile
from audit.signer_state import Signed, SignerState
from audit.store import Store

_CHUNK = 2 * WIDTH  # entries hashed before the event loop gets its turn back

_log = logging.getLogger(__name__)

_head = sa.select(audit_head.c.origin, audit_head.c.size, audit_head.c.root)
_newest = sa.select(audit_checkpoint.c.note).order_by(audit_checkpoint.c.size.desc()).limit(1)
_insert = sa.text(
    "INSERT INTO audit_checkpoint (size, at, note) VALUES (:size, :at, :note) ON CONFLICT (size) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the database shows: its head, and the newest checkpoint anybody published."""

    origin: str
    size: int
    root: bytes
    published: Checkpoint | None


class Publisher:
    """Publishes one log; `fault` is the reason of the last failure, None when the last round went well."""

    def __init__(self, store: Store, signer: Signer, state: SignerState, origin: str) -> None:
        if signer.name != origin:
            raise KeyRefused("the checkpoint key is not the one of this log")
        self.fault: AuditError | None = None
        self._store = store
        self._signer = signer
        self._state = state
        self._origin = origin

    async def run(self, clock: Callable[[], int], *, interval: float = 1.0) -> None:
        """Publish until cancelled; a failure is told once, and tried again."""
        while True:
            try:
                await self.publish_once(clock())
                self.fault = None
            except Exception as error:  # noqa: BLE001  a full disk or an absent key service must not end publishing
                self._tell(error if isinstance(error, AuditError) else AuditError(type(error).__name__))
            await asyncio.sleep(interval)

    def _tell(self, fault: AuditError) -> None:
        if self.fault is None or self.fault.code != fault.code:
            _log.critical("nothing is published: %s: %s", fault.code, fault)
        self.fault = fault

    async def publish_once(self, now: int) -> Checkpoint | None:
        """Sign and store a checkpoint of the present head; None when there is no news."""
        last = await asyncio.to_thread(self._state.read)  # 1
        shown = await self._store.read(self._look)
        if shown is None:
            return None
        before = self._continue_from(last, shown)  # 2
        if shown.size == before.size:
            if last is None or (shown.published and shown.published.size == shown.size):
                return None
            await self._store_checkpoint(last, now)  # signed, then interrupted
            return Checkpoint(self._origin, shown.size, shown.root)
        after = await self._extend(before, shown.size, shown.published)  # 3
        await self._compare(before, after, shown.root)  # 4
        checkpoint = Checkpoint(self._origin, after.size, after.root())
        signed = Signed(after.size, after.to_bytes(), sign_note(checkpoint.text(), self._signer))  # 5
        if not await asyncio.to_thread(self._state.replace, last, signed):
            return None  # another publisher was faster
        await self._store_checkpoint(signed, now)
        return checkpoint

    def _look(self, connection: Connection) -> _Shown | None:
        note = connection.execute(_newest).scalar()  # first: the head read next is never older
        head = connection.execute(_head).one_or_none()
        if head is None:
            return None
        try:
            published = open_checkpoint(note, self._signer.vkey) if note is not None else None
        except NoteInvalid:
            raise SignerRefused("a published checkpoint was not signed by this key") from None
        return _Shown(head.origin, head.size, head.root, published)

    def _continue_from(self, last: Signed | None, shown: _Shown) -> CompactRange:
        if shown.origin != self._origin:
            raise SignerRefused("the database holds the log of another origin")
        if last is None:
            if shown.published is not None:
                raise SignerRefused("checkpoints were published, but the signer state is gone")
            return CompactRange()
        try:
            checkpoint = open_checkpoint(last.note, self._signer.vkey)
        except NoteInvalid:
            raise SignerRefused("the signer state was not signed by this key") from None
        before = last.range()
        if (checkpoint.size, checkpoint.root) != (before.size, before.root()):
            raise SignerRefused("the signer state contradicts its own note")
        if shown.size < max(before.size, shown.published.size if shown.published else 0):
            raise SignerRefused("the log was rolled back: it is smaller than what was signed")
        for seen in filter(None, (Checkpoint(shown.origin, shown.size, shown.root), shown.published)):
            if seen.size == before.size and seen.root != checkpoint.root:
                raise SignerRefused("the log is not the one that was signed")
        return before

    async def _extend(self, before: CompactRange, size: int, published: Checkpoint | None) -> CompactRange:
        after = CompactRange(before.size, before.peaks)
        start = before.size - before.size % WIDTH  # whole tiles, to compare them as well
        for first in range(start, size, _CHUNK):
            hashes = await self._store.read(partial(_rehash, first=first, last=min(first + _CHUNK, size)))
            new = hashes[max(0, before.size - first) :]
            if published is not None and after.size < published.size <= after.size + len(new):
                known = CompactRange(after.size, after.peaks)  # signed on another host, perhaps
                known.extend(new[: published.size - after.size])
                if known.root() != published.root:
                    raise SignerRefused("a published checkpoint contradicts the log")
            after.extend(new)
            await asyncio.sleep(0)
        return after

    async def _compare(self, before: CompactRange, after: CompactRange, root: bytes) -> None:
        if after.root() != root:
            raise SignerRefused("the head is not the head of the stored entries")

        def work(connection: Connection) -> None:
            try:
                rebuilt = tiles.right_edge(connection, after.size)
            except ValueError:
                raise SignerRefused("tiles are missing") from None
            if rebuilt.peaks != after.peaks:
                raise SignerRefused("the tiles are not those of the stored entries")
            for level in range(1, tiles.levels(after.size)):
                _compare_upper(connection, level, before.size, after.size)

        await self._store.read(work)

    async def _store_checkpoint(self, signed: Signed, now: int) -> None:
        row = {"size": signed.size, "at": now, "note": signed.note}
        await self._store.write(lambda connection: connection.execute(_insert, row))


def _rehash(connection: Connection, first: int, last: int) -> list[bytes]:
    """Hash entries as read back; a whole tile among them must be stored with these hashes."""
    columns = (audit_entry.c.index, audit_entry.c.hash, audit_entry.c.leaf)
    query = sa.select(*columns).where(audit_entry.c.index >= first, audit_entry.c.index < last)
    hashes: list[bytes] = []
    for index, stored, leaf in connection.execute(query.order_by(audit_entry.c.index)):
        digest = merkle.leaf_hash(leaf)
        if index != first + len(hashes) or digest != stored:
            raise SignerRefused("an entry is missing or is not the one that was appended")
        hashes.append(digest)
    if len(hashes) != last - first:
        raise SignerRefused("an entry is missing or is not the one that was appended")
    _compare_tiles(connection, 0, first // WIDTH, hashes)
    return hashes


def _compare_upper(connection: Connection, level: int, old_size: int, new_size: int) -> None:
    step = 8 * level
    first = (old_size >> step) // WIDTH
    hashes = tiles.hashes_at(connection, level, first * WIDTH, new_size >> step)
    _compare_tiles(connection, level, first, hashes)


def _compare_tiles(connection: Connection, level: int, first: int, hashes: list[bytes]) -> None:
    """Compare the full tiles from number `first` on with the hashes they must hold."""
    full = len(hashes) // WIDTH
    query = (
        sa.select(audit_tile.c.hashes, audit_tile.c.root)
        .where(audit_tile.c.level == level, audit_tile.c.index >= first, audit_tile.c.index < first + full)
        .order_by(audit_tile.c.index)
    )
    wanted = [hashes[number * WIDTH : (number + 1) * WIDTH] for number in range(full)]
    if [tuple(row) for row in connection.execute(query)] != [(b"".join(tile), merkle.root(tile)) for tile in wanted]:
        raise SignerRefused("a tile is missing or does not hold the hashes it must hold")
