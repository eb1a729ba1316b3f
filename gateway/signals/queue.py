"""Who delivers what, in SQL: several processes share the work, and a person's signals keep their order.

claim   the row of an endpoint is locked for the time of this transaction (PostgreSQL: SKIP LOCKED, SQLite: one writer);
        so two processes never count the attempts under way at one endpoint, or order one person's, at once. The oldest
        pending signal of each person may go, when it is due and nobody's lease on it runs.
settle  by the holder of the claim only. A process that died loses its claim when the lease ends: the same event goes
        again, under the same id.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import Connection

from consent import names
from consent.erasure import traced
from gateway.oauth.models import partner as partners
from gateway.signals import event
from gateway.signals.client import Outcome
from gateway.signals.models import REMOVED, delivery, endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """One attempt to make."""

    seq: int
    claim: str
    id: str
    type: str
    at: int
    pseudonym: str | None = field(repr=False)
    authorisation: str | None
    purpose: str | None
    entry: int | None
    attempts: int
    tried_at: int
    endpoint: str
    partner: str
    url: str = field(repr=False)
    signature: str
    secret: bytes | None = field(repr=False)


Now: TypeAlias = int | sa.BindParameter[int]
"""Milliseconds UTC, or where they are to be put."""


def _ready(now: Now) -> sa.ColumnElement[bool]:
    """Endpoints that may be called: not disabled, not told to wait, of a partner that is not suspended."""
    active = sa.exists().where(partners.c.id == endpoint.c.partner, partners.c.status == "active")
    return endpoint.c.disabled_at.is_(None) & (endpoint.c.not_before <= now) & active


def _first(now: Now) -> sa.ColumnElement[bool]:
    """The oldest pending one of its person, due, on nobody's lease."""
    earlier = delivery.alias("earlier")
    before = sa.exists().where(
        earlier.c.endpoint == delivery.c.endpoint,
        earlier.c.subject == delivery.c.subject,
        earlier.c.seq < delivery.c.seq,
        earlier.c.state == sa.literal_column("'pending'"),
    )
    pending = delivery.c.state == sa.literal_column("'pending'")  # a constant, so that the partial index serves
    return pending & (delivery.c.due_at <= now) & (delivery.c.lease_until <= now) & ~before


