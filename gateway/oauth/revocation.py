"""What ended before its time: tokens taken back (RFC 7009), and all that a suspended partner was given.

One row says: what bears this name and was issued until then is over. It is written in the transaction of its journal
entry, so under the lock of the log's head: its place in the journal is its place in the world. Who looks:

- entries of an exchange: the gate, under that lock (`gate.py`), from what it remembers;
- every other request: one SELECT after the request came in, shared by those that came while another one was asking.

Refuses to keep a token: only a digest of its id. Rows go once everything they name has expired.
"""

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from consent.rows import Batched, Rows
from gateway.oauth.models import insert_ignoring
from gateway.oauth.models import revoked as table

KEPT_MS = 420_000  # the longest life of a token, and what two clocks may differ by, twice
_REGISTRATIONS_MS = 5_000  # how long a process may go on issuing on a registration it remembers
_MAX_BATCH = 200
_PURGE_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class TokenRef:
    """A token as revocation sees it: the names it ends by, its own first, and when it was issued (ms)."""

    names: tuple[str, ...]
    issued_at: int


@dataclass(frozen=True, slots=True)
class Ending:
    """What bears this name and was issued until then (ms) is over. Goes into `Draft.guard`, `write` into its change."""

    what: str
    until: int

    def covers(self, token: TokenRef) -> bool:
        """Whether it ends this token."""
        return self.what in token.names and self.until >= token.issued_at

    def write(self, connection: Connection, entry: int) -> None:
        """Store it as what the journal's entry at this place proves; an earlier ending of the same name gives way."""
        connection.execute(sa.delete(table).where(table.c.what == self.what))
        row = {"what": self.what, "until": self.until, "entry": entry}
        connection.execute(insert_ignoring(connection.dialect.name, table), [row])


def token_name(token_id: str) -> str:
    """The name of a token: half the SHA-256 of its jti, in hex; the journal knows it by the same."""
    return hashlib.sha256(token_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def partner_name(partner: str) -> str:
    """The name that all tokens of a partner bear."""
    return f"partner:{partner}"


def end_of_partner(partner: str, now: int) -> Ending:
    """Ends what this partner was given until now, and may be given until every process has read its registration."""
    return Ending(partner_name(partner), now + _REGISTRATIONS_MS)


class Ended:
    """What is over, as the gate remembers it between two batches."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}
        self._newest = -1
        self._sweep_at = 0

    def covers(self, token: TokenRef) -> bool:
        """Whether this token is over."""
        return bool(self._until) and _over(self._until, token)

    def has(self, ending: Ending) -> bool:
        """Whether this was ended before."""
        return self._until.get(ending.what, -1) >= ending.until

    def follow(self, connection: Connection, now: int) -> None:
        """Learn what was ended since the last time: one statement."""
        for what, until, entry in _SINCE.execute(connection, [(self._newest,)]):
            self._until[what] = until
            self._newest = max(self._newest, entry)
        if now >= self._sweep_at:
            self._until = {what: until for what, until in self._until.items() if until + KEPT_MS >= now}
            self._sweep_at = now + KEPT_MS


class RevokedTokens:
    """Answers, from the database, whether a token is over."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Question] = []
        self._reader: asyncio.Task[None] | None = None
        self._alone = False

    async def covers(self, token: TokenRef) -> bool:
        """Whether this token is over, by a read that begins after this question; `StoreUnavailable` if none can."""
        if not self._alone and self._reader is None:  # nobody to share with: without the turns of the loop a task takes
            self._alone = True
            try:
                return _over(await self._until(token.names), token)
            finally:
                self._alone = False
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Question(token, answer))
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_waiting())
        return await answer

    async def close(self) -> None:
        """Wait for the last reads."""
        if self._reader is not None:
            await self._reader

    async def _read_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_MAX_BATCH], self._waiting[_MAX_BATCH:]
                await self._read(batch)
        finally:
            self._reader = None

    async def _read(self, batch: Sequence["_Question"]) -> None:
        try:
            until = await self._until({name for question in batch for name in question.token.names})
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait must hear of it
            for question in batch:
                if not question.answer.done():
                    question.answer.set_exception(error)
            return
        for question in batch:
            if not question.answer.done():
                question.answer.set_result(_over(until, question.token))

    async def _until(self, names: Collection[str]) -> dict[str, int]:
        wanted = [(name,) for name in sorted(names)]
        rows = await self._store.read(lambda connection: _NAMED.execute(connection, wanted))
        return {what: value for what, value in rows}  # noqa: C416  rows of the driver, not pairs


@dataclass(frozen=True, slots=True)
class _Question:
    token: TokenRef
    answer: asyncio.Future[bool] = field(repr=False)


def purge(connection: Connection, *, now: int) -> int:
    """Forget a bounded number of rows whose tokens have all expired; returns how many."""
    expired = (
        sa.select(table.c.what)
        .where(table.c.until < now - KEPT_MS)
        .order_by(table.c.until)
        .limit(_PURGE_AT_ONCE)
        .with_for_update(skip_locked=True)  # several processes purge at the same time
    )
    return connection.execute(sa.delete(table).where(table.c.what.in_(expired))).rowcount


def _over(until: dict[str, int], token: TokenRef) -> bool:
    return any(until.get(name, -1) >= token.issued_at for name in token.names)


def _since(rows: Rows) -> sa.Select[Any]:
    columns = sa.select(table.c.what, table.c.until, table.c.entry)
    return columns.join_from(rows.table, table, table.c.entry > rows[0])


def _named(rows: Rows) -> sa.Select[Any]:
    return sa.select(table.c.what, table.c.until).join_from(rows.table, table, table.c.what == rows[0])


_SINCE = Batched(_since, sa.BigInteger)
_NAMED = Batched(_named, sa.Text)
