"""Server-side sessions: an opaque secret in a cookie, everything else sealed in a row that can be listed and ended.

The secret is 256 random bits; only its digest is stored (OWASP ASVS 5.0 V7). A sign-in always opens a new session
and ends the one the browser had, so that none can be fixed beforehand. 30 minutes without a page end it, and so
do 12 hours in all, the end of the mandate it stands under, the erasure of its person, the removal of its role.
Beginnings and ends are entries of the journal, in the same transaction; running out of time is none, it is computed.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.errors import SealBroken
from audit.ids import new_id
from audit.journal import Draft, Journal
from audit.person_key import Sealing
from audit.store import Store
from consent.errors import SubjectErased
from consent.guards import SubjectRef
from consent.representatives import Mandates
from consent.vault import Vault
from gateway.web.models import web_session as table
from gateway.web.visitor import Identity, Visitor

IDLE_MS = 30 * 60_000
LONGEST_MS = 12 * 3_600_000
_SEEN_EVERY_MS = 60_000
WARNED_MS = IDLE_MS - _SEEN_EVERY_MS
"""What pages count from: the least a session lasts after a page, as its use is noted once a minute at most."""

Reason = Literal["signed_out", "ended", "replaced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One session as its owner sees it; `agent` is the kind of device, never the whole header."""

    id: str
    agent: str
    opened_at: int
    seen_at: int


class _Gone(Exception):  # noqa: N818  never leaves: somebody else ended it first
    pass


