"""Use cases on the record of an authorisation: what its recipient reads, the receipt, and all of a person's for them.

Refuses the recipient what is the person's alone (`consent/history.py`, `record_27560.for_recipient`).
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import jws
from audit.canonical import Json, loads
from audit.journal import Draft
from audit.person_list import read_entries
from consent import history
from consent.guards import SubjectRef
from consent.models import subject as people
from consent.receipt import issue
from consent.record_27560 import Whole, for_recipient, state_iri
from consent.requests import told
from consent.states import Record, effective_state
from consent.vault import SubjectId, SubjectKey
from gateway.services import Services

FORMAT = "passerelle-authorisations/1"


async def shown(services: Services, record: Record, *, now: int) -> dict[str, Any]:
    """What the recipient reads."""
    whole = await services.freezer.read(services.store, record)
    return {
        "id": record.id,
        "answer": told(record, now),
        "status": history.public(record, now),
        "use_count": record.uses if record.max_uses is not None else None,
        "record": for_recipient(whole.content),
        "record_digest": whole.digest,
    }


async def receipt(services: Services, record: Record, *, now: int) -> str:
    """The signed receipt; raises `NothingGiven`."""
    return _receipt(services, record, await services.freezer.read(services.store, record), now=now)


async def export(services: Services, subject: SubjectId, *, reader: Mapping[str, Json], now: int) -> dict[str, Any]:
    """All of a person's authorisations, whole, with receipts and uses, for that person. That it was read is noted."""
    key = await services.vault.open(subject)
    members = {**reader, "what": "archive"}
    await services.journal.append(Draft(type="log.read", members=members, time=now, subject=SubjectRef(subject, key)))
    records = await services.authorisations.authorisations_of(subject)
    uses = await services.store.read(lambda connection: _uses(connection, subject, key))
    return {
        "format": FORMAT,
        "made_at": now,
        "issuer": services.base_url,
        "keys": [jws.jwk(vkey) for vkey in services.keys.receipt.vkeys],
        "authorisations": [await kept(services, each, uses.get(each.id, (0, None)), now=now) for each in records],
    }


async def kept(services: Services, record: Record, used: tuple[int, int | None], *, now: int) -> dict[str, Any]:
    """One of them. Of a tombstone nothing but its state is left."""
    state = effective_state(record, now)
    found = {"id": record.id, "state": {"id": state, "type": state_iri(state)}}
    if state == "tombstoned":
        return found
    whole = await services.freezer.read(services.store, record)
    return {
        **found,
        "record": whole.content,
        "record_digest": whole.digest,
        "receipt": None if whole.digest is None else _receipt(services, record, whole, now=now),
        "in_force": {"fields": sorted(record.fields), "valid_until": record.valid_until},
        "history": record.record["events"],
        "use_count": used[0],
        "last_use": used[1],
    }


def _receipt(services: Services, record: Record, whole: Whole, *, now: int) -> str:
    return issue(record, whole, issuer=services.base_url, signer=services.keys.receipt.newest, now=now)


def _uses(connection: Connection, subject: SubjectId, key: SubjectKey) -> dict[str, tuple[int, int]]:
    """How often data left under each authorisation, and when last: from the journal, which cannot forget one."""
    count = connection.execute(sa.select(people.c.counter).where(people.c.id == subject)).scalar_one()
    under: dict[str, str] = {}  # the exchange, to what it was decided on
    found: dict[str, tuple[int, int]] = {}
    for row in read_entries(connection, key.journal, range(count)):
        entry: Any = loads(row.leaf)
        if entry["type"] == "exchange.decided" and "authorisation" in entry:
            under[entry["ref"]] = entry["authorisation"]
        elif entry["type"] == "exchange.released" and entry["ref"] in under:
            times, last = found.get(under[entry["ref"]], (0, 0))
            found[under[entry["ref"]]] = (times + 1, max(last, entry["time"]))
    return found
