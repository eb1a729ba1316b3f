"""Has checkpoints dated by a time-stamping authority (RFC 3161 over HTTP), one per hour and at the end of each year.

Answers for: a token is verified under the configured roots, and against our own clock, before it is stored; a failure
is told once and tried again. Refuses to delay anything: neither entries nor checkpoints wait for the authority. Takes
at most 64 KiB, no redirect, no cookie.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import sqlalchemy as sa
from cryptography.x509 import Certificate
from sqlalchemy import Connection

from audit import shards, tiles, timestamps
from audit.errors import AuditError, NotPublished, TimestampRefused
from audit.models import audit_timestamp
from audit.shards import Shard
from audit.store import Store
from audit.timestamps import Request, Stamp

MAX_ANSWER = 64 * 1024
_SKEW_MS = 300_000
_PAUSE = 10.0
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Undated:
    """A published checkpoint whose turn it is."""

    shard: Shard
    size: int
    note: str


def read_roots(path: Path) -> list[Certificate]:
    """Read the certificates of `PASSERELLE_TIMESTAMP_ROOTS`; raises `TimestampRefused`."""
    try:
        return timestamps.read_roots(path.read_bytes())
    except OSError:
        raise TimestampRefused("roots_unreadable") from None


class Timestamping:
    """Dates one log; `fault` is the reason of the last failure, None when the last round went well."""

    def __init__(self, store: Store, *, url: str, roots: Sequence[Certificate], interval_ms: int) -> None:
        self.fault: AuditError | None = None
        self._store = store
        self._url = url
        self._roots = roots
        self._interval_ms = interval_ms

    async def run(self, clock: Callable[[], int]) -> None:
        """Date until cancelled."""
        while True:
            try:
                await self.stamp_once(clock())
                self.fault = None
            except Exception as error:  # noqa: BLE001  whatever the authority does, the gateway goes on
                self._tell(error if isinstance(error, AuditError) else AuditError(type(error).__name__))
            await asyncio.sleep(_PAUSE)

    def _tell(self, fault: AuditError) -> None:
        if self.fault is None or str(self.fault) != str(fault):
            _log.error("no checkpoint is dated: %s: %s", fault.code, fault)
        self.fault = fault

    async def stamp_once(self, now: int, *, at_once: bool = False) -> list[Stamp]:
        """Date the checkpoints whose turn it is, or the newest ones `at_once`; raises what refuses one."""
        interval = 0 if at_once else self._interval_ms
        undated = await self._store.read(lambda connection: _undated(connection, now=now, interval_ms=interval))
        return [await self._stamp(each, now) for each in undated]

    async def _stamp(self, undated: _Undated, now: int) -> Stamp:
        asked = timestamps.request(undated.note)
        token = await self._ask(asked)
        stamp = timestamps.verify(token, undated.note, self._roots, nonce=asked.nonce)
        if abs(stamp.at - now) > _SKEW_MS:
            raise TimestampRefused("clock")
        row = {"shard": undated.shard.id, "size": undated.size, "authority": stamp.authority, "at": stamp.at}
        insert = sa.insert(audit_timestamp).values({**row, "token": token})
        await self._store.write(lambda connection: connection.execute(insert) and None)
        return stamp

    async def _ask(self, asked: Request) -> bytes:
        """The authority's answer, as it is."""
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.post(
                    self._url, data=asked.der, headers={"Content-Type": _QUERY}, allow_redirects=False
                ) as answer,
            ):
                if answer.status != 200 or answer.content_type != _REPLY:
                    raise TimestampRefused("no_token")
                whole = bytearray()
                async for chunk in answer.content.iter_any():
                    whole += chunk
                    if len(whole) > MAX_ANSWER:
                        raise TimestampRefused("too_large")
                return bytes(whole)
        except (aiohttp.ClientError, OSError, ValueError):  # a time-out is an OSError
            raise TimestampRefused("unreachable") from None


def _undated(connection: Connection, *, now: int, interval_ms: int) -> list[_Undated]:
    """Of each year the newest checkpoint, when it has news to date: in time, or for good when the year is closed."""
    found = []
    for shard in shards.every(connection):
        try:
            size, note = tiles.newest_checkpoint(connection, shard)
        except NotPublished:
            continue
        last = connection.execute(
            sa.select(sa.func.max(audit_timestamp.c.size), sa.func.max(audit_timestamp.c.at)).where(
                audit_timestamp.c.shard == shard.id
            )
        ).one()
        late = last[0] is None or now - last[1] >= interval_ms
        final = shard.closed_at is not None and size == shard.size
        if (last[0] or 0) < size and (late or final):
            found.append(_Undated(shard, size, note))
    return found
