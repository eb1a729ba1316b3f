"""The endpoints a partner registers, and what was delivered to them. Each partner sees its own only.

Refuses more than eight per partner, types that do not exist, and to tell a secret twice.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from gateway.addresses import check
from gateway.signals import event, signing
from gateway.signals.models import REMOVED, delivery, endpoint
from gateway.signals.queue import Claimed

MAX_ENDPOINTS = 8
PAGE = 100

_STANDS = endpoint.c.reason.is_distinct_from(REMOVED)


class WebhookUnknown(Exception):  # noqa: N818  a refusal is an answer, not a fault
    """The partner has no such endpoint, or the endpoint no such event."""

    code = "webhook_unknown"


class WebhookLimit(Exception):  # noqa: N818  idem
    """The partner has as many as it may have."""

    code = "webhook_limit"


class AlreadyDisabled(Exception):  # noqa: N818  caught where it is disabled
    """Somebody else was first, or works on it now."""

    code = "webhook_already_disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One registration."""

    id: str
    partner: str
    url: str = field(repr=False)
    types: tuple[str, ...]
    signature: str
    secret: bytes | None = field(repr=False)
    created_at: int
    disabled_at: int | None
    reason: str | None


class Endpoints:
    """The registrations of all partners."""

    def __init__(self, *, store: Store, secrets_: signing.Secrets, allowed: Collection[str]) -> None:
        self._store = store
        self._secrets = secrets_
        self._allowed = allowed

    async def register(
        self, partner: str, *, url: str, types: Collection[str], signature: str, now: int
    ) -> tuple[Endpoint, str | None]:
        """Add one; gives it with its secret, told this once. Raises `AddressRefused`, `WebhookLimit`."""
        address = await check(url, self._allowed)
        id_ = secrets.token_hex(16)
        told, sealed = self._secrets.new(id_) if signature == signing.HMAC else (None, None)
        row = {
            "id": id_, "partner": partner, "url": address, "types": " ".join(sorted(types)), "signature": signature,
            "secret": sealed, "created_at": now, "not_before": 0,
        }  # fmt: skip
        count = sa.select(sa.func.count()).where(endpoint.c.partner == partner, _STANDS)

        def work(connection: Connection) -> None:
            if connection.execute(count).scalar_one() >= MAX_ENDPOINTS:
                raise WebhookLimit("no more endpoints for this partner")
            connection.execute(sa.insert(endpoint), row)

        await self._store.write(work)
        return await self.get(partner, id_), told

    async def of(self, partner: str) -> list[Endpoint]:
        """The partner's own, oldest first."""
        query = sa.select(endpoint).where(endpoint.c.partner == partner, _STANDS)
        query = query.order_by(endpoint.c.created_at, endpoint.c.id).limit(MAX_ENDPOINTS * 2)
        return await self._store.read(lambda connection: [_read(row) for row in connection.execute(query)])

    async def get(self, partner: str, id_: str) -> Endpoint:
        """Raises `WebhookUnknown`."""
        for each in await self.of(partner):
            if each.id == id_:
                return each
        raise WebhookUnknown("no such endpoint")

    async def delete(self, partner: str, id_: str, *, now: int) -> None:
        """Forget it with all that was and was to be delivered, but for whom it was asked to erase, and the answer."""
        await self.get(partner, id_)
        mine, of_it = endpoint.c.id == id_, delivery.c.endpoint == id_
        values = {"url": "", "types": "", "secret": None, "disabled_at": now, "reason": REMOVED}

        def work(connection: Connection) -> None:
            connection.execute(sa.delete(delivery).where(of_it, delivery.c.type != event.ERASURE))
            connection.execute(sa.delete(endpoint).where(mine, ~sa.exists().where(of_it)))
            connection.execute(sa.update(endpoint).where(mine).values(values))

        await self._store.write(work)

    async def enable(self, partner: str, id_: str, *, now: int) -> Endpoint:
        """Begin again, with what waited meanwhile, oldest first for each person."""
        await self.get(partner, id_)

        def work(connection: Connection) -> None:
            values = {"disabled_at": None, "reason": None, "not_before": 0}
            connection.execute(sa.update(endpoint).where(endpoint.c.id == id_).values(values))
            _again(connection, (delivery.c.endpoint == id_) & (delivery.c.state == "pending"), now=now)

        await self._store.write(work)
        return await self.get(partner, id_)

    async def replay(self, partner: str, id_: str, *, since: str | int, now: int) -> int:
        """Deliver again all events from this id, or from this time (ms) on; gives how many."""
        await self.get(partner, id_)
        mine = delivery.c.endpoint == id_

        def work(connection: Connection) -> int:
            from_ = delivery.c.at >= since
            if isinstance(since, str):
                seq = connection.execute(sa.select(delivery.c.seq).where(mine, delivery.c.id == since)).scalar()
                if seq is None:
                    raise WebhookUnknown("no such event at this endpoint")
                from_ = delivery.c.seq >= seq
            return _again(connection, mine & from_ & (delivery.c.state != "dropped"), now=now)

        return await self._store.write(work)

    async def deliveries(self, partner: str, id_: str, *, before: int | None) -> list[Mapping[str, Any]]:
        """Newest first, a page at a time; nothing of the person is in the list."""
        await self.get(partner, id_)
        names = ("seq", "id", "type", "at", "state", "attempts", "status", "outcome", "due_at", "settled_at")
        query = sa.select(*(delivery.c[name] for name in names)).where(delivery.c.endpoint == id_)
        if before is not None:
            query = query.where(delivery.c.seq < before)
        query = query.order_by(delivery.c.seq.desc()).limit(PAGE)
        rows = await self._store.read(lambda connection: connection.execute(query).mappings().all())
        return [dict(row) for row in rows]


def _read(row: Any) -> Endpoint:
    return Endpoint(
        id=row.id, partner=row.partner, url=row.url, types=tuple(row.types.split()), signature=row.signature,
        secret=row.secret, created_at=row.created_at, disabled_at=row.disabled_at, reason=row.reason,
    )  # fmt: skip


def _again(connection: Connection, which: sa.ColumnElement[bool], *, now: int) -> int:
    values = {
        "state": "pending", "attempts": 0, "tried_at": None, "due_at": now, "claim": None, "lease_until": 0,
        "settled_at": None,
    }  # fmt: skip
    return connection.execute(sa.update(delivery).where(which).values(values)).rowcount


def disabling(id_: str, reason: str, *, now: int) -> Callable[[Connection, int], None]:
    """Disable it in the journal's transaction; `AlreadyDisabled` when it is, or when others hold it.

    The journal's lock is held meanwhile: nothing may be waited for.
    """
    mine = (endpoint.c.id == id_) & endpoint.c.disabled_at.is_(None)

    def change(connection: Connection, _index: int) -> None:
        free = sa.select(endpoint.c.id).where(mine).with_for_update(skip_locked=True)
        if connection.execute(free).first() is None:
            raise AlreadyDisabled("disabled, or in use")
        connection.execute(sa.update(endpoint).where(mine).values(disabled_at=now, reason=reason))

    return change


def test_call(to: Endpoint, *, now: int) -> Claimed:
    """A signal about nobody, to see whether the receiver verifies and acknowledges."""
    return Claimed(
        seq=0, claim="", id=secrets.token_hex(16), type=event.TEST, at=now, pseudonym=None, authorisation=None,
        purpose=None, entry=None, attempts=1, tried_at=now, endpoint=to.id, partner=to.partner, url=to.url,
        signature=to.signature, secret=to.secret,
    )  # fmt: skip
