"""Fictional people, asks and source settings; nobody here exists."""

from collections.abc import Mapping
from typing import Any

import orjson

from connectors.base import Ask, AskActor

NOW = 1_795_000_000_000  # a day of November 2026, in milliseconds
SIRET = "99910000000014"
AGENT = AskActor(id="agent-0042", family_name="Lévêque", given_name="Noémie")
BATCH = AskActor(id="nuit", family_name="rapprochement-nocturne", given_name="", kind="batch")

NIR = "299039910000193"
BIRTH = "1999-03-21"


AP_TOKEN = "jeton-de-recette"
AP = {
    "connector": "api_particulier",
    "base_url": "https://ap.example",
    "credentials": {"token": AP_TOKEN},
    "options": {"calls_per_second": 0},
}
FT = {
    "connector": "france_travail",
    "base_url": "https://ft.example/partenaire",
    "auth_url": "https://auth.ft.example",
    "credentials": {"client_id": "PAR_gateway", "client_secret": "tres-secret"},
    "options": {"scopes": "api_rechercher-usagerv2 rechercheusager"},
}
RDVI = {
    "connector": "rdv_insertion",
    "base_url": "https://rdvi.example",
    "auth_url": "https://rdvs.example",
    "credentials": {"email": "agent@departement.example", "password": "mot de passe"},
    "options": {"organisation": "990001"},
}


def pivot(**changes: Any) -> str:
    """The canonical text of a pivot identity."""
    identity = {
        "birth_country": "99100",
        "birth_date": BIRTH,
        "birth_place": "99001",
        "family_name": "BRUMAIRE",
        "given_names": ["HÉLÈNE", "Zoé"],
        "sex": "F",
        "usual_name": None,
    }
    return orjson.dumps(identity | changes, option=orjson.OPT_SORT_KEYS).decode()


def ask(*fields: str, actor: AskActor = AGENT, **identifiers: str) -> Ask:
    """An ask in the name of a fictional professional."""
    return Ask(fields=fields, identifiers=identifiers, actor=actor, recipient_siret=SIRET)


def with_options(config: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """The same settings with other options."""
    return {**config, "options": {**config["options"], **options}}


KNOWN = {"nir": NIR, "pivot": pivot()}
