"""What API Particulier v3 says: the data of a person, and the published error bodies.

Answers for the JSON documents only. The shapes are those of the published OpenAPI description; codes, titles and
details of errors are the published ones, because integrators compare and show them (api_particulier_errors.yaml).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from connectors.sandbox.asgi import Answer, Headers, encode, reply
from connectors.sandbox.people import Person

HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource: whose data it is, which scope opens each member, how long it is cached."""

    path: str
    call: str
    provider: str
    scopes: Mapping[str, str]
    ttl: int


def _benefit(path: str, call: str, *extra: str, bonus: str | None = None) -> Resource:
    scopes = dict.fromkeys(("est_beneficiaire", *extra, "date_debut_droit"), path)
    if bonus:
        scopes[bonus] = f"{path}_majoration"
    return Resource(path=path, call=call, provider="37", scopes=scopes, ttl=HOUR)


DSS = (
    _benefit("revenu_solidarite_active", "rsa", "avec_majoration", bonus="avec_majoration"),
    _benefit("prime_activite", "prime_activite", "avec_majoration", bonus="avec_majoration"),
    _benefit("allocation_adulte_handicape", "aah"),
    _benefit("allocation_soutien_familial", "asf"),
    _benefit("complementaire_sante_solidaire", "c2s", "avec_participation"),
    Resource(
        path="quotient_familial",
        call="quotient_familial",
        provider="37",
        scopes={
            "allocataires": "cnaf_allocataires",
            "enfants": "cnaf_enfants",
            "adresse": "cnaf_adresse",
            "quotient_familial": "cnaf_quotient_familial",
        },
        ttl=DAY,
    ),
)
FRANCE_TRAVAIL = tuple(
    Resource(
        path=path, call="job_seeker", provider="24", scopes=dict.fromkeys(members, f"france_travail_{path}"), ttl=0
    )
    for path, members in {
        "statut": ("identifiant", "identite", "contact", "adresse", "inscription"),
        "indemnites": ("identifiant", "paiements"),
    }.items()
)

CATEGORIES = {
    1: "PERSONNE SANS EMPLOI DISPONIBLE DUREE INDETERMINEE PLEIN TPS",
    2: "PERSONNE SANS EMPLOI DISPONIBLE DUREE INDETERMINEE PARTIEL",
    3: "PERSONNE SANS EMPLOI DISPONIBLE DUREE DETERMINEE OU SAISON",
    4: "PERSONNE SANS EMPLOI NON DISPONIBLE IMMEDIATEMENT",
    5: "PERSONNE POURVUE D'UN EMPLOI A LA RECHERCHE D'UN AUTRE",
}


def document(person: Person, resource: Resource, *, month: tuple[int, int]) -> dict[str, Any] | None:
    """The `data` member of an answer, or None when the institution has no file for it."""
    data = person.standings["caf-brume"].data
    facts = data.get(resource.call)
    if facts is None:
        return None
    if resource.call == "quotient_familial":
        return _family(person, facts, data["household"], month)
    if resource.path == "statut":
        return _job_seeker(person, facts, data["household"])
    if resource.path == "indemnites":
        payments = [_payment(row) for row in facts.get("payments", ())]
        return {"identifiant": person.numbers["ft_login"], "paiements": payments} if payments else None
    answer = {"est_beneficiaire": facts["beneficiary"]}
    if "avec_majoration" in resource.scopes:
        answer["avec_majoration"] = facts.get("majoration")
    if "avec_participation" in resource.scopes:
        answer["avec_participation"] = facts.get("contribution")
    answer["date_debut_droit"] = facts.get("since")
    return answer


def _family(
    person: Person, facts: Mapping[str, Any], household: Mapping[str, Any], month: tuple[int, int]
) -> dict[str, Any]:
    adults = [person.identity]
    if "partner" in household:
        adults.append(household["partner"])
    name = person.identity.get("usual_name") or person.family_name
    return {
        "allocataires": [_member(adult) for adult in adults],
        "enfants": [_member(child) for child in household.get("children", [])],
        "adresse": {
            "destinataire": f"{person.civility} {name} {person.given_names[0].upper()}",
            "complement_information": None,
            "complement_information_geographique": household.get("complement"),
            "numero_libelle_voie": household["address"],
            "lieu_dit": None,
            "code_postal_ville": f"{household['postcode']} {household['commune']}",
            "pays": "FRANCE",
        },
        "quotient_familial": {
            "fournisseur": facts["provider"],
            "valeur": facts["value"],
            "annee": month[0],
            "mois": month[1],
            "annee_calcul": month[0],
            "mois_calcul": month[1],
        },
    }


def _member(member: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "nom_naissance": member["family_name"],
        "nom_usage": member.get("usual_name"),
        "prenoms": " ".join(member["given_names"]).upper(),
        "date_naissance": member["birth_date"],
        "sexe": member["sex"],
    }


def _job_seeker(person: Person, facts: Mapping[str, Any], household: Mapping[str, Any]) -> dict[str, Any]:
    woman = person.identity["sex"] == "F"
    return {
        "identifiant": person.numbers["ft_login"],
        "identite": {
            "civilite": "MME" if woman else "M.",
            "nom_naissance": person.family_name,
            "nom_usage": person.identity.get("usual_name"),
            "prenom": person.given_names[0].upper()[:13],
            "sexe": "Féminin" if woman else "Masculin",
            "date_naissance": person.identity["birth_date"],
        },
        "contact": {
            "email": person.identity.get("email"),
            "telephone": person.identity.get("phone"),
            "telephone2": None,
        },
        "adresse": {
            "code_cog_insee_commune": "99001",
            "code_postal": household["postcode"],
            "ligne_complement_adresse": None,
            "ligne_complement_destinataire": household.get("complement"),
            "ligne_complement_distribution": None,
            "ligne_nom": person.family_name,
            "ligne_voie": household["address"],
            "localite": f"{household['postcode']} {household['commune']}",
        },
        "inscription": {
            "date_debut": facts["since"],
            "date_fin": facts.get("until"),
            "code_certification_cnav": facts.get("certification"),
            "categorie": {"code": facts["category"], "libelle": CATEGORIES[facts["category"]]},
        },
    }


def _payment(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "date_versement": row["paid_on"],
        "montant_total": row["amount"],
        "montant_allocations": row["amount"],
        "montant_aides": 0.0,
        "montant_autres": 0.0,
    }


def error(code: str, *, headers: Headers = ()) -> Answer:
    """The published body of an error code."""
    status, body = _published(code)
    return reply(status, body, headers=headers)


def absent(resource: Resource, code: str) -> Answer:
    """The published 404 of a resource; the resources do not all name the same register."""
    if resource.provider == "24":
        return error("24003")
    if resource.call == "c2s" and code != "37003":
        return error("40003")
    status, body = _published(code, wording=resource.call)
    return reply(status, body)


@cache
def _errors() -> Any:
    return yaml.safe_load(Path(__file__).with_name("api_particulier_errors.yaml").read_text("utf-8"))


@cache
def _published(code: str, *, wording: str = "") -> tuple[int, bytes]:
    known = _errors()
    row = known["errors"][code]
    if code == "37003":
        row = known.get(wording, row)
    provider = known["providers"].get(code[:2])
    entry = {
        "code": code,
        "title": row["title"],
        "detail": row["detail"],
        "source": {"parameter": row["parameter"]} if "parameter" in row else None,
        "meta": {"provider": provider} if provider else row.get("meta", {}),
    }
    return row["status"], encode({"errors": [entry]})
