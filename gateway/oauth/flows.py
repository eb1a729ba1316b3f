"""The person-present flow, from the request a partner pushes to the exchange of its code; one row each.

 1. push     the partner's request under a secret address, good for one opening within 90 seconds (RFC 9126 §2.2)
 2. open     once, by the browser; the person then has an hour
 3. attach   the first who signs in, and the authorisation they are asked for: nobody else after them. From there on
             only the session that came goes back, not another one that may see the same person's pages
 4. answer   a code for what stands: one minute, one exchange; asked again before, a new one replaces it
 5. redeem   one caller gets it, on all processes together: one UPDATE decides (RFC 6749 §4.1.2)

Secrets are random and only their digests are stored; the partner's `state`, which may say anything, is sealed. Refuses
to know who is right: `presence.py` does.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.ids import new_id
from audit.person_key import Sealing
from audit.store import Store
from consent.vault import SubjectId
from gateway.oauth.models import flow as table

PUSHED_SECONDS = 90
OPEN_MS = 3_600_000
CODE_MS = 60_000
KEPT_MS = 86_400_000
"""How long a row outlives its end, so that a code used twice is noticed."""

_URN = "urn:ietf:params:oauth:request_uri:"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the partner wants from the person: one purpose, some fields, for how many days at most."""

    purpose: str
    fields: frozenset[str]
    days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A checked request, ready to be kept."""

    partner: str
    redirect_uri: str
    state: str | None = field(repr=False)
    challenge: str
    jkt: str | None
    wish: Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One flow as it stands."""

    id: str
    partner: str
    redirect_uri: str
    state: str | None = field(repr=False)
    challenge: str
    jkt: str | None
    wish: Wish
    expires_at: int
    subject: SubjectId | None = field(repr=False)
    authorisation: str | None
    signed_in_at: int | None
    acr: str | None
    code_until: int | None
    ended_at: int | None
    token: str | None
    token_until: int | None


