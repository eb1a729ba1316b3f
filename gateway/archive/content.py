"""All that is known of a person, for that person: one content, whatever it is rendered as (GDPR 15, 20).

The entries of the journal, each in words; authorisations with their history and receipts; who was given what; requests
under GDPR 15 to 21; what the gateway itself holds; how long; how it is decided. `docs/reference/archive.md` describes
it, `schema.json` binds it. No value of a source is in it: the gateway holds none. The portable part holds what rests on
consent, nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from audit import jws
from audit.canonical import Json, loads
from audit.person_list import read_entries
from consent.held import Held, read_held
from consent.models import subject as people
from consent.proof import write_proof
from consent.recipients import recipients_of
from consent.rights import RightsRequest
from consent.states import Record, effective_state
from consent.vault import SubjectId
from gateway.answer import instant
from gateway.archive.told import LANGS, PERSONAL, Teller, who, withheld
from gateway.records import kept
from gateway.services import Services
from policies.catalogue import Catalogue
from policies.reasons import public_of

FORMAT = "passerelle-archive/1"
PORTABLE = frozenset({"consent", "explicit_consent"})


async def collect(
    services: Services, subject: SubjectId, *, reader: dict[str, Json], months: int, now: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the archive and the proof it rests on. That it was read becomes its last entry.

    To who reads it under a mandate it says neither the person's situation nor what tells it, as on their pages.
    """
    helped = reader.get("by") == "representative"
    key = await services.vault.open(subject)
    proof = await write_proof(
        subject, store=services.store, journal=services.journal, vault=services.vault, log=services.log,
        vkeys=services.keys.log.vkeys, reader=reader, what="archive", now=now,
    )  # fmt: skip
    count = people.select().with_only_columns(people.c.counter).where(people.c.id == subject)

    def read(connection: Any) -> tuple[Held, int, Sequence[Any]]:
        size = connection.execute(count).scalar_one()
        return read_held(connection, subject, key), size, read_entries(connection, key.journal, range(size))

    held, size, rows = await services.store.read(read)
    records = await services.authorisations.authorisations_of(subject)
    asked = await services.rights.of(subject)
    teller = Teller(services.catalogue)
    keys = [jws.jwk(vkey) for vkey in services.keys.receipt.vkeys]
    proved = {line["number"] for line in proof["entries"]}
    numbers = {key.tag(number): number for number in range(size)}
    entries = []
    for row in rows:
        entry: dict[str, Any] = loads(row.leaf)  # type: ignore[assignment]  # an entry is an object
        if helped and entry["type"] in PERSONAL:
            continue
        if helped and "denials" in entry:
            entry["denials"] = _heard(entry["denials"])
        seal = None if helped or row.sealed is None else key.journal.unseal(row.sealed, entry["ref"])
        number = numbers[row.subject]
        place = {"number": number, "position": row.index, "proved": number in proved}
        entries.append({**place, **_entry(entry, seal, teller)})
    _place(entries, teller)
    content = {
        "format": FORMAT,
        "kind": "access",
        "made_at": instant(now),
        "gateway": {"address": services.base_url, "log": services.journal.origin, "receipt_keys": keys},
        "person": _person(replace(held, flags=frozenset()) if helped else held),
        "authorisations": [
            {**_authorisation(each, now=now), **await _signed(services, each, now=now)} for each in records
        ],
        "entries": entries,
        "recipients": _recipients(teller, entries),
        "rights": [_right(each, now=now) for each in asked],
        "retention": _retention(services.catalogue, entries, records, months=months),
        "logic": {"automated_decision": False, "profiling": False, "catalogue": services.catalogue.digest},
    }
    return content, proof


def portable(content: Mapping[str, Any]) -> dict[str, Any]:
    """What rests on consent: those authorisations, and the entries under them."""
    records = [each for each in content["authorisations"] if each["basis"] in PORTABLE]
    ids = {each["id"] for each in records}
    entries = [each for each in content["entries"] if each["authorisation"] in ids]
    common = {name: content[name] for name in ("format", "made_at", "gateway")}
    return {**common, "kind": "portability", "authorisations": records, "entries": entries}


def _entry(entry: Mapping[str, Any], seal: bytes | None, teller: Teller) -> dict[str, Any]:
    hidden = withheld(seal) or _by_field(entry.get("withheld") or entry.get("denials") or {})
    return {
        "at": instant(entry["time"]),
        "sentence": {lang: teller.sentence(entry, lang) for lang in LANGS},
        "who": {lang: who(entry, lang) for lang in LANGS},
        "fields": sorted(entry.get("commits") or entry.get("fields") or _permitted(entry)),
        "withheld": dict(sorted(hidden.items())),
        "entry": entry,
    }


