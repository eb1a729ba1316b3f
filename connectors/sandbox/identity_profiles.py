"""What distinguishes FranceConnect v2 from ProConnect, and who can sign in through each.

Answers for parameter allow-lists, minimum lengths, scopes and claims. Sources: FranceConnect v2 sources and
partner documentation, ProConnect documentation.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from connectors.sandbox.errors import PeopleInvalid
from connectors.sandbox.people import Person

_COMMON = frozenset(
    {
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
        "nonce",
        "acr_values",
        "claims",
        "prompt",
        "idp_hint",
    }
)
_PIVOT = ("given_name", "given_name_array", "family_name", "birthdate", "gender", "birthplace", "birthcountry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who can sign in."""

    id: str
    name: str
    about: str
    claims: Mapping[str, Any]
    levels: tuple[str, ...]
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One identity provider."""

    id: str
    title: str
    parameters: frozenset[str]
    least: int
    prompts: frozenset[str]
    levels: frozenset[str]
    level_required: bool
    errors_on_page: bool
    returns_issuer: bool
    scopes: Mapping[str, tuple[str, ...]]
    accounts: Mapping[str, Account]

    def subject(self, account: Account, client: str) -> str:
        """The `sub`: pairwise at FranceConnect, one per identity provider at ProConnect."""
        if self.id == "franceconnect":
            return hashlib.sha256(f"{client} {account.id}".encode()).hexdigest() + "v1"
        return hashlib.sha256(f"{account.claims['idp_id']} {account.id}".encode()).hexdigest()

    def claims(self, account: Account, scopes: list[str]) -> dict[str, Any]:
        """The claims that the granted scopes open."""
        names = [name for scope in scopes for name in self.scopes.get(scope, ())]
        return {name: account.claims[name] for name in names if account.claims.get(name) is not None}


def franceconnect(people: Mapping[str, Person]) -> Profile:
    """FranceConnect v2, level eidas1: every fictional person can sign in."""
    data_scopes = (
        *("revenu_solidarite_active", "revenu_solidarite_active_majoration", "prime_activite"),
        *("prime_activite_majoration", "allocation_adulte_handicape", "allocation_soutien_familial"),
        *(
            "cnaf_quotient_familial",
            "cnaf_allocataires",
            "cnaf_enfants",
            "cnaf_adresse",
            "complementaire_sante_solidaire",
        ),
    )
    return Profile(
        id="franceconnect",
        title="FranceConnect (bac à sable)",
        parameters=_COMMON | {"ui_locales"},
        least=22,
        prompts=frozenset({"login", "consent"}),
        levels=frozenset({"eidas1"}),
        level_required=True,
        errors_on_page=False,
        returns_issuer=True,
        scopes={
            "openid": (),
            "identite_pivot": _PIVOT,
            "profile": (*_PIVOT[:5], "preferred_username"),
            "birth": ("birthplace", "birthcountry"),
            **{name: (name,) for name in (*_PIVOT, "email", "preferred_username")},
            **dict.fromkeys(data_scopes, ()),
        },
        accounts={person.id: _person(person) for person in people.values()},
    )


def _person(person: Person) -> Account:
    identity = person.identity
    return Account(
        id=person.id,
        name=f"{person.given_names[0]} {person.family_name}",
        about=person.summary["fr"],
        claims={
            "given_name": " ".join(person.given_names),
            "given_name_array": person.given_names,
            "family_name": person.family_name,
            "gender": "female" if identity["sex"] == "F" else "male",
            "birthdate": identity["birth_date"],
            "birthplace": identity.get("birth_place", ""),
            "birthcountry": identity["birth_country"],
            "preferred_username": identity.get("usual_name"),
            "email": identity.get("email"),
        },
        levels=("eidas1",),
        amr=("pwd",),
    )


def proconnect() -> Profile:
    """ProConnect: the fictional professionals."""
    names = ("given_name", "usual_name", "email", "siret", "siren", "uid", "idp_id", "organizational_unit",
             "belonging_population", "phone", "chorusdt", "custom")  # fmt: skip
    return Profile(
        id="proconnect",
        title="ProConnect (bac à sable)",
        parameters=_COMMON | {"login_hint"},
        least=32,
        prompts=frozenset({"login", "consent", "none"}),
        levels=frozenset({"eidas0", "eidas0-mfa", "eidas1", "eidas1-mfa", "eidas2", "eidas3"}),
        level_required=False,
        errors_on_page=True,
        returns_issuer=False,
        scopes={"openid": (), **{name: (name,) for name in names}},
        accounts=professionals(),
    )


def professionals(path: Path = Path(__file__).parent / "professionals.yaml") -> dict[str, Account]:
    """The professionals of a file, or the sentence that refuses it."""
    schema = yaml.safe_load((Path(__file__).parent / "professionals.schema.yaml").read_text("utf-8"))
    document = yaml.safe_load(path.read_text("utf-8"))
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(document))
    if error is not None:
        raise PeopleInvalid(f"{path.name}: at {'.'.join(map(str, error.absolute_path))}: {error.message}")
    return {identifier: _professional(identifier, row) for identifier, row in document.items()}


def _professional(identifier: str, row: Mapping[str, Any]) -> Account:
    return Account(
        id=identifier,
        name=f"{row['given_name']} {row['usual_name']}",
        about=row["organisation"],
        claims={
            "given_name": row["given_name"],
            "usual_name": row["usual_name"],
            "email": f"{identifier.replace('-', '.')}@professionnels.example",
            "siret": row["siret"],
            "siren": row["siret"][:9],
            "uid": identifier,
            "idp_id": row["idp_id"],
            "custom": {"structureTravail": row["safir"]} if "safir" in row else None,
        },
        levels=tuple(row["levels"]),
        amr=tuple(row["amr"]),
    )
