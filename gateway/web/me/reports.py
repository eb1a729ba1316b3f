"""« Ce n'est pas normal ? »: what a person reports of an access, for the DPO of the organisation that made it.

The words stand sealed under the person's key, the journal says only that there is a report, and about which entry.
One report per access: sending the form twice is one. Refuses an access of somebody else's, and a text that is too long.
After an erasure the words open no more; `open_reports` then gives none.
"""

import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Draft
from consent.guards import SubjectRef
from consent.states import By
from consent.vault import SubjectId, place
from gateway.services import Services
from gateway.web.me.lines import Line
from gateway.web.me.models import access_report as table
from gateway.web.problems import PageProblem

REASONS = ("unknown_organisation", "unknown_purpose", "not_asked", "too_much", "other")
LONGEST = 1_000
_LISTED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report; `words` is None once the person was erased, `access` and `entry` are indices in the journal."""

    id: str
    subject: SubjectId = field(repr=False)
    access: int
    org: str
    reason: str
    words: str | None = field(repr=False)
    reported_at: int
    closed_at: int | None
    entry: int


class _Known(Exception):  # noqa: N818  caught here
    """The same access was reported before."""


async def report(
    services: Services, subject: SubjectId, line: Line, *, reason: str, words: str, by: By, now: int
) -> Report:
    """Keep it and note it; gives the one there is when this access was reported before."""
    if reason not in REASONS or len(words) > LONGEST:
        raise PageProblem("form_unreadable")
    key = await services.vault.open(subject)
    id_, org = secrets.token_hex(16), str(line.entry["org"])
    row = {
        "id": id_, "subject": subject, "access": line.index, "org": org, "reason": reason,
        "sealed": key.seal(words.encode(), place("access_report", "sealed", id_)), "reported_at": now,
    }  # fmt: skip
    members: dict[str, Json] = {"report": id_, "org": org, "entry": line.index, "by": by.kind, "reason": reason}
    if by.representative is not None:
        members["mandate"] = by.representative.id

    def change(connection: Connection, index: int) -> None:
        known = sa.select(table.c.id).where(table.c.subject == subject, table.c.access == line.index)
        if connection.execute(known).first() is not None:
            raise _Known
        connection.execute(sa.insert(table), {**row, "entry": index})

    draft = Draft(type="access.reported", members=members, time=now, subject=SubjectRef(subject, key), change=change)
    with suppress(_Known):
        await services.journal.append(draft)
    found = await reported(services, subject, line.index)
    if found is None:
        raise PageProblem("not_done")
    return found


async def reported(services: Services, subject: SubjectId, access: int) -> Report | None:
    """What this person reported of this access."""
    found = await _read(services, table.c.subject == subject, table.c.access == access)
    return found[0] if found else None


async def reported_among(services: Services, subject: SubjectId, accesses: Collection[int]) -> frozenset[int]:
    """Which of these accesses this person reported."""
    mine = sa.select(table.c.access).where(table.c.subject == subject, table.c.access.in_(accesses))
    ordered = mine.order_by(table.c.access)
    return await services.store.read(lambda connection: frozenset(connection.execute(ordered).scalars()))


async def open_reports(
    services: Services, organisation: str | None, *, closed_since: int | None = None
) -> Sequence[Report]:
    """Those nobody has closed, for the DPO of an organisation, or of all of them with None; newest first.

    With `closed_since`, those closed from then on too, after the open ones. Opens the persons' words: who reads them is
    the caller's to note (`dpo.…` entries).
    """
    wanted: sa.ColumnElement[bool] = table.c.closed_at.is_(None)
    if closed_since is not None:
        wanted |= table.c.closed_at >= closed_since
    mine = () if organisation is None else (table.c.org == organisation,)
    return await _read(services, wanted, *mine)


async def close_report(services: Services, id_: str, *, organisation: str | None, actor: str | None, now: int) -> bool:
    """The DPO has dealt with it; false when there is none such for this organisation, or it is closed."""
    mine = [table.c.id == id_, table.c.closed_at.is_(None)]
    if organisation is not None:
        mine.append(table.c.org == organisation)
    members: dict[str, Json] = {"report": id_}
    members |= {name: value for name, value in (("org", organisation), ("actor", actor)) if value is not None}

    def change(connection: Connection, _index: int) -> None:
        if connection.execute(sa.update(table).where(*mine).values(closed_at=now)).rowcount != 1:
            raise _Known

    try:
        await services.journal.append(Draft(type="access.answered", members=members, time=now, change=change))
    except _Known:
        return False
    return True


async def _read(services: Services, *where: sa.ColumnElement[bool]) -> Sequence[Report]:
    newest = (table.c.closed_at.is_not(None), table.c.reported_at.desc(), table.c.id)
    query = sa.select(table).where(*where).order_by(*newest).limit(_LISTED)
    rows = await services.store.read(lambda connection: connection.execute(query).all())
    keys = await services.vault.open_many({row.subject for row in rows})
    found = []
    for row in rows:
        key = keys.get(row.subject)
        words = None
        if row.sealed and key is not None and not isinstance(key, Exception):
            words = key.unseal(row.sealed, place("access_report", "sealed", row.id)).decode()
        found.append(
            Report(
                id=row.id,
                subject=row.subject,
                access=row.access,
                org=row.org,
                reason=row.reason,
                words=words,
                reported_at=row.reported_at,
                closed_at=row.closed_at,
                entry=row.entry,
            )
        )
    return found
