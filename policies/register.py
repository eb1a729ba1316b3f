"""The register of processing activities (GDPR Art. 30), read out of a catalogue: what is written is what decides. Pure.

One activity is one active exchange. Refuses to add anything the catalogue does not say: security measures and the
signatures under an arrangement are documents of their own, named by their references.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.catalogue import Catalogue
from policies.exchange_checks import processors
from policies.model import Exchange
from policies.tables import resolve
from policies.vocabulary import LANGUAGES

FORMAT = "passerelle-register/1"


def register(catalogue: Catalogue, *, org: str | None = None) -> dict[str, Any]:
    """The whole register, or the part an institution takes part in; ready for JSON."""
    exchanges = [each for _, each in sorted(catalogue.counted.items()) if org is None or org in _parties(each)]
    names = {name for each in exchanges for name in _parties(each)}
    purposes = sorted({each.purpose for each in exchanges})
    datasets = sorted({name.partition(".")[0] for each in exchanges for name in each.releases})
    return {
        "format": FORMAT,
        "catalogue": catalogue.digest,
        "organisation": org,
        "activities": [_activity(catalogue, each) for each in exchanges],
        "purposes": [_purpose(catalogue, name, exchanges) for name in purposes],
        "datasets": [_dataset(catalogue, name, exchanges) for name in datasets],
        "recipients": [_recipient(catalogue, name, exchanges) for name in sorted(names)],
        "agreements": _agreements(exchanges),
        "retention": [
            {"exchange": each.name, "recipients": list(each.recipients), **dict(each.retention)} for each in exchanges
        ],
    }


def rows(found: Mapping[str, Any], lang: str) -> Iterator[dict[str, str]]:
    """The activities as lines of a table, a field each, for those who keep registers in spreadsheets."""
    for each in found["activities"]:
        common = {
            "exchange": each["exchange"],
            "purpose": each["purpose"],
            "purpose_text": each["purpose_text"][lang],
            "controller": each["controller"],
            "source": each["source"],
            "recipients": " ".join(each["recipients"]),
            "basis": each["basis"],
            "legal_text": "; ".join(each["legal_texts"]),
            "objection": each["objection"] or "",
            "persons": " ".join(each["requires"]),
            "retention": f"{each['retention']['recipient']} {each['retention']['from']}",
            "storage": " ".join(each["processing"].get("storage", ())),
            "processors": " ".join(each["processing"].get("processors", ())),
            "dpia": each["dpia"] or "",
            "arrangement": each["arrangement"] or "",
        }
        for field in each["fields"]:
            yield {
                **common,
                "field": field["field"],
                "release": field["release"],
                "special": field["special"] or "",
                "explicit_consent": "yes" if field["explicit"] else "no",
            }


def _parties(exchange: Exchange) -> set[str]:
    return {exchange.controller, exchange.source, *exchange.recipients, *processors(exchange)}


def _activity(catalogue: Catalogue, exchange: Exchange) -> dict[str, Any]:
    purpose = catalogue.purposes[exchange.purpose]
    objections = {basis["objection"] for basis in exchange.bases if "objection" in basis}
    return {
        "exchange": exchange.name,
        "id": exchange.id,
        "purpose": exchange.purpose,
        "purpose_text": dict(purpose.sentence),
        "controller": exchange.controller,
        "source": exchange.source,
        "recipients": list(exchange.recipients),
        "basis": exchange.basis,
        "legal_texts": sorted(basis["ref"] for basis in exchange.bases),
        "objection": None if not objections else "allowed" if objections == {"allowed"} else "excluded",
        "requires": sorted(exchange.requires),
        "roles": sorted(exchange.roles),
        "assurance": exchange.assurance,
        "batch": exchange.batch,
        "frequency": f"{exchange.limit}/{exchange.unit}",
        "retention": dict(exchange.retention),
        "processing": dict(exchange.processing or {}),
        "dpia": exchange.dpia,
        "arrangement": exchange.arrangement,
        "starts": exchange.starts,
        "ends": exchange.ends,
        "fields": [_field(catalogue, exchange, name) for name in sorted(exchange.releases)],
    }


def _field(catalogue: Catalogue, exchange: Exchange, name: str) -> dict[str, Any]:
    release, field = exchange.releases[name], catalogue.vocabulary.fields[name]
    floor = catalogue.parties[exchange.source].floors.get(name)
    return {
        "field": name,
        "release": str(resolve(release.obligation, floor) or "never"),
        "special": release.special,
        "sensitive": field.sensitive,
        "explicit": release.explicit,
        "optional": name in exchange.optional,
    }


def _purpose(catalogue: Catalogue, name: str, exchanges: list[Exchange]) -> dict[str, Any]:
    purpose = catalogue.purposes[name]
    mine = [each for each in exchanges if each.purpose == name]
    return {
        "purpose": name,
        "type": purpose.type,
        "text": dict(purpose.sentence),
        "without": dict(purpose.without or dict.fromkeys(LANGUAGES, "")),
        "bases": sorted({each.basis for each in mine}),
        "exchanges": [each.name for each in mine],
    }


def _dataset(catalogue: Catalogue, name: str, exchanges: list[Exchange]) -> dict[str, Any]:
    fields = sorted({field for each in exchanges for field in each.releases if field.partition(".")[0] == name})
    known = [catalogue.vocabulary.fields[field] for field in fields]
    return {
        "dataset": name,
        "text": dict(catalogue.vocabulary.datasets[name].sentence),
        "fields": fields,
        "special": sorted({field.special for field in known if field.special}),
        "sensitive": any(field.sensitive for field in known),
        "sources": sorted({each.source for each in exchanges for field in fields if field in each.releases}),
        "recipients": sorted({to for each in exchanges for field in fields if field in each.releases
                              for to in each.recipients}),
    }  # fmt: skip


def _recipient(catalogue: Catalogue, name: str, exchanges: list[Exchange]) -> dict[str, Any]:
    party = catalogue.parties[name]
    parts = {
        "controller": [each.name for each in exchanges if each.controller == name],
        "source": [each.name for each in exchanges if each.source == name],
        "recipient": [each.name for each in exchanges if name in each.recipients],
        "processor": [each.name for each in exchanges if name in processors(each)],
    }
    return {
        "party": name,
        "siret": party.siret,
        "name": dict(party.name),
        "contact": dict(party.contact or {}),
        "roles": {role: found for role, found in parts.items() if found},
    }


def _agreements(exchanges: list[Exchange]) -> list[dict[str, Any]]:
    """Each arrangement (Art. 26) and impact assessment (Art. 35), with what rests on it."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in exchanges:
        for kind, reference in (("arrangement", each.arrangement), ("dpia", each.dpia)):
            if reference is not None:
                found.setdefault((kind, reference), []).append(each.name)
    return [{"kind": kind, "reference": ref, "exchanges": names} for (kind, ref), names in sorted(found.items())]
