"""What rdv-insertion says about fictional users, appointments and organisations, in its published shapes."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from connectors.sandbox.france_travail_data import instant
from connectors.sandbox.people import Person

Json = Any

PARIS = timezone(timedelta(hours=1))
STAND_INS = 60  # homonyms enough for a search to take three pages

_CATEGORIES = {
    "orientation": {"id": 11, "short_name": "rsa_orientation", "name": "RSA orientation"},
    "accompagnement": {"id": 12, "short_name": "rsa_accompagnement", "name": "RSA accompagnement"},
    "atelier": {"id": 13, "short_name": "rsa_atelier", "name": "RSA atelier collectif"},
}
_MOTIFS = {
    "orientation": ("Premier entretien d'orientation", False),
    "accompagnement": ("Suivi avec votre référent", False),
    "atelier": ("Atelier découverte des métiers", True),
}
_PLACE = {
    "rdv_solidarites_lieu_id": 990101,
    "name": "Maison du Département de Brume-sur-Loire",
    "address": "5 quai des Brumes 99010 Brume-sur-Loire",
    "phone_number": "0199000010",
}
_AGENT = {
    "id": 9901,
    "email": "agent.insertion@valdebrume.example",
    "first_name": "Maëlle",
    "last_name": "TRÉGOR",
    "rdv_solidarites_agent_id": 990901,
}

ORGANISATIONS: Mapping[int, tuple[str, str]] = {
    990001: ("Service insertion du Val-de-Brume", "conseil_departemental"),
    990002: ("Délégataire RSA « Les Passeurs »", "delegataire_rsa"),
    990003: ("SIAE « Les Ateliers de la Brume »", "siae"),
    960001: ("Service insertion de la Haute-Écume", "conseil_departemental"),
}
DEPARTMENTS: Mapping[str, tuple[int, str, str, tuple[int, ...]]] = {
    "99": (1, "Brume-sur-Loire", "Région des Brumes", (990001, 990002, 990003)),
    "96": (2, "Écume-les-Bains", "Région des Brumes", (960001,)),
}
# What an organisation does not see of a user, by its kind.
MASKED: Mapping[str, tuple[str, ...]] = {
    "conseil_departemental": (),
    "delegataire_rsa": ("nir",),
    "siae": ("nir", "department_internal_id"),
}


def user(person: Person) -> dict[str, Any]:
    """A user as every list and appointment shows it."""
    data = person.standings["dept-brume"].data
    number, _, role = person.numbers.get("caf_number", "/").partition("/")
    return {
        "id": int(person.numbers["rdvi_user"]) + 1_000_000,
        "affiliation_number": number or None,
        "role": role or None,
        "created_at": "2026-01-20T09:00:00.000+01:00",
        "department_internal_id": f"VDB{person.numbers['rdvi_user'][2:]}",
        "first_name": person.given_names[0],
        "last_name": person.identity.get("usual_name", person.family_name),
        "title": person.civility.lower(),
        "address": data.get("address"),
        "phone_number": "+33" + person.identity["phone"][1:],
        "email": person.identity.get("email"),
        "birth_date": None if "-00" in person.identity["birth_date"] else person.identity["birth_date"],
        "rights_opening_date": data.get("rights_since"),
        "birth_name": person.family_name,
        "rdv_solidarites_user_id": int(person.numbers["rdvi_user"]),
        "nir": person.numbers.get("nir"),
        "france_travail_id": person.numbers.get("ft_number"),
    }


def listed(person: Person) -> dict[str, Any]:
    """A user of a list: the same, with referents and tags."""
    data = person.standings["dept-brume"].data
    return {
        **user(person),
        "referents": [_AGENT] if data.get("referent") else [],
        "tags": [{"id": 40 + number, "value": tag} for number, tag in enumerate(data.get("tags", []))],
    }


def stand_in(index: int, *, last_name: str = "FIGURANT", first_name: str | None = None) -> dict[str, Any]:
    """Somebody who is only there to fill a list, before everybody else."""
    return {
        "id": 100_000 + index,
        "affiliation_number": None,
        "role": None,
        "created_at": "2025-06-02T09:00:00.000+02:00",
        "department_internal_id": None,
        "first_name": first_name or f"Zoé-{index:02d}",
        "last_name": last_name,
        "title": "madame" if index % 2 else "monsieur",
        "address": None,
        "phone_number": None,
        "email": None,
        "birth_date": None,
        "rights_opening_date": None,
        "birth_name": None,
        "rdv_solidarites_user_id": 980_000 + index,
        "nir": None,
        "france_travail_id": None,
        "referents": [],
        "tags": [],
    }


def twin(row: Mapping[str, Any]) -> dict[str, Any]:
    """A second record of the same person, made by mistake: the same CAF number, another user number."""
    return {
        **row,
        "id": 900_000,
        "rdv_solidarites_user_id": 979_000,
        "nir": None,
        "france_travail_id": None,
        "email": None,
    }


def appointments(person: Person, *, today: datetime) -> dict[str, Json]:
    """Every appointment of a person, by its identifier, inside its root."""
    rows = person.standings["dept-brume"].data.get("rdv", [])
    pairs = zip(person.appointments, rows, strict=True)
    return {uuid: {"rdv": _appointment(person, uuid, row, today)} for uuid, row in pairs if not row.get("gone")}


def _appointment(person: Person, uuid: str, row: Mapping[str, Any], today: datetime) -> Json:
    starts = instant(today, row).astimezone(PARIS)
    number = int(uuid[:6], 16)
    status = row["status"]
    created = (starts - timedelta(days=10)).isoformat(timespec="milliseconds")
    cancelled = (starts - timedelta(days=2)).isoformat(timespec="milliseconds") if row.get("cancelled") else None
    who = user(person)
    collective = _MOTIFS[row["reason"]][1]
    return {
        "id": number,
        "starts_at": starts.isoformat(timespec="milliseconds"),
        "duration_in_min": row["minutes"],
        "cancelled_at": cancelled,
        "address": _PLACE["address"],
        "uuid": uuid,
        "created_by": "agent",
        "status": status,
        "users_count": 1,
        "max_participants_count": 12 if collective else None,
        "rdv_solidarites_rdv_id": number + 1,
        "agents": [_AGENT],
        "lieu": _PLACE,
        "motif": motif(row["reason"]),
        "users": [who],
        "organisation": organisation(990001),
        "participations": [
            {
                "id": number + 2,
                "status": status,
                "created_at": created,
                "starts_at": starts.isoformat(timespec="milliseconds"),
                "user": who,
                "created_by": "agent",
            }
        ],
    }


def motif(reason: str) -> dict[str, Any]:
    """The reason of an appointment."""
    name, collective = _MOTIFS[reason]
    return {
        "rdv_solidarites_motif_id": 990200 + list(_MOTIFS).index(reason),
        "name": name,
        "collectif": collective,
        "location_type": "public_office",
        "follow_up": reason == "accompagnement",
        "motif_category": _CATEGORIES[reason],
    }


def organisation(number: int) -> dict[str, Any]:
    """An organisation, as an appointment shows it."""
    department = "99" if number > 990000 else "96"
    return {
        "id": number - 900_000,
        "name": ORGANISATIONS[number][0],
        "email": "insertion@valdebrume.example",
        "phone_number": "0199000011",
        "department_number": department,
        "rdv_solidarites_organisation_id": number,
        "department_id": DEPARTMENTS[department][0],
        "motif_categories": list(_CATEGORIES.values()),
    }


def department(number: str) -> Json:
    """A Département with its organisations, their reasons and places."""
    identifier, capital, region, organisations = DEPARTMENTS[number]
    return {
        "department": {
            "id": identifier,
            "number": number,
            "capital": capital,
            "region": region,
            "organisations": [
                {**organisation(one), "motifs": [motif(reason) for reason in _MOTIFS], "lieux": [_PLACE]}
                for one in organisations
            ],
        }
    }
