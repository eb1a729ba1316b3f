"""The outbox: what is to be told, written in the transaction of what happened. So no signal is lost, and none lies.

Answers for: one row per endpoint of each partner concerned that knows the person; the order of the journal. Refuses to
wait: it reads two indexes and inserts, it locks nothing, and nothing is sent here (`delivery.py`). A person a partner
has never linked is not signalled to it: there would be no name to say.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from consent import names
from consent.records import Told
from consent.rights import Correction
from consent.states import Record
from gateway.signals import event
from gateway.signals.models import delivery, endpoint

_LISTED = 1_000
_OF_PARTNERS = (
    sa.select(endpoint.c.id, endpoint.c.partner, endpoint.c.types)
    .where(endpoint.c.partner.in_(sa.bindparam("partners", expanding=True)))
    .order_by(endpoint.c.partner, endpoint.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An erasure as one partner was told: when it acknowledged, None when it has not."""

    partner: str
    told_at: int
    acknowledged_at: int | None


class Outbox:
    """`key` makes the names sources know authorisations by."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "Outbox(…)"

    def told(self, connection: Connection, told: Told) -> None:
        """A transition of an authorisation; the hook of `consent.records.Authorisations`."""
        name = event.of(told.event, decided=told.decided)
        hears = event.AUTHORISATION.get(name, frozenset())
        partners = {told.recipient} if "recipient" in hears else set()
        partners |= set(told.sources) if "source" in hears else set()
        about: dict[str, dict[str, Any]] = {}
        for partner in partners:
            own = event.own_name(self._key, partner, told.record_id)
            mine = {"authorisation": told.record_id, "entry": told.entry}
            about[partner] = mine if partner == told.recipient else {"authorisation": own}
        _insert(connection, f"authorisation.{name}", told.subject, about, at=told.at, record=told.record_id)

    def corrected(self, connection: Connection, correction: Correction) -> None:
        """The source has corrected what a recipient was given; the hook of `consent.rights.Rights`."""
        about = {correction.recipient: {"entry": correction.entry}}
        _insert(connection, event.SOURCE_CHANGED, correction.subject, about, at=correction.at)

    def changed(self, connection: Connection, record: Record, *, at: int) -> None:
        """Data has changed at a source of this authorisation."""
        about = {record.recipient: {"authorisation": record.id}}
        _insert(connection, event.SOURCE_CHANGED, record.subject, about, at=at, record=record.id)

    def erased(self, connection: Connection, subject: str, at: int) -> None:
        """The person is being erased; the hook of `consent.erasure.Erasures`. Whoever had a part is asked to erase."""
        about = {each: dict[str, Any]() for each in names.parties(connection, subject)}
        _insert(connection, event.ERASURE, subject, about, at=at)


def _insert(
    connection: Connection,
    type_: str,
    subject: str,
    about: Mapping[str, Mapping[str, Any]],
    *,
    at: int,
    record: str | None = None,
) -> None:
    """`about` is what each partner hears."""
    wanted = _wanting(connection, type_, about)
    if not wanted:
        return
    known = names.pseudonyms(connection, [subject])
    ids = {partner: secrets.token_hex(16) for partner in about}
    common = {"authorisation": None, "entry": None, "purpose": record and names.purpose(connection, record)}
    rows = [
        {
            **common,
            **about[partner],
            "id": ids[partner],
            "endpoint": to,
            "subject": subject,
            "type": type_,
            "at": at,
            "state": "pending",
            "attempts": 0,
            "due_at": at,
            "lease_until": 0,
        }
        for to, partner in wanted
        if (subject, partner) in known
    ]
    if rows:
        connection.execute(sa.insert(delivery), rows)


def _wanting(connection: Connection, type_: str, partners: Collection[str]) -> list[tuple[str, str]]:
    """The endpoints of these partners that subscribe to this type; also the disabled ones, which may come back."""
    rows = connection.execute(_OF_PARTNERS, {"partners": sorted(partners)})
    return [(row.id, row.partner) for row in rows if type_ in row.types.split()]


def erasure_notices(connection: Connection, subject: str) -> list[Notice]:
    """Whom this person's erasure was sent to, and who has acknowledged it: nothing else may be reported."""
    acknowledged = sa.case((delivery.c.state == "delivered", delivery.c.settled_at))
    query = (
        sa.select(endpoint.c.partner, sa.func.min(delivery.c.at), sa.func.min(acknowledged))
        .join_from(delivery, endpoint, endpoint.c.id == delivery.c.endpoint)
        .where(delivery.c.subject == subject, delivery.c.type == event.ERASURE)
        .group_by(endpoint.c.partner)
        .order_by(endpoint.c.partner)
        .limit(_LISTED)
    )
    return [Notice(partner=row[0], told_at=row[1], acknowledged_at=row[2]) for row in connection.execute(query)]
