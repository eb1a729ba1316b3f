"""What an erasure did, told to the person and the DPO: only what was looked at now, or acknowledged by who did it.

Answers for three parts: here, looked up at this moment; elsewhere, institution by institution, from the acknowledged
signals; what remains, until when, and why (GDPR 17-3). Refuses to call erased what nobody has confirmed: an
acknowledgement says that the request was received, and is told as that.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.person_key import PersonKey
from consent import wiping
from consent.erasure import Erasure
from consent.errors import SubjectErased
from consent.models import subject_key
from consent.recipients import Lines, entries_of, recipients_of
from gateway.answer import instant
from gateway.erasures import opened
from gateway.services import Clock, Services, wall_clock
from gateway.settings import Settings
from gateway.signals.outbox import erasure_notices

FORMAT = "passerelle-erasure-report/1"


async def report(settings: Settings, id_: str, *, clock: Clock = wall_clock) -> dict[str, Any]:
    """The report of one erasure as things stand."""
    async with opened(settings, clock=clock) as (services, erasures):
        found = await erasures.get(id_)
        key: PersonKey | None
        lines: Lines
        try:
            key = await services.vault.journal_key(found.subject)
            lines = await entries_of(found.subject, store=services.store, vault=services.vault)
        except SubjectErased:
            key, lines = None, ()
        rows = await services.store.read(lambda connection: wiping.left(connection, found.subject, key))
        keys = sa.select(subject_key.c.scope).where(subject_key.c.subject == found.subject)
        scope = await services.key_store.read(lambda connection: connection.execute(keys).scalar())
        return {
            "format": FORMAT,
            "erasure": found.id,
            "state": found.state,
            "made_at": instant(services.clock()),
            "here": _here(found, rows, scope),
            "elsewhere": await _elsewhere(services, found, lines),
            "remains": _remains(found, rows, scope, months=settings.retention_months),
        }


def _here(found: Erasure, rows: Mapping[str, int], scope: str | None) -> dict[str, Any]:
    """What was looked at, and what is not there any more."""
    done = found.executed_at is not None
    return {
        "executed_at": instant(found.executed_at) if found.executed_at is not None else None,
        "destroyed": sorted(name for name, count in rows.items() if done and count == 0),
        "key": "whole" if scope == "whole" else ("finds_entries_only" if scope else "destroyed"),
        "not_looked_at": ["backups_made_elsewhere", "database_logs_and_snapshots"],
    }


async def _elsewhere(services: Services, found: Erasure, lines: Lines) -> list[dict[str, Any]]:
    """Each institution that had a part, as far as entries are still found: was it told, did it acknowledge?"""
    given = recipients_of(lines)
    sources = {str(source) for _, entry in lines for source in entry.get("sources", ())}

    def read(connection: Connection) -> dict[str, Any]:
        return {each.partner: each for each in erasure_notices(connection, found.subject)}

    notices = await services.store.read(read)
    told = []
    for org in sorted(given | sources | notices.keys()):
        notice = notices.get(org)
        acknowledged = notice.acknowledged_at if notice else None
        told.append(
            {
                "institution": org,
                "was_given_data": org in given,
                "told_at": instant(notice.told_at) if notice else None,
                "acknowledged_at": instant(acknowledged) if acknowledged is not None else None,
                "status": "acknowledged"
                if acknowledged is not None
                else ("not_acknowledged" if notice else "not_told"),
                "erased_there": "unknown",
            }
        )
    return told


def _remains(found: Erasure, rows: Mapping[str, int], scope: str | None, *, months: int) -> list[dict[str, Any]]:
    """What is still there, why, and until when."""
    remains: list[dict[str, Any]] = [
        {"what": "journal_entries_without_values", "law": "GDPR 17-3-b", "until": f"P{months}M"},
        {"what": "opaque_id_and_count", "law": "GDPR 17-3-b", "until": None},
    ]
    until = None if found.forget_at is None else instant(found.forget_at)
    if scope is not None:
        remains.append({"what": "key_that_finds_entries", "law": "GDPR 17-3-b", "until": until})
    still = sorted(name for name, count in rows.items() if count)
    remains += [{"what": name, "law": "GDPR 17-3-b" if found.executed_at else None, "until": until} for name in still]
    return remains