def claim(connection: Connection, *, now: int, lease_ms: int, per_endpoint: int, limit: int) -> list[Claimed]:
    """Take at most `limit` attempts, at most `per_endpoint` under way at each."""
    ready = sa.select(endpoint).where(_ready(now), _has_work(now)).order_by(endpoint.c.id)
    rows = connection.execute(ready.with_for_update(of=endpoint, skip_locked=True)).all()
    share = max(1, limit // max(1, len(rows)))  # a slow endpoint does not take the places of the others
    taken: list[Claimed] = []
    for to in rows[:limit]:
        under_way = sa.select(sa.func.count()).where(
            delivery.c.endpoint == to.id, delivery.c.state == sa.literal_column("'pending'"),
            delivery.c.lease_until > now,
        )  # fmt: skip
        free = per_endpoint - connection.execute(under_way).scalar_one()
        if free > 0:
            taken += _take(connection, to, now=now, lease_ms=lease_ms, limit=min(free, share))
    return taken


def _has_work(now: Now) -> sa.ColumnElement[bool]:
    return sa.exists().where(delivery.c.endpoint == endpoint.c.id, _first(now)).correlate(endpoint)


_NOW = sa.bindparam("now", type_=sa.BigInteger)
_WAITING = sa.select(endpoint.c.id).where(_ready(_NOW), _has_work(_NOW)).limit(1)  # once per second, so built once


def waiting(connection: Connection, now: int) -> bool:
    """Whether a claim may find anything: reads only."""
    return connection.execute(_WAITING, {"now": now}).first() is not None


def _take(connection: Connection, to: Any, *, now: int, lease_ms: int, limit: int) -> list[Claimed]:
    first = sa.select(delivery).where(delivery.c.endpoint == to.id, _first(now)).order_by(delivery.c.seq).limit(limit)
    rows = connection.execute(first).all()
    known = names.pseudonyms(connection, {row.subject for row in rows})
    taken = []
    for row in rows:
        pseudonym = known.get((row.subject, to.partner))
        if pseudonym is None:  # forgotten, a year after the erasure
            _set(connection, row.seq, state="dropped", outcome="person_forgotten", settled_at=now)
            continue
        mark, tried_at = secrets.token_hex(16), now if row.tried_at is None else row.tried_at
        attempts = row.attempts + 1
        _set(connection, row.seq, claim=mark, lease_until=now + lease_ms, attempts=attempts, tried_at=tried_at)
        taken.append(
            Claimed(
                seq=row.seq, claim=mark, id=row.id, type=row.type, at=row.at, pseudonym=pseudonym,
                authorisation=row.authorisation, purpose=row.purpose, entry=row.entry, attempts=attempts,
                tried_at=tried_at, endpoint=to.id, partner=to.partner, url=to.url, signature=to.signature,
                secret=to.secret,
            )
        )  # fmt: skip
    return taken


def _set(connection: Connection, seq: int, **values: Any) -> None:
    connection.execute(sa.update(delivery).where(delivery.c.seq == seq).values(**values))


def settle(connection: Connection, done: Claimed, outcome: Outcome, *, now: int, due_at: int) -> None:
    """Write down what came of an attempt, unless the lease ended and somebody else makes it."""
    values: dict[str, Any] = {"claim": None, "lease_until": 0, "status": outcome.status, "outcome": outcome.word}
    if outcome.acknowledged:
        values |= {"state": "delivered", "settled_at": now}
    else:
        values["due_at"] = due_at
    mine = (delivery.c.seq == done.seq) & (delivery.c.claim == done.claim)
    connection.execute(sa.update(delivery).where(mine).values(**values))
    if outcome.retry_at is not None:
        later = (endpoint.c.id == done.endpoint) & (endpoint.c.not_before < due_at)
        connection.execute(sa.update(endpoint).where(later).values(not_before=due_at))


def release(connection: Connection, held: Sequence[Claimed]) -> None:
    """Give back claims nobody will settle: the process stops."""
    mine = delivery.c.claim.in_([each.claim for each in held])
    connection.execute(sa.update(delivery).where(mine).values(claim=None, lease_until=0))


def left_over(connection: Connection, *, before: int, aged: bool) -> bool:
    """Whether `sweep` has anything to do: reads only."""
    some = (sa.select(delivery.c.seq).where(each).limit(1) for each in _over(before, aged=aged))
    return any(connection.execute(each).first() for each in some)


def sweep(connection: Connection, *, before: int, aged: bool) -> None:
    """Of the erased only the notices of their erasure stay, as long as it can be reported; `aged`: also what is old.

    What was settled goes when it cannot be replayed any more. What waits is owed: it stays until it is delivered, until
    its endpoint is removed, or as long again while that is disabled.
    """
    for each in _over(before, aged=aged):
        connection.execute(sa.delete(delivery).where(each))
    if aged:
        left = sa.exists().where(delivery.c.endpoint == endpoint.c.id)
        connection.execute(sa.delete(endpoint).where(endpoint.c.reason == REMOVED, ~left))


def _over(before: int, *, aged: bool) -> tuple[sa.ColumnElement[bool], ...]:
    notice, old = delivery.c.type == event.ERASURE, delivery.c.at < before
    lately = delivery.c.subject.in_(names.erased_since(before)) & ~notice
    if not aged:
        return (lately,)
    shut = sa.exists().where(endpoint.c.id == delivery.c.endpoint, endpoint.c.disabled_at < before)
    settled = (delivery.c.state != "pending") | delivery.c.subject.in_(names.erased_since(0))
    return lately, old & ~notice & (settled | shut), old & notice & delivery.c.subject.not_in(traced())
