"""The states of an authorisation, who may bring them about, and the record as the package reads it.

Names follow the Data Privacy Vocabulary's consent statuses; the record follows ISO/IEC TS 27560. `TRANSITIONS` is
the whole life cycle in one table: moves, documentation, tests and the model of promise P3 read it. What depends on
the clock (`expired`, `lapsed`) is computed when asked, never awaited.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from consent.guards import use_key
from consent.vault import SubjectId

_SETS = ("requested", "fields", "explicit")  # stored as blank-separated names, sorted
_DAY_MS = 86_400_000

LAPSE_MS = 7 * _DAY_MS
"""A request nobody answered is no longer one after seven days; "later" gives it seven more, once."""

COOL_OFF_MS = 90 * _DAY_MS
"""A refusal is not asked again for ninety days."""

KEPT_MS = 4 * 365 * _DAY_MS
"""How long an ended authorisation keeps its content: two years active, two archived (CASF R.263-8)."""

CONSENT = "consent"
PUBLIC_TASK = "public_task"
LEGAL_OBLIGATION = "legal_obligation"
BASES = frozenset({CONSENT, PUBLIC_TASK, LEGAL_OBLIGATION})

NONE = "none"
"""Before a record's first transition; never stored."""

VALID = frozenset({"given", "renewed", "active"})
"""The only states that let data leave."""

ENDED = frozenset({"refused", "withdrawn", "revoked", "expired", "invalidated", "lapsed", "superseded", "tombstoned"})
"""States nothing leaves; a new record may take the place of such a one. (An objection is not among them.)"""

TERMINAL = ENDED | {"upheld"}
"""States no record leaves, but to lose its content (`tombstoned`)."""

BARRING = frozenset({"upheld", "revoked"})
"""States after which no partner makes a line active again, also once the content is gone."""

LIVE = frozenset({"requested", "deferred", "given", "renewed", "paused", "active", "objection_lodged"})
"""The others: something may still happen to the record."""

