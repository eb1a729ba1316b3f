"""The shared part of a consent record: what one line of the catalogue says to every person it is put to.

Structure and words of ISO/IEC TS 27560:2023 as the Data Privacy Vocabulary maps it (guide "consent-27560"), with the
terms of the Kantara receipt (purpose category, parties) and of the DEPA artefact (access mode, fetch type, frequency,
data life, filter). Terms are IRIs where the vocabulary has one. Derived from the compiled tables, so that what is
recorded is what is decided. Refuses nothing: checks.py has refused catalogues that leave something out.
"""

from typing import TYPE_CHECKING, Any

from policies.exchange_checks import processors
from policies.model import Exchange
from policies.tables import Rule

if TYPE_CHECKING:
    from policies.catalogue import Catalogue

DPV = "https://w3id.org/dpv#"
PD = "https://w3id.org/dpv/pd#"
GDPR = "https://w3id.org/dpv/legal/eu/gdpr#"

_SPACES = {"dpv": DPV, "pd": PD}
_BASIS = {"consent": "A6-1-a", "public_task": "A6-1-e", "legal_obligation": "A6-1-c"}
_OPERATIONS = {"consult": "Consult", "import": "Store", "notify": "Transmit"}
_FETCH = {"one_off": "SingularFrequency", "periodic": "SporadicFrequency"}
_UNITS = {"D": "DAY", "M": "MONTH", "Y": "YEAR"}


def iri(term: str) -> str:
    """Give the address of `dpv:…` or `pd:…`."""
    space, _, name = term.partition(":")
    return _SPACES[space] + name


def write(catalogue: "Catalogue", recipient: str, purpose: str) -> dict[str, Any]:
    """Give the terms of one (recipient, purpose) of the catalogue's tables."""
    exchanges = sorted(catalogue.active(recipient, purpose), key=lambda each: each.name)
    table, why = catalogue.tables[recipient, purpose], catalogue.purposes[purpose]
    rules = [(name, rule) for name, rule in sorted(table.rules.items()) if rule.barred is None]
    datasets = sorted({rule.field.dataset for _, rule in rules})
    notice = {key: value for key, value in catalogue.notice.items() if key not in {"withdrawal", "rights", "authority"}}
    return {
        "basis": _basis(exchanges),
        "notice": {**notice, "languages": ["en", "fr"]},
        "purpose": {
            "id": purpose,
            "type": iri(why.type or "dpv:Purpose"),
            "text": dict(why.sentence),
            "service": why.service,
        },
        "data_text": {name: dict(catalogue.vocabulary.datasets[name].sentence) for name in datasets},
        "data": [_field(rule, exchanges) for _, rule in rules],
        "processing": [_exchange(each) for each in exchanges],
        "parties": _parties(catalogue, recipient, exchanges),
        "control": {
            "withdrawal_method": catalogue.notice.get("withdrawal"),
            "consequences_text": why.without,
            "rights_notice": catalogue.notice.get("rights"),
            "authority": catalogue.notice.get("authority"),
        },
    }


def _basis(exchanges: list[Exchange]) -> dict[str, Any]:
    kind = exchanges[0].basis
    texts = sorted({basis["ref"] for exchange in exchanges for basis in exchange.bases})
    objections = {basis.get("objection") for exchange in exchanges for basis in exchange.bases} - {None}
    # one exchange that excludes objecting does not close it for the others
    objection = None if not objections else "allowed" if "allowed" in objections else "excluded"
    return {"id": kind, "type": GDPR + _BASIS[kind], "legal_text_ref": texts, "objection": objection}


def _field(rule: Rule, exchanges: list[Exchange]) -> dict[str, Any]:
    name = rule.field.name
    exchange = next(each for each in exchanges if name in each.releases)
    release = exchange.releases[name]
    special, sensitive = rule.field.special is not None, rule.field.sensitive
    kind = "SpecialCategoryPersonalData" if special else "SensitivePersonalData" if sensitive else "PersonalData"
    return {
        "field_id": name,
        "data_category": iri(rule.field.category or "dpv:PersonalData"),
        "source_institution": exchange.source,
        "exchange": exchange.name,
        "necessity": DPV + ("Optional" if name in exchange.optional else "Required"),
        "sensitivity": DPV + kind,
        "special_category": None if release.special is None else f"{GDPR}A{release.special}",
        "explicit_consent": rule.explicit,
        "transformation_floor": str(rule.obligation),
        "data_filter": _filter(str(rule.obligation)),
    }


def _filter(obligation: str) -> dict[str, str] | None:
    """A question put to the source's value stands as what DEPA calls a filter."""
    kind, *rest = obligation.split(":")
    return {"operator": rest[0], "value": rest[1]} if kind == "predicate" else None


def _exchange(exchange: Exchange) -> dict[str, Any]:
    how = exchange.processing or {}
    period = exchange.retention["recipient"]
    return {
        "exchange": exchange.name,
        "source": exchange.source,
        "operations": [DPV + _OPERATIONS[each] for each in sorted(how.get("operations", ()))],
        "access_mode": how.get("access"),
        "fetch_type": {"id": how["fetch"], "type": DPV + _FETCH[how["fetch"]]} if how else None,
        "frequency": {"unit": exchange.unit.upper(), "value": exchange.limit},
        "storage_location": sorted(how.get("storage", ())),
        "processing_location": sorted(how.get("location", ())),
        "geo_restriction": how.get("within"),
        "retention": {
            "data_life": {"unit": _UNITS[period[-1]], "value": int(period[1:-1])},
            "from": exchange.retention["from"],
        },
        "automated_decision": how.get("automated"),
        "dpia_ref": exchange.dpia,
        "arrangement_ref": exchange.arrangement,
        "codes_of_conduct": sorted(how.get("codes", ())),
    }


def _parties(catalogue: "Catalogue", recipient: str, exchanges: list[Exchange]) -> dict[str, Any]:
    roles = {
        "controllers": sorted({each.controller for each in exchanges}),
        "sources": sorted({each.source for each in exchanges}),
        "recipients": [recipient],
        "processors": sorted({name for each in exchanges for name in processors(each)}),
    }
    known = {name: catalogue.parties[name] for names in roles.values() for name in names}
    return {
        **roles,
        "known": {
            name: {
                "siret": party.siret,
                "name": dict(party.name),
                "line": dict(party.line),
                **(party.contact or {}),
            }
            for name, party in known.items()
        },
    }
