"""What may be asked for, said to those who ask and to those who are asked.

Derived from the compiled tables only, so that what is described is what is decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from policies.model import Exchange
from policies.tables import Rule, Table

if TYPE_CHECKING:
    from policies.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFields:
    """What an authorisation for one (recipient, purpose) covers."""

    fields: frozenset[str]
    explicit: frozenset[str]
    sources: Mapping[str, tuple[str, ...]]


def request_fields(table: Table | None) -> RequestFields:
    """Give the fields that could leave, per source, and those that need explicit consent."""
    rules = [rule for _, rule in sorted(table.rules.items()) if rule.barred is None] if table else []
    sources: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        source = str(rule.permit.source)
        sources[source] = (*sources.get(source, ()), rule.field.name)
    return RequestFields(
        fields=frozenset(rule.field.name for rule in rules),
        explicit=frozenset(rule.field.name for rule in rules if rule.explicit),
        sources=sources,
    )


def describe(catalogue: "Catalogue", recipient: str) -> dict[str, Any]:
    """Describe all that one recipient may ask for, ready for JSON."""
    return {
        "recipient": recipient,
        "catalogue": catalogue.digest,
        "purposes": [
            {
                "purpose": purpose,
                "sentence": dict(catalogue.purposes[purpose].sentence),
                "basis": catalogue.basis_of(recipient, purpose),
                "exchanges": [
                    _exchange(catalogue, exchange, table=catalogue.tables[recipient, purpose])
                    for exchange in catalogue.active(recipient, purpose)
                ],
            }
            for purpose in catalogue.purposes_for(recipient)
        ],
    }


def _exchange(catalogue: "Catalogue", exchange: Exchange, *, table: Table) -> dict[str, Any]:
    source = catalogue.parties[exchange.source]
    rules = [table.rules[name] for name in sorted(exchange.releases)]
    datasets = sorted({rule.field.dataset for rule in rules})
    return {
        "exchange": exchange.name,
        "source": {"id": source.id, "siret": source.siret, "name": dict(source.name), "line": dict(source.line)},
        "bases": [dict(basis) for basis in exchange.bases],
        "frequency": {"limit": exchange.limit, "per": exchange.unit},
        "retention": dict(exchange.retention),
        "starts": exchange.starts,
        "ends": exchange.ends,
        "agents": {
            "roles": sorted(exchange.roles),
            "assurance": exchange.assurance,
            "batch": exchange.batch,
            "person": exchange.person,
        },
        "datasets": [
            {
                "dataset": dataset,
                "scope": f"data:{dataset}",
                "many": catalogue.vocabulary.datasets[dataset].many,
                "sentence": dict(catalogue.vocabulary.datasets[dataset].sentence),
                "fields": [_field(rule) for rule in rules if rule.field.dataset == dataset],
            }
            for dataset in datasets
        ],
    }


def _field(rule: Rule) -> dict[str, Any]:
    return {
        "field": rule.field.name,
        "type": rule.field.type.value,
        "release": "never" if rule.barred is not None else str(rule.obligation),
        "explicit_consent": rule.explicit,
        "special": rule.field.special,
    }
