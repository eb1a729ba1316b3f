"""What a browser began: kept here, sealed, ten minutes, used once, and only by the browser that began it.

The browser holds two values: `state` in the address it comes back with, and a cookie. Neither is stored: their digests
are. Whoever has one without the other gets nothing, and uses nothing up (RFC 9700 §4.7.1, login CSRF).
"""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Literal

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.errors import SealBroken
from audit.person_key import Sealing
from audit.store import Store
from gateway.signin.errors import Fault, SigninRefused
from gateway.signin.models import pending as table

LIFETIME_MS = 600_000
_PURGED_AT_ONCE = 500

Kind = Literal["signin", "choice", "signout"]


def new_value() -> str:
    """256 random bits, 43 characters: a state, a nonce, a cookie."""
    return secrets.token_urlsafe(32)


class Pendings:
    """What browsers have begun, on all processes together."""

    def __init__(self, store: Store, sealing: Sealing) -> None:
        self._store = store
        self._sealing = sealing

    async def begin(self, kind: Kind, browser: str, content: Mapping[str, Any], *, now: int) -> str:
        """Keep it; gives the state to come back with. Clears a bounded number of those that were left."""
        state = new_value()
        id_ = _digest(state)
        row = {
            "id": id_,
            "kind": kind,
            "browser": _digest(browser),
            "sealed": self._sealing.seal(orjson.dumps(content), _place(id_)),
            "expires_at": now + LIFETIME_MS,
        }
        left = sa.select(table.c.id).where(table.c.expires_at <= now - LIFETIME_MS).order_by(table.c.expires_at)
        clear = sa.delete(table).where(table.c.id.in_(left.limit(_PURGED_AT_ONCE).with_for_update(skip_locked=True)))

        def work(connection: Connection) -> None:
            connection.execute(sa.insert(table), row)
            connection.execute(clear)

        await self._store.write(work)
        return state

    async def take(self, kind: Kind, browser: str, state: str, *, now: int) -> dict[str, Any]:
        """What was begun; for exactly one caller. Raises `SigninRefused`: `state_unknown`, `state_expired`."""
        id_ = _digest(state)
        mine = (table.c.id == id_, table.c.kind == kind, table.c.browser == _digest(browser))
        gone = sa.delete(table).where(*mine).returning(table.c.sealed, table.c.expires_at)
        row = await self._store.write(lambda connection: connection.execute(gone).one_or_none())
        return self._opened(id_, row, now)

    async def look(self, kind: Kind, browser: str, state: str, *, now: int) -> dict[str, Any]:
        """The same, without using it up."""
        id_ = _digest(state)
        mine = (table.c.id == id_, table.c.kind == kind, table.c.browser == _digest(browser))
        query = sa.select(table.c.sealed, table.c.expires_at).where(*mine)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        return self._opened(id_, row, now)

    def _opened(self, id_: str, row: Any, now: int) -> dict[str, Any]:
        if row is None:
            raise SigninRefused(Fault.STATE_UNKNOWN)
        if row.expires_at <= now:
            raise SigninRefused(Fault.STATE_EXPIRED)
        try:
            content: dict[str, Any] = orjson.loads(self._sealing.unseal(row.sealed, _place(id_)))
        except SealBroken:
            raise SigninRefused(Fault.STATE_UNKNOWN) from None
        return content


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def _place(id_: str) -> bytes:
    return f"signin_pending\x00sealed\x00{id_}".encode()
