"""What keeps us from harming a source, and a source from harming us.

Answers for bounded concurrency with fair waiting, the pace a source allows, its Retry-After (RFC 9110 §10.2.3:
API Particulier bans silently for 12 hours those who ignore it), a circuit breaker and the health that real
traffic shows. Refuses to repeat a call: that is the client's decision.
All of it is per process: replicas share neither the pace nor the breaker.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from math import ceil
from typing import Literal

from connectors.base import DRIFT_LASTS_MS, Clock, Health

_KEPT_DRIFTS = 16


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is not made, as a code of `base.DETAILS`, and in how many seconds it may be, if that is known."""

    detail: str
    retry_after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a source is asked at once and how soon it is left alone."""

    concurrency: int = 10
    calls_per_second: int | None = None
    failures_before_pause: int = 5
    pause_seconds: int = 30


class Places:
    """A number of places, given in the order of asking; `asyncio.Semaphore` without its cost when one is free."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_at_once(self) -> bool:
        """Take a place if nobody has to wait for one."""
        if not self._free or self._waiting:
            return False
        self._free -= 1
        return True

    async def take(self) -> None:
        """Wait for a place."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if self._free:
            self.give(free=False)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()  # it was given in the same instant: to the next
            raise

    def give(self, *, free: bool = True) -> None:
        """Give a place back, or hand on one that is free already."""
        self._free += free
        while self._free and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._free -= 1
                turn.set_result(None)


class Guard:
    """The state of one source, as this process sees it."""

    def __init__(self, limits: Limits, *, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._places = Places(limits.concurrency)
        self._sent: deque[float] | None = deque(maxlen=limits.calls_per_second) if limits.calls_per_second else None
        self._wait_until = 0
        self._wait_detail = ""
        self._open_until = 0
        self._probing = False
        self._failures = 0
        self._calls = 0
        self._last_answer_at: int | None = None
        self._last_failure_at: int | None = None
        self._last_failure = ""
        self._drifts: dict[str, int] = {}

    def refusal(self) -> Refusal | None:
        """Why no call may be made now; None takes the right to make one (`release` gives it back)."""
        if self._wait_until or self._open_until:
            refusal = self.closed()
            if refusal is not None:
                return refusal
            if self._open_until:
                if self._probing:
                    return Refusal("breaker_open", 1)
                self._probing = True
        self._calls += 1
        return None

    def closed(self) -> Refusal | None:
        """Whether the source asked to wait or its breaker opened, asked again by who has waited for a place."""
        now = self._clock()
        if now < self._wait_until:
            return Refusal(self._wait_detail, _seconds(self._wait_until - now))
        if now < self._open_until:
            return Refusal("breaker_open", _seconds(self._open_until - now))
        return None

    def place_at_once(self) -> bool:
        """Take a place and a turn, when neither has to be waited for."""
        return self._sent is None and self._places.take_at_once()

    async def place(self, *, deadline: float) -> Refusal | None:
        """Wait for a turn and a place; the caller bounds the wait by `deadline` (loop time)."""
        if self._sent is not None:
            now = asyncio.get_running_loop().time()
            full = len(self._sent) == self._sent.maxlen
            turn = max(now, self._sent[0] + 1.0) if full else now
            if turn > deadline:
                return Refusal("too_many_requests", _seconds(int((turn - now) * 1000)))
            self._sent.append(turn)
            if turn > now:
                await asyncio.sleep(turn - now)
        await self._places.take()
        return None

    def leave(self) -> None:
        """Give the place back."""
        self._places.give()

    def release(self) -> None:
        """The call ended, however it ended: another may probe an open breaker."""
        self._probing = False

    def answered(self) -> None:
        """The source gave a well-formed answer, whatever it says."""
        self._failures = 0
        self._open_until = 0
        self._last_answer_at = self._clock()

    def failed(self, detail: str, *, counts: bool = True) -> None:
        """The source failed; `counts` is False when the failure says nothing about the next call."""
        now = self._clock()
        self._last_failure_at = now
        self._last_failure = detail
        if counts:
            self._failures += 1
            if self._failures >= self.limits.failures_before_pause:
                self._open_until = now + self.limits.pause_seconds * 1000

    def wait(self, seconds: int, *, detail: str) -> None:
        """The source asked to be left alone for `seconds`."""
        self._wait_until = max(self._wait_until, self._clock() + seconds * 1000)
        self._wait_detail = detail

    def drifted(self, paths: tuple[str, ...]) -> None:
        """Remember where the answers leave the published shape, until a day without it."""
        if not paths:
            return
        now = self._clock()
        self._drifts = self._drifting(now)
        for path in paths:
            if path in self._drifts or len(self._drifts) < _KEPT_DRIFTS:
                self._drifts[path] = now

    def _drifting(self, now: int) -> dict[str, int]:
        return {path: met for path, met in self._drifts.items() if now - met < DRIFT_LASTS_MS}

    def health(self) -> Health:
        """What the traffic showed."""
        now = self._clock()
        waiting, drift = now < self._wait_until, tuple(self._drifting(now))
        return Health(
            state=self._state(waiting=waiting, drifting=bool(drift)),
            calls=self._calls,
            failures_in_a_row=self._failures,
            last_answer_at=self._last_answer_at,
            last_failure_at=self._last_failure_at,
            last_failure=self._last_failure,
            wait_until=self._wait_until if waiting else None,
            drift=drift,
        )

    def _state(self, *, waiting: bool, drifting: bool) -> Literal["unknown", "up", "degraded", "down", "waiting"]:
        if waiting:
            return "waiting"
        if self._open_until:
            return "down"
        if self._failures or drifting or (self._last_failure_at or 0) > (self._last_answer_at or 0):
            return "degraded"
        return "unknown" if self._last_answer_at is None else "up"


def _seconds(milliseconds: int) -> int:
    return max(1, ceil(milliseconds / 1000))