def _place(entries: Sequence[dict[str, Any]], teller: Teller) -> None:
    """What a release owes to its decision, which has the same reference: by what right, and from where each field."""
    decided = {each["entry"]["ref"]: each["entry"] for each in entries if "decision" in each["entry"]}
    for each in entries:
        by = decided.get(each["entry"].get("ref"), each["entry"])
        each |= {name: by.get(name) for name in ("authorisation", "basis")}
        if each["entry"]["type"].startswith("exchange."):
            known = by.get("permits", {})
            each["from"] = {field: source for field in each["fields"] if (source := teller.source(field, known))}


def _person(held: Held) -> dict[str, Any]:
    return {
        "known_since": instant(held.known_since),
        "flags": sorted(held.flags),
        "names_at_partners": held.pseudonyms,
        "identifiers": [
            {**asdict(each), "by": list(each.by), "since": instant(each.since)} for each in held.identifiers
        ],
    }


def _authorisation(record: Record, *, now: int) -> dict[str, Any]:
    return {
        "id": record.id,
        "state": effective_state(record, now),
        "recipient": record.recipient,
        "purpose": record.purpose,
        "basis": record.basis,
        "sources": record.record.get("sources", []),
        "asked_for": sorted(record.requested),
        "given": sorted(record.fields),
        "given_separately": sorted(record.explicit),
        "valid_from": instant(record.valid_from),
        "valid_until": None if record.valid_until is None else instant(record.valid_until),
        "uses": record.uses,
        "max_uses": record.max_uses,
        "notice": record.notice,
        "catalogue": record.catalogue,
        "replaces": record.supersedes,
        "history": [{**each, "time": instant(each["time"])} for each in record.record.get("events", [])],
    }


async def _signed(services: Services, record: Record, *, now: int) -> dict[str, Any]:
    """The record as it was frozen (ISO/IEC TS 27560), its digest and the signed receipt; nothing of a tombstone."""
    found = await kept(services, record, (record.uses, None), now=now)
    return {name: found.get(name) for name in ("record", "record_digest", "receipt")}


def _recipients(teller: Teller, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    lines = [(each["position"], each["entry"]) for each in entries]
    found = []
    for org in sorted(recipients_of(lines)):
        mine = [e for e in entries if e["entry"]["type"] == "exchange.released" and e["entry"]["org"] == org]
        known = teller.catalogue.parties.get(org)
        party = {} if known is None else {"siret": known.siret, "name": dict(known.name), "line": dict(known.line)}
        fields = sorted({field for each in mine for field in each["fields"]})
        found.append({"id": org, **party, "fields": fields, "times": len(mine), "last": mine[-1]["at"]})
    return found


def _right(found: RightsRequest, *, now: int) -> dict[str, Any]:
    moments = {name: getattr(found, name) for name in ("received_at", "due", "sent_at", "answered_at", "ended_at")}
    return {
        "id": found.id,
        "right": found.right,
        "state": found.state,
        "overdue": found.overdue(now),
        "reason": found.reason,
        "extended": found.extended,
        "fields": sorted(found.fields),
        "source": found.source,
        "authorisation": found.authorisation,
        **{name: None if at is None else instant(at) for name, at in moments.items()},
    }


def _retention(
    catalogue: Catalogue, entries: Sequence[Mapping[str, Any]], records: Sequence[Record], *, months: int
) -> dict[str, Any]:
    asked = {(each.recipient, each.purpose) for each in records}
    asked |= {(each["entry"]["org"], each["entry"]["purpose"]) for each in entries if "ref" in each["entry"]}
    lines = [(org, each) for org, purpose in sorted(asked) for each in catalogue.active(org, purpose)]
    return {
        "values": "none",
        "journal_months": months,
        "recipients": [
            {"recipient": org, "purpose": each.purpose, "source": each.source, "law": [b["ref"] for b in each.bases],
             "period": each.retention["recipient"], "from": each.retention["from"]}
            for org, each in lines
        ],
    }  # fmt: skip


def _by_field(reasons: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {field: reason for reason, fields in reasons.items() for field in fields}


def _heard(denials: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code, fields in denials.items():
        told = public_of(code)
        found[told] = sorted([*found.get(told, ()), *fields])
    return found


def _permitted(entry: Mapping[str, Any]) -> set[str]:
    return {field for fields in entry.get("permits", {}).values() for field in fields}
