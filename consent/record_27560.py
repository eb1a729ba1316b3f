"""The whole record of an authorisation: what the person decided, with what the catalogue said then. Pure.

Structure of ISO/IEC TS 27560:2023 (header, processing, parties, event), words of the Data Privacy Vocabulary as its
guide maps them, with what the GDPR column of that guide requires. `own` is a person's part, stored with the person;
`terms` are shared (`policies/terms.py`); `whole` joins them, always to the same bytes. Refuses to hold an identifier:
the person is the pseudonym the recipient knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.canonical import Json
from consent.states import CONSENT, Mandate, Record

SCHEMA = "iso-27560/passerelle-1"

DPV = "https://w3id.org/dpv#"
GDPR = "https://w3id.org/dpv/legal/eu/gdpr#"

STATES: Mapping[str, str] = {
    "requested": "ConsentRequested",
    "deferred": "ConsentRequestDeferred",
    "refused": "ConsentRefused",
    "given": "ConsentGiven",
    "renewed": "RenewedConsentGiven",
    "withdrawn": "ConsentWithdrawn",
    "revoked": "ConsentRevoked",
    "expired": "ConsentExpired",
    "invalidated": "ConsentInvalidated",
}
"""The vocabulary's consent statuses; other states (pause, objection, a lapsed request) are ours and have none."""

FREE_TEXT = frozenset({"text", "service", "line", "logic", "consequence", "otherwise", "consequences_text",
                       "rights_notice"})  # fmt: skip
"""Members a receipt leaves out: sentences for people, bound by the notice's digest."""

HELD_BACK = frozenset({"representative", "witness", "evidence", "confirmed"})
"""Members nobody but the person reads: that somebody acts for them, and who stood by, is not for the recipient.

See `for_recipient`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the journal holds the entry: of which log, at which index, with which leaf hash (RFC 6962)."""

    origin: str
    index: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A record put together. Without `digest` nothing was given (yet): it shows what is asked."""

    content: Mapping[str, Any]
    subject_ref: str
    digest: str | None
    place: Place | None


def own(record: Record, *, mandate: Mandate | None = None) -> dict[str, Json]:
    """Give the person's part of a record just given or activated; its last event says how."""
    events = record.record["events"]
    asked, given = events[0], events[-1]
    return {
        "schema_version": SCHEMA,
        "record_id": record.id,
        "lineage_id": record.lineage_id,
        "supersedes": record.supersedes,
        "version": record.version,
        "catalogue": record.catalogue,
        "notice_digest": record.notice,
        "language": given.get("lang"),
        "fields": sorted(record.fields),
        "explicit": sorted(record.explicit),
        "max_uses": record.max_uses,
        "agent": _agent(asked, record.record.get("details", {})),
        "representative": None if mandate is None else _representative(mandate),
        "event": _event(record, given),
    }


def _agent(asked: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Json] | None:
    """Who asked, when it was a professional."""
    if asked["by"] != "professional":
        return None
    return {"agent_ref": asked.get("actor"), "role": details.get("agent_role")}


def _representative(mandate: Mandate) -> dict[str, Json]:
    return {"capacity": mandate.capacity, "mandate_ref": mandate.id, "checked_at": mandate.checked_at}


def _event(record: Record, given: Mapping[str, Any]) -> dict[str, Json]:
    return {
        "event_type": _event_type(record),
        "event_state": {"id": record.state, "type": state_iri(record.state)},
        "event_time": given["time"],
        "validity": {"from": record.valid_from, "until": record.valid_until},
        "entity_id": {"kind": given["by"], "ref": given.get("actor")},
        "channel": given["channel"],
        "method": given.get("method"),
        "witness": given.get("witness"),
        "evidence": given.get("evidence"),
        "confirmed": given.get("confirmed"),
    }


def _event_type(record: Record) -> str:
    if record.basis != CONSENT:
        return DPV + ("PublicInterest" if record.basis == "public_task" else "LegalObligation")
    return DPV + ("ExplicitlyExpressedConsent" if record.explicit else "ExpressedConsent")


def state_iri(state: str) -> str | None:
    """Give the vocabulary's address of a state, None for those that are ours alone."""
    name = STATES.get(state)
    return None if name is None else DPV + name


def whole(own: Mapping[str, Any], terms: Mapping[str, Any], *, subject_ref: str) -> dict[str, Json]:
    """Join a person's part and the terms; `subject_ref` is the pseudonym of the recipient."""
    notice, until = terms["notice"], own["event"]["validity"]["until"]
    return {
        "header": {
            **{name: own[name] for name in ("schema_version", "record_id", "lineage_id", "supersedes", "version")},
            "subject_ref": subject_ref,
            "basis": terms["basis"],
            "catalogue": own["catalogue"],
        },
        "notice": {
            "notice_ref": notice["id"],
            "notice_version": notice["version"],
            "notice_digest": own["notice_digest"],
            "rendering_template": notice["template"],
            "language": own["language"],
            "languages": notice["languages"],
            "reading_level": notice["reading_level"],
            "accessibility_mode": notice["accessibility"],
            "text": {lang: sentences(terms, own["fields"], lang) for lang in notice["languages"]},
        },
        "purpose": {
            "purpose_id": terms["purpose"]["id"],
            "purpose_type": terms["purpose"]["type"],
            "text": terms["purpose"]["text"],
            "service": terms["purpose"]["service"],
        },
        "data": _data(own, terms),
        "data_range": {"from": None, "to": until},  # the catalogue cuts by no date: what stands at each use, to the end
        "processing": _processing(own, terms),
        "parties": _parties(terms["parties"]),
        "agent": own["agent"],
        "representative": own["representative"],
        "control": terms["control"],
        "event": own["event"],
    }


def sentences(terms: Mapping[str, Any], fields: list[str], lang: str) -> list[str]:
    """Give what the person read: why, then a sentence per dataset."""
    datasets = sorted({name.partition(".")[0] for name in fields})
    return [terms["purpose"]["text"][lang], *(terms["data_text"][name][lang] for name in datasets)]


def _data(own: Mapping[str, Any], terms: Mapping[str, Any]) -> list[Json]:
    given = set(own["fields"])
    return [
        {**field, "explicitly_given": field["field_id"] in own["explicit"]}
        for field in terms["data"]
        if field["field_id"] in given
    ]


def _processing(own: Mapping[str, Any], terms: Mapping[str, Any]) -> list[Json]:
    """The exchanges that serve a field that was given, each with the limit of uses they share."""
    used = {field["exchange"] for field in terms["data"] if field["field_id"] in own["fields"]}
    return [
        {**each, "frequency": {**each["frequency"], "max_uses": own["max_uses"]}}
        for each in terms["processing"]
        if each["exchange"] in used
    ]


def _parties(parties: Mapping[str, Any]) -> dict[str, Json]:
    return {
        role: [{"id": name, **parties["known"][name]} for name in parties[role]]
        for role in ("controllers", "sources", "recipients", "processors")
    }


def for_recipient(content: Mapping[str, Any], *, also: frozenset[str] = frozenset()) -> dict[str, Json]:
    """What the recipient reads of a whole record: whoever acted, it was the person. `also` is left out too."""
    shown: dict[str, Any] = without(content, HELD_BACK | also)
    who = shown["event"]["entity_id"]
    who["kind"] = "subject" if who["kind"] == "representative" else who["kind"]
    return shown


def without(content: Any, names: frozenset[str]) -> Any:
    """Leave members out, wherever they stand."""
    if isinstance(content, Mapping):
        return {key: without(value, names) for key, value in content.items() if key not in names}
    if isinstance(content, list):
        return [without(value, names) for value in content]
    return content