class Sessions:
    """The sessions of everybody. `key` (32 bytes) seals them and makes the tokens of their forms."""

    def __init__(
        self,
        store: Store,
        *,
        key: bytes,
        journal: Journal,
        vault: Vault,
        mandates: Mandates,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._clock = clock
        self._key = key
        self._journal = journal
        self._vault = vault
        self._mandates = mandates
        self._sealing = Sealing(hmac.digest(key, b"passerelle-session-seal/v1", "sha256"))

    async def open(
        self,
        identity: Identity,
        *,
        now: int,
        agent: str = "",
        former: str | None = None,
        until: int | None = None,
        line: str | None = None,
        first: bool = False,
        also: Callable[[Connection, int], None] | None = None,
    ) -> str:
        """Begin a session and give the secret of its cookie; ends `former`, the secret the browser came with.

        `until` (ms) ends it earlier; `line` is the role's in the allow-list; `first`: the account was not known before;
        `also` is done in the same transaction and may refuse it.
        """
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
            "expires_at": min(now + LONGEST_MS, until or now + LONGEST_MS),
        }

        def change(connection: Connection, index: int) -> None:
            if also is not None:
                also(connection, index)
            connection.execute(sa.delete(table).where(table.c.expires_at <= now))
            connection.execute(sa.insert(table), row)

        more: dict[str, Json] = {"provider": identity.provider}
        if identity.acr:
            more |= {"acr": identity.acr, "strong": identity.strong}
        if line is not None:
            more["line"] = line
        if first:
            more["first"] = True
        await self._append("session.opened", id_, identity, more, change, now=now)
        if former:
            await self._end(table.c.digest == _digest(former), reason="replaced", now=now)
        return secret

    async def find(self, secret: str, now: int) -> Visitor | None:
        """Whose session it is, unless it ended; notes at most once a minute that it is used."""
        query = sa.select(table).where(table.c.digest == _digest(secret))
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None or now >= row.expires_at or now - row.seen_at >= IDLE_MS:
            return None
        try:
            identity = self._identity(row)
        except SealBroken:  # sealed under another key: a restored database
            return None
        held = None
        if identity.mandate is not None:
            held = await self._mandates.held(identity.mandate, holder=identity.actor, now=now)
            if held is None:
                return None
        if now - row.seen_at >= _SEEN_EVERY_MS:
            seen = sa.update(table).where(table.c.id == row.id).values(seen_at=now)
            await self._store.write(lambda connection: connection.execute(seen) and None)
        return Visitor(
            session=row.id, identity=identity, signed_in_at=row.opened_at, form_token=self.form_token(row.id), held=held
        )

    def form_token(self, session: str) -> str:
        """What every form of this session carries."""
        return hmac.digest(self._key, b"passerelle-form/v1\0" + session.encode(), "sha256")[:16].hex()

    def owner(self, identity: Identity) -> str:
        """The keyed name under which one human's sessions stand."""
        return self._owner(identity.owner)

    async def listed(self, identity: Identity, now: int) -> list[Listed]:
        """The open sessions of this human, the last used first."""
        query = sa.select(table).where(
            table.c.owner == self.owner(identity), table.c.expires_at > now, table.c.seen_at > now - IDLE_MS
        )
        rows = await self._store.read(
            lambda connection: connection.execute(query.order_by(table.c.seen_at.desc(), table.c.id)).all()
        )
        return [
            Listed(id=row.id, agent=self._content(row)["agent"], opened_at=row.opened_at, seen_at=row.seen_at)
            for row in rows
        ]

    async def end(self, session: str, *, identity: Identity, reason: Reason = "ended") -> bool:
        """End one session of this human; false when there is none such."""
        mine = (table.c.id == session) & (table.c.owner == self.owner(identity))
        return await self._end(mine, reason=reason, now=self._clock()) > 0

    async def end_all(self, identity: Identity) -> int:
        """End every session of this human; gives how many."""
        return await self._end(table.c.owner == self.owner(identity), reason="ended", now=self._clock())

    def drop(self, connection: Connection, owner: str) -> int:
        """In the transaction that takes a role away: end every session of this `Identity.owner`; gives how many."""
        return connection.execute(sa.delete(table).where(table.c.owner == self._owner(owner))).rowcount

    async def _end(self, which: sa.ColumnElement[bool], *, reason: Reason, now: int) -> int:
        """One entry per session; a session that ended meanwhile has none."""
        query = sa.select(table).where(which).order_by(table.c.id)
        ended = 0
        for row in await self._store.read(lambda connection: connection.execute(query).all()):
            with suppress(_Gone, SubjectErased):
                await self._end_one(row, reason, now=now)
                ended += 1
        return ended

    async def _end_one(self, row: sa.Row[Any], reason: Reason, *, now: int) -> None:
        delete = sa.delete(table).where(table.c.id == row.id)

        def change(connection: Connection, _index: int) -> None:
            if not connection.execute(delete).rowcount:
                raise _Gone

        try:
            identity = self._identity(row)
        except SealBroken:  # nobody can say whose it was
            await self._store.write(lambda connection: connection.execute(delete) and None)
            return
        await self._append("session.closed", row.id, identity, {"reason": reason}, change, now=now)

    async def _append(
        self,
        event: str,
        id_: str,
        identity: Identity,
        more: dict[str, Json],
        change: Callable[[Connection, int], None],
        *,
        now: int,
    ) -> None:
        members: dict[str, Json] = {"session": id_, "role": identity.role, **more}
        about = None
        if identity.subject is not None:
            about = SubjectRef(identity.subject, await self._vault.open(identity.subject))
        if identity.actor != "subject":
            members["actor"] = identity.actor
        known = {"org": identity.organisation, "mandate": identity.mandate}
        members |= {name: value for name, value in known.items() if value is not None}
        await self._journal.append(Draft(type=event, members=members, time=now, subject=about, change=change))

    def _owner(self, owner: str) -> str:
        return hmac.digest(self._key, b"passerelle-owner/v1\0" + owner.encode(), "sha256").hex()

    def _identity(self, row: sa.Row[Any]) -> Identity:
        return Identity(**self._content(row)["identity"])

    def _content(self, row: sa.Row[Any]) -> Any:
        return orjson.loads(self._sealing.unseal(row.sealed, _place(row.id)))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _place(id_: str) -> bytes:
    return f"web_session\x00sealed\x00{id_}".encode()
