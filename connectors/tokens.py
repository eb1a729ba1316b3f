"""One credential of a source, obtained once and shared by all its calls (OAuth 2.0, RFC 6749 §4.4).

Answers for a single renewal at a time, however many calls wait for it, begun 60 seconds before the end.
Refuses to keep a credential the source has rejected, to offer a refused account again within a minute (accounts
get locked), and to hold anything outside memory.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import httpx

from connectors.base import Clock
from connectors.http import PartnerClient, Reply

T = TypeVar("T")

_EARLY_MS = 60_000
_AFTER_REFUSAL_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted(Generic[T]):
    """A credential and its end (ms UTC)."""

    value: T = field(repr=False)
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotGranted:
    """No credential, and why, as a code of `base.DETAILS`."""

    detail: str
    retry_after: int | None = None


class TokenCache(Generic[T]):
    """Keeps what `renew` obtains."""

    def __init__(self, renew: Callable[[], Awaitable[Granted[T] | NotGranted]], *, clock: Clock) -> None:
        self._renew = renew
        self._clock = clock
        self._current: Granted[T] | None = None
        self._refused: NotGranted | None = None
        self._refused_until = 0
        self._renewal: asyncio.Task[Granted[T] | NotGranted] | None = None

    def ready(self) -> Granted[T] | None:
        """The credential, when there is no need to wait for one."""
        current = self._current
        return current if current is not None and self._clock() < current.expires_at - _EARLY_MS else None

    async def get(self) -> Granted[T] | NotGranted:
        """A new credential; the caller bounds the wait, which never cancels the renewal others wait for."""
        if self._refused is not None and self._clock() < self._refused_until:
            return self._refused
        current = self._current
        if self._renewal is None:
            self._renewal = asyncio.ensure_future(self._renew_once())
        renewed = await asyncio.shield(self._renewal)
        if isinstance(renewed, NotGranted) and current is not None and self._clock() < current.expires_at:
            return current  # the old one still serves for its last minute
        return renewed

    async def _renew_once(self) -> Granted[T] | NotGranted:
        try:
            renewed = await self._renew()
        except Exception:  # noqa: BLE001  its text may hold a secret, and nobody may be left waiting to see it
            renewed = NotGranted(detail="connector_failed")
        finally:
            self._renewal = None
        if isinstance(renewed, Granted):
            self._current = renewed
        elif renewed.detail == "credentials_rejected":
            self._refused, self._refused_until = renewed, self._clock() + _AFTER_REFUSAL_MS
        return renewed

    def drop(self, rejected: Granted[T]) -> None:
        """Forget `rejected`, unless it has been replaced since."""
        if self._current is rejected:
            self._current = None

    async def close(self) -> None:
        """End a renewal under way."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])


async def authorised(
    client: PartnerClient, tokens: TokenCache[T], make: Callable[[T], httpx.Request], *, deadline: float
) -> Reply:
    """The reply to the request that `make` builds with the credential; a rejected one is renewed once."""
    reply = Reply(fault="deadline")
    for _ in range(2):
        granted: Granted[T] | NotGranted | None = tokens.ready()
        if granted is None:
            try:
                async with asyncio.timeout_at(deadline):
                    granted = await tokens.get()
            except TimeoutError:
                return Reply(fault="deadline")
        if isinstance(granted, NotGranted):
            return Reply(fault=granted.detail, retry_after=granted.retry_after)
        reply = await client.call(make(granted.value), deadline=deadline)
        if reply.status != 401:
            break
        tokens.drop(granted)
    return reply