class Flows:
    """The flows of one gateway, shared through the database."""

    def __init__(self, store: Store, *, key: bytes) -> None:
        self._store = store
        self._sealing = Sealing(key)

    async def push(self, pushed: Pushed, *, now: int) -> str:
        """Keep a request; gives its one-time address. What ended long ago is forgotten with it."""
        secret, id_ = secrets.token_urlsafe(32), new_id()
        row = {
            "id": id_,
            "request": _digest(secret),
            "partner": pushed.partner,
            "redirect_uri": pushed.redirect_uri,
            "state": None if pushed.state is None else self._sealing.seal(pushed.state.encode(), _place(id_)),
            "challenge": pushed.challenge,
            "jkt": pushed.jkt,
            "purpose": pushed.wish.purpose,
            "fields": " ".join(sorted(pushed.wish.fields)),
            "days": pushed.wish.days,
            "expires_at": now + PUSHED_SECONDS * 1000,
        }
        old = sa.select(table.c.id).where(table.c.expires_at < now - KEPT_MS).order_by(table.c.expires_at)

        def work(connection: Connection) -> None:
            gone = connection.execute(old.limit(_AT_ONCE).with_for_update(skip_locked=True)).scalars().all()
            connection.execute(sa.delete(table).where(table.c.id.in_(gone)))
            connection.execute(sa.insert(table), row)

        await self._store.write(work)
        return _URN + secret

    async def open(self, request_uri: str, *, partner: str, now: int) -> str | None:
        """Use the address up; gives the flow's id, None for what was never pushed, was used, or is over."""
        secret = request_uri.removeprefix(_URN)
        if secret == request_uri:
            return None
        live = [table.c.request == _digest(secret), table.c.partner == partner]
        live += [table.c.opened_at.is_(None), table.c.expires_at > now]
        used = sa.update(table).where(*live).values(opened_at=now, expires_at=now + OPEN_MS).returning(table.c.id)
        return await self._store.write(lambda connection: connection.execute(used).scalar_one_or_none())

    async def opened(self, id_: str, *, now: int) -> Flow | None:
        """A flow that is open and not over."""
        return await self._one(table.c.id == id_, *_open(now))

    async def of(self, authorisation: str, *, subject: SubjectId, session: str, now: int) -> Flow | None:
        """The newest open flow by which this session of this person came to this authorisation."""
        mine = (table.c.authorisation == authorisation, table.c.subject == subject)
        query = sa.select(table.c.id, table.c.request).where(*mine, *_open(now))
        newest = query.order_by(table.c.expires_at.desc(), table.c.id).limit(_AT_ONCE)
        for row in await self._store.read(lambda connection: connection.execute(newest).all()):
            if row.request == _digest(f"{row.id} {session}"):
                return await self._one(table.c.id == row.id, *_open(now))
        return None

    async def attach(
        self,
        id_: str,
        *,
        subject: SubjectId,
        session: str,
        authorisation: str,
        signed_in_at: int | None,
        acr: str,
        now: int,
    ) -> bool:
        """This person, in this session, and this authorisation; false when the flow is somebody else's, or over.

        `signed_in_at` and `acr` are the provider's, `signed_in_at` None when it does not tell.
        """
        free = sa.or_(table.c.subject.is_(None), table.c.subject == subject)
        values: dict[str, Any] = {"subject": subject, "authorisation": authorisation, "signed_in_at": signed_in_at}
        values |= {
            "acr": acr[:128],
            "request": _digest(f"{id_} {session}"),
        }  # the address it was pushed under is used up
        mine = sa.update(table).where(table.c.id == id_, free, *_open(now)).values(values)
        return await self._changed(mine)

    async def answer(self, id_: str, *, now: int) -> str | None:
        """A code for this flow, in place of any older; None when it ended meanwhile."""
        code = secrets.token_urlsafe(32)
        values = {"code": _digest(code), "code_until": now + CODE_MS}
        given = sa.update(table).where(table.c.id == id_, *_open(now)).values(values)
        return code if await self._changed(given) else None

    async def end(self, id_: str, *, now: int) -> bool:
        """The partner is told no: nothing more comes of it. True for one caller only."""
        ended = sa.update(table).where(table.c.id == id_, *_open(now)).values(ended_at=now, code=None)
        return await self._changed(ended)

    async def by_code(self, code: str) -> Flow | None:
        """The flow a code belongs to, used and over ones as well."""
        return await self._one(table.c.code == _digest(code))

    async def redeem(self, flow: Flow, *, code: str, token: str, token_until: int, now: int) -> bool:
        """Use the code up for the token of this id: true, durably, for exactly one caller."""
        live = (table.c.id == flow.id, table.c.code == _digest(code), table.c.code_until > now)
        values = {"ended_at": now, "token": token, "token_until": token_until}
        return await self._changed(sa.update(table).where(*live, table.c.ended_at.is_(None)).values(values))

    async def _changed(self, statement: sa.Update) -> bool:
        return await self._store.write(lambda connection: connection.execute(statement).rowcount) == 1

    async def _one(self, *where: sa.ColumnElement[bool]) -> Flow | None:
        query = sa.select(table).where(*where).order_by(table.c.expires_at.desc(), table.c.id).limit(1)
        row = await self._store.read(lambda connection: connection.execute(query).mappings().one_or_none())
        if row is None:
            return None
        wish = Wish(purpose=row["purpose"], fields=frozenset(row["fields"].split()), days=row["days"])
        columns = {name: row[name] for name in Flow.__slots__ if name not in {"wish", "state"}}
        sealed = row["state"]
        state = None if sealed is None else self._sealing.unseal(sealed, _place(row["id"])).decode()
        return Flow(**columns, wish=wish, state=state)


def _open(now: int) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.opened_at.is_not(None), table.c.ended_at.is_(None), table.c.expires_at > now


def _place(id_: str) -> bytes:
    return f"oauth_flow\x00state\x00{id_}".encode()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
