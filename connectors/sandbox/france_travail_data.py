"""What France Travail's APIs say about a fictional person, in their published shapes.

Answers for the JSON documents only. The answer of rendez-vous-usager is not published: here it is a list of the
appointments in the shape of the published create request, each with its `id` (docs/reference/sandbox.md).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid5

from connectors.sandbox.people import NAMESPACE, Person

Json = Any

_AGENT = {"id": "VDBX0001", "nom": "Tardieu", "prenom": "Salomé", "structure": "Agence de Brume-sur-Loire"}
_CRITERIA = {
    "origine": "INSCRIPTION_AUTO_CAF",
    "situation_professionnelle": "SANS_EMPLOI",
    "type_emploi": "AUTRE",
    "niveau_etude": "NV4",
    "capacite_a_travailler": True,
    "projet_pro": "SALARIAT",
    "contrainte_sante": "AUCUNE_CONTRAINTE",
    "contrainte_logement": "AUCUNE_CONTRAINTE",
    "contrainte_mobilite": "DEPENDANT_TRANSPORTS_EN_COMMUN",
    "contrainte_familiale": "AUCUNE_CONTRAINTE",
    "contrainte_financiere": "AUCUNE_CONTRAINTE",
    "contrainte_numerique": "AUCUNE_CONTRAINTE",
    "contrainte_administrative_juridique": "AUCUNE_CONTRAINTE",
    "contrainte_francais_calcul": "AUCUNE_CONTRAINTE",
    "brsa": True,
    "boe": False,
    "baeeh": False,
    "scolarite_etablissement_specialise": False,
    "esat": False,
    "boe_souhait_accompagnement": False,
    "msa_autonomie_recherche_emploi": 3,
    "msa_demarches_professionnelles": "DEMARCHES_EN_COURS",
}


def documents(person: Person, *, today: datetime) -> dict[str, Json]:
    """Every document of a person by call; a call that is not there is answered 204."""
    data = person.standings["ft-brume"].data
    makers: Mapping[str, Callable[[Person, Any, datetime], Json]] = {
        "registration": _registration,
        "orientation": _orientation,
        "ft_appointments": _appointments,
        "diagnosis": _diagnosis,
        "rqth": _rqth,
    }
    made = {call: make(person, data[call], today) for call, make in makers.items() if call in data}
    if "address" in data:
        made["usager"] = _usager(person, data["address"])
    return made


def _usager(person: Person, address: Mapping[str, Any]) -> Json:
    name = person.identity.get("usual_name") or person.family_name
    return {
        "numeroFranceTravail": person.numbers.get("ft_number"),
        "adresses": [
            {
                "codeInseeCommune": address["insee"],
                "codePostal": address["postcode"],
                "complementAdresse": "",
                "complementDestinataire": "",
                "complementDistribution": "",
                "libelleCommune": address["commune"],
                "libellePays": "FRANCE",
                "numeroTypeLibelleVoie": address["street"],
                "indicateurResidentQPV": "QP" if address.get("priority_district") else "NQ",
            }
        ],
        "emails": [{"adresseEmail": person.identity.get("email")}],
        "etatCivil": {
            "civilite": "MME" if person.identity["sex"] == "F" else "M.",
            "dateNaissance": person.identity["birth_date"],
            "nir": person.numbers.get("nir", "null")[:13],
            "nom": person.family_name,
            "nomCorrespondance": name,
            "prenom": person.given_names[0].upper(),
            "prenomCorrespondance": person.given_names[0].upper(),
        },
        "telephones": [{"numeroTelephone": person.identity.get("phone")}],
    }


def _registration(_: Person, facts: Mapping[str, Any], __: datetime) -> Json:
    closing = facts.get("closing")
    closing_code, closing_label = ("null", "null") if closing == "null" else _coded(closing)
    reason_code, reason_label = _coded(facts.get("reason"))
    employment_code, employment_label = _coded(facts.get("employment"))
    return {
        "m_contrat": {
            "m_statut": facts["status"],
            "m_date_effet_statut": facts["since"],
            "m_duree_inscription_12": facts["months"][0],
            "m_duree_inscription_24": facts["months"][1],
            "m_duree_inscription_36": facts["months"][2],
            "m_motif_inscription_code": reason_code,
            "m_motif_inscription_lib": reason_label,
            "m_categ_inscription_code": facts["category"]["code"],
            "m_categ_inscription_lib": facts["category"]["label"],
            "m_situation_reg_emp_code": employment_code,
            "m_situation_reg_emp_lib": employment_label,
            "m_motif_cloture_code": closing_code,
            "m_motif_cloture_lib": closing_label,
        }
    }


def _coded(value: Mapping[str, str] | None) -> tuple[str | None, str | None]:
    return (value["code"], value["label"]) if value else (None, None)


def _rqth(_: Person, facts: Mapping[str, Any], __: datetime) -> Json:
    return {
        "dateDebutRqth": facts.get("since", ""),
        "dateFinRqth": facts.get("until", ""),
        "source": facts.get("source", ""),
        "topValiditeRQTH": facts["valid"],
    }


def _orientation(person: Person, rows: Sequence[Mapping[str, Any]], _: datetime) -> Json:
    return [_one_orientation(person, row) for row in rows]


def _one_orientation(person: Person, row: Mapping[str, Any]) -> Json:
    structure = {"code_aurore": "VDB0001", "code_safir": "99001", "libelle_structure": row["structure"]}
    address = person.standings["ft-brume"].data.get("address")
    where = address and {
        "code_commune": address["insee"],
        "libelle_commune": address["commune"],
        "code_postal": address["postcode"],
        "numero_type_libelle_voie": address["street"],
    }
    refusal = row.get("refusal")
    return {
        "parcours": row["path"],
        "organisme": row["body"],
        "structure": structure,
        "structure_decision": structure,
        "statut": row["status"],
        "etat": row["state"],
        "agent_creation": _AGENT["id"],
        "agent_derniere_modification": _AGENT["id"],
        "date_entree_parcours": row.get("entered_on"),
        "date_sortie_parcours": row.get("left_on"),
        "motif_sortie_parcours": None,
        "date_creation": row["created_on"],
        "date_modification": row["created_on"],
        # the published sample spells this key so; France Travail's own client reads another spelling
        "criteres_orientation": {
            **_CRITERIA,
            **row.get("criteria", {}),
            "adresse": where,
            "date_saise_données": row["created_on"],
        },
        "decision": {
            "etat_decision": "REFUSEE" if refusal else "ACCEPTEE",
            "date_decision": row["created_on"],
            "agent_decision": _AGENT["id"],
            "motif_refus": refusal,
            "commentaire_refus": None,
        },
    }


def _appointments(person: Person, rows: Sequence[Mapping[str, Any]], today: datetime) -> Json:
    return [_appointment(person, row, index, today) for index, row in enumerate(rows)]


def _appointment(person: Person, row: Mapping[str, Any], index: int, today: datetime) -> Json:
    return {
        "id": str(uuid5(NAMESPACE, f"ft/{person.id}/{index}")),
        "adresse": row.get("address"),
        "date": instant(today, row).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "duree": row["minutes"],
        "information": None,
        "initiateur": "PARTENAIRE",
        "libelleAdresse": row.get("place"),
        "modaliteContact": row["mode"],
        "motif": row["reason"],
        "organisme": {
            "code": row.get("body", "FT"),
            "emailContact": "contact@brume-emploi.example",
            "idStructure": "99001",
            "libelleStructure": row.get("place", "Agence de Brume-sur-Loire"),
            "telephoneContact": "0199000001",
        },
        "statut": row["status"],
        "telephoneContactUsager": person.identity.get("phone"),
        "theme": row.get("theme"),
        "typeReception": "COL" if row.get("collective") else "IND",
        "interlocuteur": {"email": "s.tardieu@brume-emploi.example", "nom": "TARDIEU", "prenom": "Salomé"},
    }


def instant(today: datetime, row: Mapping[str, Any]) -> datetime:
    """The moment of a row told as days from today and a time of day (Paris in winter, UTC+1)."""
    hour, minute = (int(part) for part in row["at"].split(":"))
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC)
    return midnight + timedelta(days=row["in_days"], hours=hour - 1, minutes=minute)


def _diagnosis(_: Person, facts: Mapping[str, Any], __: datetime) -> Json:
    when = f"{facts['explored_on']}T10:15:00.000+01:00"
    themes: dict[str, list[Json]] = {}
    for number, need in enumerate(facts.get("needs", []), start=1):
        themes.setdefault(need["theme"], []).append(_explored(number, need, when))
    constraints = [_constraint(20 + number, row, when) for number, row in enumerate(facts.get("constraints", []))]
    return {
        "besoinsParDiagnostic": [
            {
                "diagnostic": _project(facts, when),
                "dateDerniereExplorationBesoin": when,
                "agentDerniereExplorationBesoin": _AGENT,
                "thematiquesBesoins": [
                    {"code": str(number), "libelle": theme, "besoins": needs}
                    for number, (theme, needs) in enumerate(themes.items(), start=1)
                ],
            }
        ],
        "thematiqueContrainte": {
            "agent": _AGENT,
            "dateExploration": when,
            "code": "7",
            "libelle": "Résoudre ses contraintes personnelles",
            "declareSansContrainte": {"flag": not constraints, "date": when},
            "contraintes": constraints,
        },
        "pouvoirAgir": {
            "confiance": "OUI",
            "accompagnement": "OUI",
            "resultatAnalyse": "Confiance dans la démarche",
            "agent": _AGENT,
            "dateExploration": when,
        },
        "autonomieNumerique": {
            "dateExploration": when,
            "agent": _AGENT,
            "contrainte": _constraint(
                22, {"label": "Accéder au numérique et en maîtriser les fondamentaux", "value": "NON"}, when
            ),
            "besoin": _explored(
                7, {"label": "Connaître et utiliser les services numériques", "value": "POINT_FORT"}, when
            ),
        },
    }


def _project(facts: Mapping[str, Any], when: str) -> Json:
    return {
        "idDiagnostic": str(uuid5(NAMESPACE, facts["explored_on"])),
        "idMetierChiffre": None,
        "nomMetier": facts.get("job"),
        "typologie": "métier recherché",
        "codeTypologie": "MR",
        "codeSousTypologie": None,
        "codeRome": "M1601",
        "codeAppellation": "11332",
        "statut": "EN_COURS",
        "estPrioritaire": True,
        "agent": _AGENT,
        "dateMiseAJour": when,
        "dateMiseAJourProjet": None,
        "estCreationPartenaire": False,
    }


def _explored(code: int, row: Mapping[str, Any], when: str) -> Json:
    valued = row["value"] not in {"NON_EXPLORE", "NON_ABORDEE", "NON_ABORDE"}
    return {
        "code": str(code),
        "libelle": row["label"],
        "valeur": row["value"],
        "agent": _AGENT if valued else None,
        "dateExploration": when if valued else None,
    }


def _constraint(code: int, row: Mapping[str, Any], when: str) -> Json:
    valued = row["value"] == "OUI"
    situations = [{"label": row["situation"], "value": "OUI"}] if "situation" in row else []
    goals = [{"label": row["goal"], "value": "EN_COURS"}] if "goal" in row else []
    whole = _explored(code, row, when)
    del whole["agent"]
    return {
        **whole,
        "estPrioritaire": valued,
        "impact": "FAIBLE" if valued else None,
        "situations": [_explored(code * 10 + number, one, when) for number, one in enumerate(situations)],
        "objectifs": [_explored(code * 10 + number, one, when) for number, one in enumerate(goals)],
    }
