"""Each jti of a partner works once, on all processes together (RFC 7523 §3, FAPI 2.0 §5.3.2.1).

The database decides: one INSERT that leaves an existing row alone, so there is no moment between looking and
writing. Requests that wait at the same moment share one statement and one durable commit. A jti is scoped by
partner, so that none can use up another's; it is kept, as a digest, until its token has expired everywhere.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.errors import StoreUnavailable
from audit.store import Store
from gateway.oauth.models import used_jti

_KEPT_AFTER_EXPIRY = 120_000  # clocks of two processes may differ: 60 s are tolerated, twice that is kept
_MAX_BATCH = 200
_PURGE_EVERY = 10_000
PURGE_AT_ONCE = 5_000

Key = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class OneTime:
    """An id that works once, until when it is kept (ms), and the parameter it came in."""

    key: Key
    keep_until: int
    parameter: str


def one_time(*, partner: str, jti: str, expires_at: int, parameter: str) -> OneTime:
    """The id of a token of this partner that expires then (ms)."""
    digest = hashlib.sha256(jti.encode("utf-8", "surrogatepass")).digest()
    return OneTime((partner, digest), expires_at + _KEPT_AFTER_EXPIRY, parameter)


@dataclass(frozen=True, slots=True)
class _Claim:
    one: OneTime
    now: int
    answer: asyncio.Future[bool] = field(repr=False)


class UsedTokens:
    """The memory of used token ids, shared through the database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Claim] = []
        self._writer: asyncio.Task[None] | None = None
        self._purge_due = 0

    async def claim(self, *, partner: str, jti: str, expires_at: int, now: int) -> bool:
        """Use this jti: true, durably, for exactly one caller.

        Raises `StoreUnavailable` when the database does not say so: the token must then not be accepted.
        """
        return await self.use(one_time(partner=partner, jti=jti, expires_at=expires_at, parameter=""), now=now)

    async def use(self, one: OneTime, *, now: int) -> bool:
        """See `claim`."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Claim(one, now, answer))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting())
        return await answer

    async def close(self) -> None:
        """Wait for the last writes."""
        if self._writer is not None:
            await self._writer

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_MAX_BATCH], self._waiting[_MAX_BATCH:]
                await self._write(batch)
                await self._purge_if_due(batch[-1].now)
        finally:
            self._writer = None

    async def _write(self, batch: Sequence[_Claim]) -> None:
        rows = {claim.one.key: claim.one.keep_until for claim in batch}
        try:
            fresh = await self._store.write(lambda connection: use(connection, rows))
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait must hear of it
            for claim in batch:
                if not claim.answer.done():
                    claim.answer.set_exception(error)
            return
        for claim in batch:
            first = claim.one.key in fresh
            fresh.discard(claim.one.key)
            if not claim.answer.done():
                claim.answer.set_result(first)

    async def _purge_if_due(self, now: int) -> None:
        if now < self._purge_due:
            return
        try:
            deleted = await self._store.write(lambda connection: purge(connection, now=now))
        except StoreUnavailable:  # nobody waits for it; the rows that stay refuse nothing new
            return
        self._purge_due = now if deleted == PURGE_AT_ONCE else now + _PURGE_EVERY


def use(connection: Connection, rows: dict[Key, int]) -> set[Key]:
    """Insert what is not there yet and tell which keys that were.

    In the order of the keys: two processes that insert the same ones in another order would wait for each
    other until the database kills one of them.
    """
    ordered = [(*key, rows[key]) for key in sorted(rows)]
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(_POSTGRESQL, tuple(map(list, zip(*ordered, strict=True)))).all()
    elif _all_fresh(connection, ordered):
        return set(rows)
    else:
        found = connection.exec_driver_sql(_sqlite(len(ordered)), tuple(chain.from_iterable(ordered))).all()
    return {(partner, bytes(jti)) for partner, jti in found}


def _all_fresh(connection: Connection, ordered: Sequence[tuple[str, bytes, int]]) -> bool:
    """Insert all of them, or none when one was there: half the time of the statement that tells which (SQLite)."""
    with connection.begin_nested() as undo:
        if connection.exec_driver_sql(_ONE, ordered).rowcount == len(ordered):
            return True
        undo.rollback()
    return False


# Written out: a third less CPU on SQLite than through the SQL toolkit.
_INTO = f"INSERT INTO {used_jti.name} (partner, jti, expires_at) "
_AND = " ON CONFLICT DO NOTHING"
_WHICH = f"{_AND} RETURNING partner, jti"
_ONE = f"{_INTO}VALUES (?, ?, ?){_AND}"
_POSTGRESQL = f"{_INTO}SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[]){_WHICH}"


@cache
def _sqlite(rows: int) -> str:
    """One text per number of rows, which the driver prepares once."""
    return f"{_INTO}VALUES {', '.join(['(?, ?, ?)'] * rows)}{_WHICH}"


def purge(connection: Connection, *, now: int) -> int:
    """Forget a bounded number of ids whose tokens have expired; returns how many."""
    key = sa.tuple_(used_jti.c.partner, used_jti.c.jti)
    expired = (
        sa.select(used_jti.c.partner, used_jti.c.jti)
        .where(used_jti.c.expires_at < now)
        .order_by(used_jti.c.expires_at)
        .limit(PURGE_AT_ONCE)
        .with_for_update(skip_locked=True)  # several processes purge at the same time
    )
    return connection.execute(sa.delete(used_jti).where(key.in_(expired))).rowcount
