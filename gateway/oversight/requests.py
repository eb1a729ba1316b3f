"""Requests under GDPR 15 to 21 as the DPO of an institution handles them: which, how far, and who did what.

An institution's DPO sees the requests of persons its institution knows, and those its institution must correct; the
consortium's DPO sees all. Each step is an entry `rights.staged` that names the human, beside the register's own entry.
Refuses to collect before the identity is checked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Draft
from consent.errors import RightUnknown, SubjectErased
from consent.guards import SubjectRef
from consent.models import partner_subject, right
from consent.rights import RightsRequest
from gateway.oauth.models import insert_ignoring
from gateway.oversight.models import stage as table
from gateway.services import Services

STAGES = ("received", "identity_checked", "collected", "answered")
LISTED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """The DPO who acts: institution and tag."""

    org: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request with its stages and, for an institution, the name it knows the person by."""

    request: RightsRequest
    stages: Mapping[str, int]
    pseudonym: str | None

    @property
    def stage(self) -> str:
        """How far it is."""
        if not self.request.open:
            return "answered"
        return max((name for name in self.stages if name in STAGES), key=STAGES.index, default="received")

    def days_left(self, now: int) -> int:
        """Whole days until the date; negative when it has passed."""
        return (self.request.due - now) // 86_400_000


async def cases(services: Services, org: str | None, *, closed: bool = False) -> list[Case]:
    """Open ones, the most urgent first; or those that are over, newest first."""
    open_ones = right.c.state.in_(("received", "extended"))
    first = right.c.answered_at.desc() if closed else right.c.due.asc()
    query = sa.select(right.c.id).where(sa.not_(open_ones) if closed else open_ones, _seen(org))
    query = query.order_by(first, right.c.id).limit(LISTED)
    ids = await services.store.read(lambda connection: list(connection.execute(query).scalars()))
    return await _cases(services, org, ids)


async def case(services: Services, org: str | None, id_: str) -> Case:
    """One of them; raises `RightUnknown` for those of others too."""
    query = sa.select(right.c.id).where(right.c.id == id_, _seen(org)).order_by(right.c.id)
    ids = await services.store.read(lambda connection: list(connection.execute(query).scalars()))
    found = await _cases(services, org, ids)
    if not found:
        raise RightUnknown("no such request")
    return found[0]


async def note_stage(services: Services, found: Case, stage: str, *, hand: Hand, now: int) -> None:
    """Write that this human did it; once."""
    request = found.request
    row = {"request": request.id, "stage": stage, "at": now, "org": hand.org, "actor": hand.actor}

    def change(connection: Connection, index: int) -> None:
        connection.execute(insert_ignoring(connection.dialect.name, table), [{**row, "entry": index}])

    members: dict[str, Json] = {"request": request.id, "stage": stage, "org": hand.org, "actor": hand.actor}
    try:
        ref = SubjectRef(request.subject, await services.vault.open(request.subject))
    except SubjectErased:
        ref = None
    await services.journal.append(Draft(type="rights.staged", members=members, time=now, subject=ref, change=change))


def _seen(org: str | None) -> sa.ColumnElement[bool]:
    if org is None:
        return sa.true()
    known = sa.select(partner_subject.c.subject).where(
        partner_subject.c.partner == org, partner_subject.c.subject == right.c.subject
    )
    return sa.or_(known.exists(), right.c.source == org)


async def _cases(services: Services, org: str | None, ids: Sequence[str]) -> list[Case]:
    requests = await services.rights.these(ids)

    def read(connection: Connection) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
        noted: dict[str, dict[str, int]] = {}
        query = sa.select(table.c.request, table.c.stage, table.c.at).where(table.c.request.in_(ids))
        for request, name, at in connection.execute(query.order_by(table.c.entry)):
            noted.setdefault(request, {})[name] = at
        if org is None:
            return noted, {}
        columns = (partner_subject.c.subject, partner_subject.c.pseudonym)
        subjects = sorted({each.subject for each in requests})
        known = sa.select(*columns).where(partner_subject.c.partner == org, columns[0].in_(subjects)).order_by(*columns)
        return noted, {row[0]: row[1] for row in connection.execute(known)}

    noted, names = await services.store.read(read)
    return [Case(request=each, stages=noted.get(each.id, {}), pseudonym=names.get(each.subject)) for each in requests]
