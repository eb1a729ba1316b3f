"""Watches the stored log while it is in use: reads every entry back, and tells when the log is not the one it was.

 1. take each shard's newest published checkpoint; its signature must be one of this log's keys
 2. a whole pass: every entry from the first that is kept, hashed again, must lead to the signed root, and the stored
    tiles must hold these hashes; the head must be the head of the entries
 3. between two passes: what is new since, extended from the tree that was verified; a checkpoint that is gone, or
    smaller than what was verified, is a log rolled back

What was found stays found until a whole pass holds again. A pass works a part of the time only (`share`). Refuses to
judge when the database does not answer: then it says when it last could.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from audit import rehash, shards, tiles
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.errors import NoteInvalid, NotPublished, SignerRefused
from audit.keys import Vkey
from audit.layout import WIDTH
from audit.merkle import CompactRange
from audit.shards import Shard
from audit.store import Store

_CHUNK = WIDTH  # on SQLite nobody else is served meanwhile
_AGAIN_MS = 60_000
_TIMES = 4  # a pass of an hour is followed by four hours without

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is known of the log. Times in ms UTC; `fault` in words when it is altered, `since` when that was seen.

    `verified` entries were read back and lead to a signed head; `whole_at` is when the last whole pass ended,
    `checked_at` when anything was last checked, `done` how far a pass under way has come (0 to 1).
    """

    verified: int = 0
    checked_at: int | None = None
    whole_at: int | None = None
    whole_ms: int = 0
    done: float = 0.0
    fault: str | None = None
    since: int | None = None
    mended_at: int | None = None


@dataclass(frozen=True, slots=True)
class _Signed:
    shard: Shard
    checkpoint: Checkpoint


