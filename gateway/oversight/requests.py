"""Requests under GDPR 15 to 21 as the DPO of an institution handles them: which, how far, and who did what.

Each request is one DPO's: an objection the recipient's, a correction the source's, all others the consortium's. An
institution's DPO sees theirs alone, the consortium's DPO that all of them exist. Each step is an entry `rights.staged`
that names the human, beside the register's own entry. Refuses what is another's (docs/adr/0029).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Draft
from consent.errors import RightUnknown, SubjectErased
from consent.guards import SubjectRef
from consent.models import authorisation, partner_subject, right
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
    """One request with its stages and, for an institution, the name it knows the person by.

    `charge` is the institution whose DPO answers; None: the consortium's.
    """

    request: RightsRequest
    stages: Mapping[str, int]
    pseudonym: str | None
    charge: str | None

    @property
    def stage(self) -> str:
        """How far it is."""
        if not self.request.open:
            return "answered"
        return max((name for name in self.stages if name in STAGES), key=STAGES.index, default="received")

    def in_charge(self, org: str | None, *, consortium: bool) -> bool:
        """Whether this DPO may act on it, and read what the person wrote; nobody else does either."""
        return consortium if self.charge is None else self.charge == org

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


_recipient = sa.select(authorisation.c.recipient).where(authorisation.c.id == right.c.authorisation)
_charge = sa.case(
    (right.c.right == "rectification", right.c.source),
    (right.c.right == "objection", _recipient.scalar_subquery()),
    else_=None,
)
"""The institution whose DPO answers: the source that must correct, the recipient objected to."""


def _seen(org: str | None) -> sa.ColumnElement[bool]:
    return sa.true() if org is None else _charge == org


async def _cases(services: Services, org: str | None, ids: Sequence[str]) -> list[Case]:
    requests = await services.rights.these(ids)

    def read(connection: Connection) -> tuple[dict[str, dict[str, int]], dict[str, str], dict[str, str | None]]:
        owned = sa.select(right.c.id, _charge).where(right.c.id.in_(ids)).order_by(right.c.id)
        charges: dict[str, str | None] = {row[0]: row[1] for row in connection.execute(owned)}
        noted: dict[str, dict[str, int]] = {}
        query = sa.select(table.c.request, table.c.stage, table.c.at).where(table.c.request.in_(ids))
        for request, name, at in connection.execute(query.order_by(table.c.entry)):
            noted.setdefault(request, {})[name] = at
        if org is None:
            return noted, {}, charges
        columns = (partner_subject.c.subject, partner_subject.c.pseudonym)
        subjects = sorted({each.subject for each in requests})
        known = sa.select(*columns).where(partner_subject.c.partner == org, columns[0].in_(subjects)).order_by(*columns)
        return noted, {row[0]: row[1] for row in connection.execute(known)}, charges

    noted, names, charges = await services.store.read(read)
    return [
        Case(
            request=each,
            stages=noted.get(each.id, {}),
            pseudonym=names.get(each.subject),
            charge=charges[each.id],
        )
        for each in requests
    ]
