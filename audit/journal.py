"""The journal: append an entry, and know it is durable and numbered before anything else happens.

Answers for: one total order over all processes that share the database (the head row's lock), group commit (a
batch starts as soon as the previous one has committed; entries that change something have batches of their own, and
go first), and an honest answer: an `Appended` is durable, a `JournalUnavailable` is not known to be. Refuses: entries
outside the vocabulary, entries dated away from the clock, more than 4,096 waiting, releases while nothing is
published. RFC 6962 tree, C2SP tlog-tiles storage.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from audit import start
from audit.attested import Deadline
from audit.batch import Appended, Batch, Change, Draft, Gate
from audit.errors import AuditError, ClockBehind, EntryInvalid, JournalBusy, JournalUnavailable, ReleaseStopped
from audit.events import MAX_SKEW_MS, check
from audit.ids import new_id
from audit.sequencing import Outcomes, Prepared, Rules, Undone, Written, prepare, write_batch, write_unlocked
from audit.shards import Shard
from audit.store import Store

__all__ = ["Appended", "Batch", "Change", "Draft", "Gate", "Journal"]

_TURNS = 8
_PATIENCE = 0.05  # seconds an announced change is waited for
_WOKEN_AT_ONCE = 24  # whoever else waits for the loop gets a turn between
_WOKEN_WHILE_REMOTE = 32  # fewer would tear apart the batches of processes that share a log
_Waiting = tuple[Prepared, "asyncio.Future[Appended]"]


class Journal:
    """One log in one database; any number of these may write to it, from any number of processes.

    `origin` is the base name of the log: its shards are `<origin>/<year>`. After `quiet` batches in a row that nobody
    else wrote between, one goes without the lock (docs/adr/0032-batches-without-a-lock.md).
    """

    def __init__(
        self,
        store: Store,
        *,
        gate: Gate,
        origin: str,
        clock: Callable[[], int],
        max_batch: int = 512,
        max_waiting: int = 4_096,
        max_unpublished_ms: int = 60_000,
        max_unwitnessed_ms: int | None = None,
        quiet: int = 16,
    ) -> None:
        self.origin = origin
        self._store = store
        self._woken_at_once = _WOKEN_WHILE_REMOTE if store.remote else _WOKEN_AT_ONCE
        self._clock = clock
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._quiet_wanted = quiet
        self._rules = Rules(
            gate=gate,
            base=origin,
            max_unpublished_ms=max_unpublished_ms,
            witnesses=None if max_unwitnessed_ms is None else Deadline(max_unwitnessed_ms),
        )
        self._waiting: deque[_Waiting] = deque()
        self._changes: deque[_Waiting] = deque()
        self._coming = 0
        self._passed = asyncio.Event()
        self._until = 0.0
        self._news = asyncio.Event()
        self._batcher: asyncio.Task[None] | None = None
        self._closing = False
        self._held: AuditError | None = None
        self._latest = 0
        self._tail: Shard | None = None  # the log as our last durable batch left it
        self._quiet = 0  # batches in a row that found it so

    async def start(self) -> None:
        """Check the database's durability and what it holds, create the log when empty, begin to batch."""
        await start.check_durability(self._store)
        self._latest = await start.open_log(self._store, origin=self.origin, now=self._clock())
        self._now()
        self._batcher = asyncio.create_task(self._run(), name="journal")

    async def close(self) -> None:
        """Write what waits, then stop; later appends are refused."""
        self._closing = True
        self._news.set()
        if self._batcher is not None:
            await self._batcher

    def hold(self, error: AuditError | None) -> None:
        """Let no data leave for this reason, until told that there is none; everything else is still written."""
        self._held = error

    @contextmanager
    def first(self) -> Iterator[None]:
        """Announce a change: while this is open entries without one wait for it, 50 ms at most, however long it is.

        A stop that a person asks for goes before the exchanges that are under way (docs/adr/0031-a-stop-goes-first.md).
        """
        self._coming += 1
        self._passed.clear()
        self._until = asyncio.get_running_loop().time() + _PATIENCE
        try:
            yield
        finally:
            self._coming -= 1
            self._news.set()
            if not self._coming:
                self._passed.set()

    async def let_pass(self) -> None:
        """Wait while a change is announced, 50 ms at most: for whoever is about to ask for much of the loop's time."""
        if self._coming and asyncio.get_running_loop().time() < self._until:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._until):
                    await self._passed.wait()

    async def append(self, draft: Draft) -> Appended:
        """Make an entry durable and give its place.

        Raises the gate's or the change's own exception, `EntryInvalid`, `ClockBehind`, `JournalBusy` or
        `ReleaseStopped`, and then nothing was written; or `JournalUnavailable`, and then nobody knows.
        """
        check(draft.type, draft.members)
        now = self._now()
        if abs(draft.time - now) > MAX_SKEW_MS:
            raise EntryInvalid(
                f"{draft.type}: time is more than {MAX_SKEW_MS // 60_000} minutes from the journal's clock"
            )
        if draft.release and self._held is not None:
            raise ReleaseStopped(f"this log is contradicted: {self._held}") from self._held
        prepared = prepare(draft, entry_id=new_id())
        if self._closing or self._batcher is None:
            raise JournalUnavailable("the journal is not running")
        waiting = self._changes if _goes_first(draft) else self._waiting
        if len(waiting) >= self._max_waiting:
            raise JournalBusy(f"{self._max_waiting} entries are waiting")
        future: asyncio.Future[Appended] = self._batcher.get_loop().create_future()
        waiting.append((prepared, future))
        self._news.set()
        return await future

    def _now(self) -> int:
        """Read the clock; refuse one that has gone back, or a verifier would have to call the entries back-dated."""
        now = self._clock()
        if now < self._latest - MAX_SKEW_MS:
            raise ClockBehind("the clock is long before the newest entry")
        self._latest = max(self._latest, now)
        return now

    async def _run(self) -> None:
        while not (self._closing and not self._waiting and not self._changes):
            await self._news.wait()
            self._news.clear()
            await self._gather()
            while self._changes or self._waiting:
                await self._let_changes_pass()
                if batch := self._next_batch(self._waiting):
                    await self._commit(batch)

    async def _let_changes_pass(self) -> None:
        """Write the changes that wait, and those that were announced."""
        if self._coming and asyncio.get_running_loop().time() < self._until:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._until):
                    while self._coming and not self._changes:
                        self._news.clear()
                        await self._news.wait()
        if batch := self._next_batch(self._changes):
            await self._commit(batch)

    async def _gather(self) -> None:
        """Let the loop finish what it has begun while that brings more entries: fuller batches, and no timer.

        Exchanges that wait on one event get there within a few turns of the loop. A tenth less CPU at 16 at once;
        waiting by the clock was slower (docs/adr/0008-speed.md).
        """
        waiting = 0
        for _ in range(_TURNS):
            if self._changes or len(self._waiting) <= waiting:
                return
            waiting = len(self._waiting)
            await asyncio.sleep(0)

    def _next_batch(self, waiting: deque[_Waiting]) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while waiting and len(batch) < self._max_batch:
            first = waiting.popleft()
            if not first[1].done():  # whoever gave up before its batch leaves no entry
                batch.append(first)
        return batch

    async def _commit(self, batch: list[_Waiting]) -> None:
        first = _goes_first(batch[0][0].draft)
        outcomes = await self._outcomes([prepared for prepared, _ in batch])
        for position, (_, future) in enumerate(batch):
            if position % self._woken_at_once == 0 and not first:
                await asyncio.sleep(0)
                await self._let_changes_pass()  # before those who are woken fill the loop with their own work
            outcome = outcomes[position]
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    async def _outcomes(self, batch: list[Prepared]) -> Outcomes:
        try:
            written = await self._write(batch)
        except Undone as undone:
            return {0: undone.reason}
        except Exception as error:  # noqa: BLE001  whatever happened, nobody may believe the batch is written
            outcomes: Outcomes = {}
            for position in range(len(batch)):
                outcomes[position] = JournalUnavailable("the entry is not known to be written")
                outcomes[position].__cause__ = error  # type: ignore[union-attr]  # an exception
            return outcomes
        self._tail = written.tail or self._tail
        self._quiet = self._quiet + 1 if written.alone else 0
        return written.outcomes

    async def _write(self, batch: list[Prepared]) -> Written:
        """Without the lock while nobody else writes, where that spares round trips; else under it."""
        now, tail = self._clock(), self._tail
        alone = self._quiet >= self._quiet_wanted and not any(one.draft.change for one in batch)
        if alone and tail is not None and self._store.remote:
            unlocked = partial(write_unlocked, batch=batch, rules=self._rules, now=now, tail=tail)
            if (written := await self._store.each(unlocked)) is not None:
                return written
        return await self._store.write(partial(write_batch, batch=batch, rules=self._rules, now=now, tail=tail))


def _goes_first(draft: Draft) -> bool:
    return draft.change is not None and not draft.release