class Inspection:
    """Watches one log; `vkeys` gives the public keys of a shard's origin, former ones included."""

    def __init__(
        self,
        store: Store,
        *,
        vkeys: Callable[[str], Sequence[Vkey]],
        clock: Callable[[], int],
        share: float = 0.05,
        every_ms: int = 86_400_000,
    ) -> None:
        self.finding = Finding()
        self._store = store
        self._vkeys = vkeys
        self._clock = clock
        self._share = share
        self._every_ms = every_ms
        self._verified: dict[int, CompactRange] = {}

    async def run(self, *, interval: float = 60.0) -> None:
        """Watch until cancelled: news every minute; whole passes at start, and as often as they are cheap, or daily."""
        while True:
            await self.round()
            await asyncio.sleep(interval)

    async def round(self, *, whole: bool = False) -> Finding:
        """Check what is new, or everything when that is due or asked for; gives what is known then."""
        try:
            if whole or self._due():
                await self._pass(share=1.0 if whole else self._share)
            else:
                await self._follow()
        except SignerRefused as error:
            self._tell(str(error))
        except Exception as error:  # noqa: BLE001  an absent database is no altered log: the last check's time tells
            _log.warning("the log could not be checked: %s", type(error).__name__)
        return self.finding

    def _due(self) -> bool:
        known = self.finding
        if known.whole_at is None or known.fault is not None:
            return True
        pause = min(self._every_ms, max(_AGAIN_MS, _TIMES * known.whole_ms))
        return self._clock() - known.whole_at >= pause

    async def _pass(self, *, share: float) -> None:
        """Read everything; once more when entries were pruned meanwhile."""
        minimums = await self._store.read(_minimums)
        try:
            await self._whole(share=share)
        except SignerRefused:
            if await self._store.read(_minimums) == minimums:
                raise
            await self._whole(share=share)

    async def _whole(self, *, share: float) -> None:
        began, started = self._clock(), time.monotonic()
        signed = await self._store.read(self._signed)
        size = sum(each.checkpoint.size for each in signed)
        verified: dict[int, CompactRange] = {}
        before = 0
        for each in signed:
            self._not_smaller(each)
            verified[each.shard.id] = await self._walk(each, CompactRange(), share=share, place=(before, size))
            before += each.checkpoint.size
        self._verified = verified
        now, known = self._clock(), self.finding
        self.finding = Finding(
            verified=size,
            checked_at=now,
            whole_at=began,
            whole_ms=int((time.monotonic() - started) * 1000),
            mended_at=now if known.fault else known.mended_at,
        )

    async def _follow(self) -> None:
        for each in await self._store.read(self._signed):
            self._not_smaller(each)
            before = self._verified.get(each.shard.id, CompactRange())
            known = CompactRange(before.size, before.peaks)
            if each.checkpoint.size == known.size:
                if known.root() != each.checkpoint.root:
                    raise SignerRefused("a published checkpoint contradicts what was verified before")
                continue
            self._verified[each.shard.id] = await self._walk(each, known, share=self._share, place=None)
        verified = sum(each.size for each in self._verified.values())
        self.finding = replace(self.finding, verified=verified, checked_at=self._clock())

    async def _walk(
        self, signed: _Signed, after: CompactRange, *, share: float, place: tuple[int, int] | None
    ) -> CompactRange:
        """Read entries back from where a verified tree ends to the checkpoint's size; give the tree they make."""
        shard, end, old = signed.shard, signed.checkpoint.size, after.size
        if await self._store.read(partial(_is_gone, shard=shard)):
            return _remembered(signed)
        first = old - old % WIDTH
        while first < end:
            began = time.monotonic()
            kept = first >= shard.minimum
            last = min(first + _CHUNK, end, end if kept else shard.minimum)
            read = rehash.rehash if kept else rehash.kept
            hashes = await self._store.read(partial(read, shard=shard, first=first, last=last))
            after.extend(hashes[max(0, after.size - first) :])
            first = last
            if place is not None:
                self.finding = replace(self.finding, done=(place[0] + first) / max(1, place[1]))
            await asyncio.sleep((time.monotonic() - began) * (1 / share - 1))
        if after.root() != signed.checkpoint.root:
            raise SignerRefused("the stored entries do not lead to the signed checkpoint")
        await self._store.read(partial(self._compare, shard=shard, size=end, old=old, peaks=after.peaks))
        return after

    def _compare(self, connection: Connection, shard: Shard, *, size: int, old: int, peaks: list[bytes]) -> None:
        """Compare the tree of the entries with the stored tiles, and with the head when it is of this size."""
        try:
            rebuilt = tiles.right_edge(connection, shard, size)
        except ValueError:
            raise SignerRefused("tiles are missing") from None
        if rebuilt.peaks != peaks:
            raise SignerRefused("the tiles are not those of the stored entries")
        for level in range(1, tiles.levels(size)):
            rehash.compare_upper(connection, shard, level, old_size=old, new_size=size)
        if shard.size == size and shard.root != rebuilt.root():
            raise SignerRefused("the head is not the head of the stored entries")

    def _signed(self, connection: Connection) -> list[_Signed]:
        """Read the newest checkpoint of every shard that has one, each under a key of this log."""
        found = []
        for shard in shards.every(connection):
            try:
                size, note = tiles.newest_checkpoint(connection, shard)
                checkpoint = open_checkpoint(note, *self._vkeys(shard.origin))
            except NotPublished:
                if shard.id in self._verified:
                    raise SignerRefused("the published checkpoints are gone") from None
                continue
            except NoteInvalid:
                raise SignerRefused("a published checkpoint was not signed by this log's key") from None
            if checkpoint.size != size or checkpoint.origin != shard.origin or shard.size < size:
                raise SignerRefused("the log is smaller than its published checkpoint")
            found.append(_Signed(shard, checkpoint))
        if missing := self._verified.keys() - {each.shard.id for each in found}:
            raise SignerRefused(f"{len(missing)} years that were verified are gone")
        return found

    def _not_smaller(self, signed: _Signed) -> None:
        known = self._verified.get(signed.shard.id)
        if known is not None and signed.checkpoint.size < known.size:
            raise SignerRefused("the log was rolled back: its checkpoint is smaller than one verified before")

    def _tell(self, fault: str) -> None:
        now, known = self._clock(), self.finding
        if known.fault is None:
            _log.critical("the log is altered: %s", fault)
        self.finding = replace(known, fault=fault, since=known.since or now, checked_at=now, done=0.0)


def _is_gone(connection: Connection, shard: Shard) -> bool:
    """Tell whether a year was removed as a whole: its final checkpoint is all there is."""
    return (
        shard.closed_at is not None
        and shard.minimum >= shard.size
        and tiles.stored_tile(connection, shard, 0, 0) is None
    )


def _remembered(signed: _Signed) -> CompactRange:
    try:
        kept = CompactRange.from_bytes(signed.shard.size, signed.shard.peaks)
    except ValueError:
        raise SignerRefused("the head of a removed year cannot be read") from None
    if kept.size != signed.checkpoint.size or kept.root() != signed.checkpoint.root:
        raise SignerRefused("the head of a removed year is not the signed one")
    return kept


def _minimums(connection: Connection) -> list[tuple[int, int]]:
    return [(shard.id, shard.minimum) for shard in shards.every(connection)]
