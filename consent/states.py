"""The states of an authorisation, who may bring them about, and the record as the package reads it.

Names follow the Data Privacy Vocabulary's consent statuses; the record follows ISO/IEC TS 27560. Of the whole
life cycle the transitions needed today are here; the tables already hold the others. What depends on the clock
(`expired`, `lapsed`) is computed when asked, never awaited.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from consent.guards import use_key
from consent.vault import SubjectId

_SETS = ("requested", "fields", "explicit")  # stored as blank-separated names, sorted

LAPSE_MS = 7 * 86_400_000
"""A request nobody answered is no longer one after seven days."""

COOL_OFF_MS = 90 * 86_400_000
"""A refusal is not asked again for ninety days."""

CONSENT = "consent"
PUBLIC_TASK = "public_task"
LEGAL_OBLIGATION = "legal_obligation"
BASES = frozenset({CONSENT, PUBLIC_TASK, LEGAL_OBLIGATION})

VALID = frozenset({"given", "renewed", "active"})
"""The only states that let data leave."""

ENDED = frozenset({"refused", "withdrawn", "revoked", "expired", "invalidated", "lapsed", "superseded", "tombstoned"})
"""States nothing leaves; a new record may take the place of such a one. (An objection is not among them.)"""

ENTITLED: Mapping[str, frozenset[str]] = {
    "request": frozenset({"professional", "controller"}),
    "give": frozenset({"subject", "representative"}),
    "refuse": frozenset({"subject", "representative"}),
    "withdraw": frozenset({"subject", "representative"}),
    "object_to": frozenset({"subject", "representative"}),
    "expire": frozenset({"clock"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who acts and how: `kind` and `channel` are words of the journal, `actor` a tag, `method` how they signed in."""

    kind: str
    channel: str
    actor: str | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for. `details` is the rest of the ISO 27560 record known now: texts shown, parties, references."""

    recipient: str
    purpose: str
    basis: str
    fields: frozenset[str]
    catalogue: str
    valid_until: int | None = None
    max_uses: int | None = None
    notice: str | None = None
    siret: str | None = None
    sources: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One authorisation as stored. `state` is the stored one: ask `effective_state` before relying on it."""

    id: str
    subject: SubjectId
    recipient: str
    purpose: str
    slot: str | None
    basis: str
    state: str
    requested: frozenset[str]
    fields: frozenset[str]
    explicit: frozenset[str]
    valid_from: int
    valid_until: int | None
    max_uses: int | None
    uses: int = field(compare=False)
    catalogue: str
    notice: str | None
    channel: str | None
    method: str | None
    lineage_id: str
    supersedes: str | None
    version: int
    requested_at: int
    decided_at: int | None
    changed_at: int
    entry: int
    record: Mapping[str, Any]


def effective_state(record: Record, now: int) -> str:
    """The state once the clock and the number of uses are taken into account."""
    over = record.valid_until is not None and record.valid_until <= now
    if record.state == "requested" and (over or record.requested_at + LAPSE_MS <= now):
        return "lapsed"
    if record.state in VALID:
        spent = record.max_uses is not None and record.uses >= record.max_uses
        return "expired" if over or spent else record.state
    return record.state


def read_record(row: sa.RowMapping, uses: Mapping[str, int]) -> Record:
    """From a row of `consent_authorisation` and the person's use counts."""
    columns = dict(row)
    for name in _SETS:
        columns[name] = words(columns[name])
    return Record(**{**columns, "uses": uses.get(use_key(row["id"]), 0), "record": json.loads(row["record"])})


def write_record(record: Record) -> dict[str, Any]:
    """The columns of a record; its uses are counted elsewhere."""
    columns = {name: getattr(record, name) for name in record.__slots__ if name != "uses"}
    for name in _SETS:
        columns[name] = " ".join(sorted(columns[name]))
    return {**columns, "record": json.dumps(record.record, sort_keys=True)}


def words(text: str) -> frozenset[str]:
    """A stored set of names."""
    return frozenset(text.split())
