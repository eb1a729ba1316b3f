"""Delivers what the outbox holds: at least once, in order per person, from any number of processes.

 1. sweep and claim   one transaction (`queue.py`); signals of the erased go first of all
 2. send              outside any transaction, a few at once per endpoint
 3. settle            acknowledged, or due again: exponential with jitter, never before the receiver's `Retry-After`
 4. give up           410 at once, else after three days of trying one signal: the endpoint is disabled, the journal
                      says so, its signals wait until the partner enables it again, or until they are too old

Refuses to hold anything back: no transition waits for a delivery, no endpoint for another one.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from audit.errors import AuditError
from audit.journal import Draft, Journal
from audit.keys import Signer
from audit.store import Store
from gateway.signals import endpoints, event, queue, signing
from gateway.signals.client import Outcome, SignalClient
from gateway.signals.endpoints import AlreadyDisabled
from gateway.signals.queue import Claimed

_FIRST_MS, _LONGEST_MS = 5_000, 3_600_000
_PATIENCE_MS = 86_400_000  # a receiver may ask for a day, not more
_LEAST_ATTEMPTS = 10
_POLL = 1.0
_SWEEP_MS = 3_600_000
_DRAW = secrets.SystemRandom()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much at once, and for how long."""

    per_endpoint: int = 4
    at_once: int = 32
    lease_ms: int = 60_000
    disable_after_ms: int = 72 * 3_600_000
    keep_ms: int = 30 * 86_400_000


class Signals:
    """The deliveries of one process."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        client: SignalClient,
        secrets_: signing.Secrets,
        signer: Callable[[], Signer],
        source: str,
        limits: Limits,
    ) -> None:
        self.limits = limits
        self._store = store
        self._journal = journal
        self._client = client
        self._secrets = secrets_
        self._signer = signer
        self._source = source
        self._sweep_at = 0
        self._under_way: dict[asyncio.Task[None], Claimed] = {}

    async def run(self, clock: Callable[[], int]) -> None:
        """Deliver until cancelled; attempts under way are then given back."""
        try:
            while True:
                try:
                    await self.round(clock)
                except Exception as error:  # noqa: BLE001  whatever happens, look again
                    _log.error("signals cannot be looked up: %s", _code(error))
                if self._under_way:
                    await asyncio.wait(self._under_way, timeout=_POLL, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await asyncio.sleep(_POLL)
        finally:
            await self._stop()

    async def round(self, clock: Callable[[], int]) -> bool:
        """Begin what may begin now; tells whether anything was begun."""
        now, limits = clock(), self.limits
        before = now - limits.keep_ms
        free = limits.at_once - len(self._under_way)
        if free <= 0:
            return False
        aged = now >= self._sweep_at  # what is kept for long is not looked through every second

        def look(connection: Connection) -> bool:
            return queue.waiting(connection, now) or queue.left_over(connection, before=before, aged=aged)

        some = await self._store.read(look)
        if aged:
            self._sweep_at = now + _SWEEP_MS
        if not some:
            return False

        def take(connection: Connection) -> list[Claimed]:
            queue.sweep(connection, before=before, aged=aged)
            return queue.claim(
                connection, now=now, lease_ms=limits.lease_ms, per_endpoint=limits.per_endpoint, limit=free
            )

        claimed = await self._store.write(take)
        for each in claimed:
            task = asyncio.create_task(self._deliver(each, clock), name="signal")
            self._under_way[task] = each
            task.add_done_callback(self._done)
        return bool(claimed)

    async def finish(self) -> None:
        """Wait for what is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def send(self, to: Claimed, *, now: int) -> Outcome:
        """Sign and send one signal, once."""
        data = {
            "subject": to.pseudonym,
            "authorisation": to.authorisation,
            "purpose": to.purpose,
            "entry": to.entry,
        }
        body = event.body(source=self._source, id_=to.id, type_=to.type, at=to.at, data=data)
        seconds = now // 1000
        if to.secret is None:
            headers = signing.by_key(self._signer(), body, url=to.url, id_=to.id, seconds=seconds)
        else:
            secret = self._secrets.open(to.endpoint, to.secret)
            headers = signing.by_secret(secret, body, id_=to.id, seconds=seconds)
        return await self._client.post(to.url, body, headers, now=now)

    async def _deliver(self, to: Claimed, clock: Callable[[], int]) -> None:
        outcome = await self.send(to, now=clock())
        now = clock()
        due_at = next_attempt(to.attempts, outcome.retry_at, now=now, draw=_DRAW.uniform(0.5, 1.0))
        await self._store.write(partial(queue.settle, done=to, outcome=outcome, now=now, due_at=due_at))
        tired = now - to.tried_at >= self.limits.disable_after_ms and to.attempts >= _LEAST_ATTEMPTS
        if outcome.word == "gone" or (tired and not outcome.acknowledged):
            await self._disable(to, "gone" if outcome.word == "gone" else "not_acknowledged", now=now)

    async def _disable(self, to: Claimed, reason: str, *, now: int) -> None:
        """Together with its entry, so that each disabling has one and only one."""
        change = endpoints.disabling(to.endpoint, reason, now=now)
        draft = Draft(type="signal.disabled", members={"org": to.partner, "reason": reason}, time=now, change=change)
        try:
            await self._journal.append(draft)
        except AlreadyDisabled:
            return
        _log.error("webhook %s of %s is disabled: %s", to.endpoint, to.partner, reason)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if not task.cancelled() and (error := task.exception()) is not None:  # the lease ends, it goes again
            _log.error("a signal was not settled: %s", _code(error))

    async def _stop(self) -> None:
        held = list(self._under_way.values())
        for task in list(self._under_way):
            task.cancel()
        await self.finish()
        if held:
            await self._store.write(partial(queue.release, held=held))


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, AuditError) else type(error).__name__


def next_attempt(attempts: int, retry_at: int | None, *, now: int, draw: float) -> int:
    """When to try again: 5 s, 10 s, 20 s … an hour, each shortened by up to half, so that many do not come at once."""
    wait = min(_FIRST_MS * 2 ** min(attempts - 1, 20), _LONGEST_MS)
    asked = 0 if retry_at is None else min(retry_at, now + _PATIENCE_MS)
    return max(now + int(wait * draw), asked)
