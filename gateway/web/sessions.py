"""Server-side sessions: an opaque secret in a cookie, everything else sealed in a row that can be listed and ended.

The secret is 256 random bits; only its digest is stored (OWASP ASVS 5.0 V7). A sign-in always opens a new session
and ends the one the browser had, so that none can be fixed beforehand. 30 minutes without a page end it, and so
do 12 hours in all.
"""

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from audit.errors import SealBroken
from audit.ids import new_id
from audit.person_key import Sealing
from audit.store import Store
from gateway.web.models import web_session as table
from gateway.web.visitor import Identity, Visitor

IDLE_MS = 30 * 60_000
LONGEST_MS = 12 * 3_600_000
_SEEN_EVERY_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One session as its owner sees it; `agent` is the kind of device, never the whole header."""

    id: str
    agent: str
    opened_at: int
    seen_at: int


class Sessions:
    """The sessions of everybody. `key` (32 bytes) seals them and makes the tokens of their forms."""

    def __init__(self, store: Store, *, key: bytes) -> None:
        self._store = store
        self._key = key
        self._sealing = Sealing(hmac.digest(key, b"passerelle-session-seal/v1", "sha256"))

    async def open(self, identity: Identity, *, now: int, agent: str = "", former: str | None = None) -> str:
        """Begin a session and give the secret of its cookie; ends `former`, the secret the browser came with."""
        secret, id_ = secrets.token_urlsafe(32), new_id()
        content = orjson.dumps({"identity": asdict(identity), "agent": agent[:40]})
        row = {
            "id": id_,
            "digest": _digest(secret),
            "owner": self.owner(identity),
            "subject": identity.subject,
            "sealed": self._sealing.seal(content, _place(id_)),
            "opened_at": now,
            "seen_at": now,
            "expires_at": now + LONGEST_MS,
        }

        def work(connection: sa.Connection) -> None:
            ended = table.c.expires_at <= now
            if former:
                ended |= table.c.digest == _digest(former)
            connection.execute(sa.delete(table).where(ended))
            connection.execute(sa.insert(table), row)

        await self._store.write(work)
        return secret

    async def find(self, secret: str, now: int) -> Visitor | None:
        """Whose session it is, unless it ended; notes at most once a minute that it is used."""
        query = sa.select(table).where(table.c.digest == _digest(secret))
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None or now >= row.expires_at or now - row.seen_at >= IDLE_MS:
            return None
        try:
            identity = Identity(**self._content(row)["identity"])
        except SealBroken:  # sealed under another key: a restored database
            return None
        if now - row.seen_at >= _SEEN_EVERY_MS:
            seen = sa.update(table).where(table.c.id == row.id).values(seen_at=now)
            await self._store.write(lambda connection: connection.execute(seen) and None)
        return Visitor(
            session=row.id, identity=identity, signed_in_at=row.opened_at, form_token=self.form_token(row.id)
        )

    def form_token(self, session: str) -> str:
        """What every form of this session carries."""
        return hmac.digest(self._key, b"passerelle-form/v1\0" + session.encode(), "sha256")[:16].hex()

    def owner(self, identity: Identity) -> str:
        """The keyed name under which one human's sessions stand."""
        return hmac.digest(self._key, b"passerelle-owner/v1\0" + identity.owner.encode(), "sha256").hex()

    async def listed(self, identity: Identity, now: int) -> list[Listed]:
        """The open sessions of this human, the last used first."""
        query = sa.select(table).where(
            table.c.owner == self.owner(identity), table.c.expires_at > now, table.c.seen_at > now - IDLE_MS
        )
        rows = await self._store.read(
            lambda connection: connection.execute(query.order_by(table.c.seen_at.desc())).all()
        )
        return [
            Listed(id=row.id, agent=self._content(row)["agent"], opened_at=row.opened_at, seen_at=row.seen_at)
            for row in rows
        ]

    async def end(self, session: str, *, identity: Identity) -> bool:
        """End one session of this human; false when there is none such."""
        return bool(await self._delete(table.c.id == session, table.c.owner == self.owner(identity)))

    async def end_all(self, identity: Identity) -> int:
        """End every session of this human; gives how many."""
        return await self._delete(table.c.owner == self.owner(identity))

    async def end_owner(self, owner: str) -> int:
        """The same, by `Identity.owner`: when a role was taken away."""
        return await self._delete(table.c.owner == self.owner(Identity(role="operator", actor="", owner=owner)))

    async def _delete(self, *which: sa.ColumnElement[bool]) -> int:
        return await self._store.write(lambda connection: connection.execute(sa.delete(table).where(*which)).rowcount)

    def _content(self, row: sa.Row[Any]) -> Any:
        return orjson.loads(self._sealing.unseal(row.sealed, _place(row.id)))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _place(id_: str) -> bytes:
    return f"web_session\x00sealed\x00{id_}".encode()
