"""Signs the heads of the log once per second when there is news; never two heads that contradict each other.

 1. open the next shard when the year is over; of each shard not finished, oldest first, read what was last signed
    (signer state, a file) and the head the database shows;
 2. refuse a head that is smaller, or as large and different, checkpoints without a memory of signing any, news in a
    shard after a later one was signed, a shard that does not continue the one before;
 3. read the new entries back, hash their bytes again (not the stored hash), extend the signed compact range;
 4. compare: with the head's root, with the tree rebuilt from stored tiles, with each new tile's content, with
    what another host may have published meanwhile;
 5. sign with each key in force; compare-and-set the signer state; only then store the checkpoint.

A crash between any two steps repeats the same deterministic work. Any number of publishers may run. Refuses
loudly (`SignerRefused`): signs nothing, and lets nothing be released, until the contradiction is gone.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import canonical, rehash, shards, tiles, years
from audit.checkpoint import Checkpoint, open_checkpoint, sign_note
from audit.errors import AuditError, KeyRefused, NotCanonical, NoteInvalid, SignerRefused
from audit.keys import Keys, Signer, Vkey
from audit.layout import WIDTH
from audit.merkle import CompactRange
from audit.models import audit_checkpoint, audit_entry, audit_head
from audit.shards import Shard
from audit.signer_state import Signed, SignerState
from audit.store import Store

_CHUNK = 2 * WIDTH  # entries hashed before the event loop gets its turn back

_log = logging.getLogger(__name__)

_newest = (
    sa.select(audit_checkpoint.c.note)
    .where(audit_checkpoint.c.shard == audit_head.c.id)
    .order_by(audit_checkpoint.c.size.desc())
    .limit(1)
    .scalar_subquery()
)
_notes = sa.select(audit_head.c.id, _newest.label("note")).order_by(audit_head.c.id)
_insert = sa.text(
    "INSERT INTO audit_checkpoint (shard, size, at, note) VALUES (:shard, :size, :at, :note)"
    " ON CONFLICT (shard, size) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the database shows: a shard, the one before it, and the newest checkpoint anybody published."""

    shard: Shard
    previous: Shard | None
    published: Checkpoint | None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to sign: the shard is closed and its final checkpoint published."""
        return self.shard.closed_at is not None and self.published == self.shard.head


class Publisher:
    """Publishes one log; `fault` is the reason of the last failure, None when the last round went well.

    `origin` is the base name; `on_hold` is told why nothing may be released, or None.
    """

    def __init__(
        self,
        store: Store,
        signer: Keys,
        *,
        state: SignerState,
        origin: str,
        on_hold: Callable[[AuditError | None], None] = lambda _: None,
    ) -> None:
        if signer.name != origin:
            raise KeyRefused("the checkpoint key is not the one of this log")
        self.fault: AuditError | None = None
        self._store = store
        self._keys = signer
        self._state = state
        self._origin = origin
        self._on_hold = on_hold
        self._held: AuditError | None = None
        self._refused: SignerRefused | None = None
        self._settled: set[int] = set()

    async def run(self, clock: Callable[[], int], *, interval: float = 1.0) -> None:
        """Publish until cancelled; a failure is told once, and tried again."""
        while True:
            await self.round(clock())
            await asyncio.sleep(interval)

    async def round(self, now: int) -> None:
        """Publish what is new. Whatever fails is told; a contradiction also stops releases, until a round succeeds."""
        try:
            await self.publish_once(now)
            self.fault = self._refused = None
        except Exception as error:  # noqa: BLE001  a full disk or an absent key service must not end publishing
            self._tell(error if isinstance(error, AuditError) else AuditError(type(error).__name__))
            self._refused = error if isinstance(error, SignerRefused) else self._refused
        self._on_hold(self._held or self._refused)

    def hold(self, error: AuditError) -> None:
        """Sign nothing more until the process is started anew: somebody holds a head that contradicts this log."""
        self._held = error
        self._tell(error)
        self._on_hold(error)

    def _tell(self, fault: AuditError) -> None:
        if self.fault is None or self.fault.code != fault.code:
            _log.critical("nothing is published: %s: %s", fault.code, fault)
        self.fault = fault

    async def publish_once(self, now: int) -> Checkpoint | None:
        """Sign and store a checkpoint of each head with news; give the newest, None when there is no news."""
        await shards.turn_when_due(self._store, base=self._origin, now=now)  # 1
        newest = None
        for shown in await self._store.read(self._look):
            newest = await self._publish(shown, now) or newest
        return newest

    async def _publish(self, shown: _Shown, now: int) -> Checkpoint | None:
        if self._held is not None:
            raise self._held
        shard, state = shown.shard, self._state_of(shown.shard)
        last = await asyncio.to_thread(state.read)
        before = self._continue_from(last, shown)  # 2
        if shown.finished:
            self._settled.add(shard.id)
            return None
        if shard.size == before.size:
            if last is None or (shown.published and shown.published.size == shard.size):
                return None
            await self._store_checkpoint(shard, last, now)  # signed, then interrupted
            return shard.head
        await self._may_grow(before, shown)
        after = await self._extend(before, shown)  # 3
        await self._compare(before, after, shard)  # 4
        signed = Signed(after.size, after.to_bytes(), sign_note(shard.head.text(), *self._signers(shard)))  # 5
        if not await asyncio.to_thread(state.replace, last, signed):
            return None  # another publisher was faster
        await self._store_checkpoint(shard, signed, now)
        return shard.head

    def _look(self, connection: Connection) -> list[_Shown]:
        notes = {row.id: row.note for row in connection.execute(_notes)}  # first: heads read next are never older
        shown, every = [], shards.every(connection)
        for previous, shard in zip([None, *every], every, strict=False):
            if shard.id in self._settled:
                continue
            note = notes.get(shard.id)
            try:
                published = open_checkpoint(note, *self._vkeys(shard)) if note is not None else None
            except NoteInvalid:
                raise SignerRefused("a published checkpoint was not signed by this key") from None
            shown.append(_Shown(shard, previous, published))
        return shown

    def _state_of(self, shard: Shard) -> SignerState:
        part = years.part(self._origin, shard.origin)
        if part is None:
            raise SignerRefused("the database holds the log of another origin")
        return self._state.of(part)

    def _signers(self, shard: Shard) -> list[Signer]:
        return [key.named(shard.origin) for key in self._keys.signing]

    def _vkeys(self, shard: Shard) -> list[Vkey]:
        return [vkey.named(shard.origin) for vkey in self._keys.vkeys]

    def _continue_from(self, last: Signed | None, shown: _Shown) -> CompactRange:
        if last is None:
            if shown.published is not None and not shown.finished:
                raise SignerRefused("checkpoints were published, but the signer state is gone")
            return CompactRange()
        try:
            checkpoint = open_checkpoint(last.note, *self._vkeys(shown.shard))
        except NoteInvalid:
            raise SignerRefused("the signer state was not signed by this key") from None
        before = last.range()
        if (checkpoint.size, checkpoint.root) != (before.size, before.root()):
            raise SignerRefused("the signer state contradicts its own note")
        if shown.shard.size < max(before.size, shown.published.size if shown.published else 0):
            raise SignerRefused("the log was rolled back: it is smaller than what was signed")
        for seen in filter(None, (shown.shard.head, shown.published)):
            if seen.size == before.size and seen.root != checkpoint.root:
                raise SignerRefused("the log is not the one that was signed")
        return before

    async def _may_grow(self, before: CompactRange, shown: _Shown) -> None:
        """Refuse news in a shard that was over when it was signed last, and a shard without a true beginning."""
        part = str(years.part(self._origin, shown.shard.origin))
        if await asyncio.to_thread(self._state.later, part):
            raise SignerRefused("the log was rolled back: a later shard was signed")
        if before.size == 0 and shown.previous is not None:
            leaf = sa.select(audit_entry.c.leaf).where(audit_entry.c.index == shown.shard.first)
            beginning = await self._store.read(lambda connection: connection.execute(leaf).scalar())
            if beginning is None or not _continues(beginning, shown.previous.head):
                raise SignerRefused("the shard does not continue the one before")

    async def _extend(self, before: CompactRange, shown: _Shown) -> CompactRange:
        shard, published = shown.shard, shown.published
        after = CompactRange(before.size, before.peaks)
        first = before.size - before.size % WIDTH  # whole tiles, to compare them as well
        while first < shard.size:
            kept = first >= shard.minimum
            last = min(first + _CHUNK, shard.size, shard.size if kept else shard.minimum)
            hashes = await self._store.read(
                partial(rehash.rehash if kept else rehash.kept, shard=shard, first=first, last=last)
            )
            new = hashes[max(0, before.size - first) :]
            if published is not None and after.size < published.size <= after.size + len(new):
                known = CompactRange(after.size, after.peaks)  # signed on another host, perhaps
                known.extend(new[: published.size - after.size])
                if known.root() != published.root:
                    raise SignerRefused("a published checkpoint contradicts the log")
            after.extend(new)
            first = last
            await asyncio.sleep(0)
        return after

    async def _compare(self, before: CompactRange, after: CompactRange, shard: Shard) -> None:
        if after.root() != shard.root:
            raise SignerRefused("the head is not the head of the stored entries")

        def work(connection: Connection) -> None:
            try:
                rebuilt = tiles.right_edge(connection, shard, after.size)
            except ValueError:
                raise SignerRefused("tiles are missing") from None
            if rebuilt.peaks != after.peaks:
                raise SignerRefused("the tiles are not those of the stored entries")
            for level in range(1, tiles.levels(after.size)):
                rehash.compare_upper(connection, shard, level, old_size=before.size, new_size=after.size)

        await self._store.read(work)

    async def _store_checkpoint(self, shard: Shard, signed: Signed, now: int) -> None:
        row = {"shard": shard.id, "size": signed.size, "at": now, "note": signed.note}
        await self._store.write(lambda connection: connection.execute(_insert, row))


def _continues(leaf: bytes, previous: Checkpoint) -> bool:
    try:
        entry = canonical.loads(leaf)
    except NotCanonical:
        return False
    return isinstance(entry, dict) and years.continues(entry, previous)