KINDS = ("subject", "representative", "professional", "controller", "dpo", "authority", "operator", "clock", "policy")
CHANNELS = ("page", "link", "counter", "paper", "sms", "letter", "phone", "library", "system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """By what right somebody acts for the person, and how long: parent, guardian, aidant. `id` is opaque."""

    id: str
    capacity: str
    valid_from: int
    valid_until: int
    checked_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who acts and how: `kind` and `channel` are words of the journal, `actor` a tag, `method` how they signed in.

    `witness` is the tag of who else was present, `evidence` the SHA-256 of the paper, `confirmed` when the person
    confirmed by a second act (ms), `lang` the language of the page it was done on, where there was one.
    """

    kind: str
    channel: str
    actor: str | None = None
    method: str | None = None
    representative: Mandate | None = None
    witness: str | None = None
    evidence: str | None = None
    confirmed: int | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One transition. `to` is None when the state stays; `event` names the entry, None: that of the successor."""

    event: str | None
    of: frozenset[str]
    to: str | None
    kinds: frozenset[str]
    guard: str
    bases: frozenset[str] = frozenset({CONSENT})
    bump: bool = True


def _rule(event: str | None, of: str, to: str | None, kinds: str, guard: str, **more: Any) -> Rule:
    return Rule(event=event, of=words(of), to=to, kinds=words(kinds), guard=guard, **more)


def words(text: str) -> frozenset[str]:
    """A stored set of names."""
    return frozenset(text.split())


_PERSON = "subject representative"
_OTHERS = BASES - {CONSENT}
_STOPPABLE = "given renewed paused active objection_lodged"

TRANSITIONS: Mapping[str, Rule] = {
    "request": _rule("requested", NONE, "requested", "professional controller", "nothing_waits_or_stands", bump=False),
    "activate": _rule("activated", NONE, "active", "professional controller", "nothing_stands", bases=_OTHERS),
    "defer": _rule("deferred", "requested", "deferred", "subject", "once", bump=False),
    "remind": _rule("reminded", "deferred", None, "clock operator", "once", bump=False),
    "refuse": _rule("refused", "requested deferred", "refused", _PERSON, "still_waits", bump=False),
    "lapse": _rule("lapsed", "requested deferred", "lapsed", "clock", "due_has_passed", bump=False),
    "give": _rule("given", "requested deferred", "given", _PERSON, "within_what_was_asked"),
    "pause": _rule("paused", "given renewed", "paused", "subject dpo", "dpo_gives_a_reason"),
    "resume": _rule("resumed", "paused", "given", "subject dpo", "by_who_paused"),
    "narrow": _rule("narrowed", "given renewed", None, "subject policy", "strictly_less"),
    "renew": _rule("renewed", "given renewed", "renewed", "subject", "same_or_less"),
    "supersede": _rule(None, "given renewed active paused", "superseded", f"{_PERSON} professional controller",
                       "replaced", bases=BASES),
    "withdraw": _rule("withdrawn", "given renewed paused", "withdrawn", _PERSON, "none"),
    "expire": _rule("expired", "given renewed active paused", "expired", "clock", "over_or_spent", bases=BASES),
    "invalidate": _rule("invalidated", f"requested deferred {_STOPPABLE}", "invalidated", "dpo policy",
                        "reason_of_the_list", bases=BASES),
    "revoke": _rule("revoked", _STOPPABLE, "revoked", "controller authority", "reference", bases=BASES),
    "object_to": _rule("objection_lodged", "active", "objection_lodged", _PERSON, "open_to_objection",
                       bases=frozenset({PUBLIC_TASK})),
    "uphold": _rule("upheld", "objection_lodged", "upheld", "dpo", "none", bases=frozenset({PUBLIC_TASK}),
                    bump=False),
    "override": _rule("overridden", "objection_lodged", "active", "controller dpo", "grounds_and_both_sign",
                      bases=frozenset({PUBLIC_TASK})),
    "hold": _rule("held", " ".join(TERMINAL - {"tombstoned"}), None, "dpo", "not_held", bases=BASES, bump=False),
    "free": _rule("freed", " ".join(TERMINAL - {"tombstoned"}), None, "dpo", "held", bases=BASES, bump=False),
    "tombstone": _rule("tombstoned", " ".join(TERMINAL - {"tombstoned"}), "tombstoned", "operator clock",
                       "kept_long_enough", bases=BASES, bump=False),
}  # fmt: skip
"""Every transition there is, by the name of its method."""

REASONS: Mapping[str, frozenset[str]] = {
    "pause": words("incident complaint inquiry accuracy_disputed"),
    "invalidate": words(
        "purpose_retired exchange_retired notice_withdrawn notice_defective capacity_lost majority_reached"
    ),
}
"""Why somebody other than the person stops it: closed lists, so that nothing of a person is told here."""


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
    objection: bool = True
    """For a public task: whether the law leaves the right to object (GDPR 21; the catalogue's line says so)."""
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
    mandate: str | None = None
    lineage_id: str
    supersedes: str | None
    version: int
    requested_at: int
    decided_at: int | None
    changed_at: int
    due: int | None = None
    reminded_at: int | None = None
    held_at: int | None = None
    entry: int
    record: Mapping[str, Any]


def effective_state(record: Record, now: int) -> str:
    """The state once the clock and the number of uses are taken into account."""
    over = record.valid_until is not None and record.valid_until <= now
    if record.state in {"requested", "deferred"} and (over or record.due is None or record.due <= now):
        return "lapsed"
    if record.state in VALID or record.state == "paused":
        spent = record.max_uses is not None and record.uses >= record.max_uses
        return "expired" if over or spent else record.state
    return record.state


def read_record(row: sa.RowMapping, uses: Mapping[str, int]) -> Record:
    """From a row of `consent_authorisation` and the person's use counts."""
    columns = {name: row[name] for name in Record.__slots__ if name != "uses"}
    for name in _SETS:
        columns[name] = words(columns[name])
    return Record(**{**columns, "uses": uses.get(use_key(row["id"]), 0), "record": json.loads(row["record"])})


def write_record(record: Record) -> dict[str, Any]:
    """The columns of a record; its uses are counted elsewhere."""
    columns = {name: getattr(record, name) for name in record.__slots__ if name != "uses"}
    for name in _SETS:
        columns[name] = " ".join(sorted(columns[name]))
    return {**columns, "record": json.dumps(record.record, sort_keys=True)}
