"""Simulated partner institutions and identity providers, with fictional people of our own.

Answers for one ASGI application that behaves as the published contracts say (`build`) and for the settings that
point a gateway at it (`sources`). Refuses to be mistaken for a partner: every number in it is fictional, every
credential public, and it opens no connection. Served by `passerelle sandbox`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from connectors.base import Clock, now_ms
from connectors.sandbox.api_particulier import ApiParticulier
from connectors.sandbox.asgi import Application, Router
from connectors.sandbox.control import Control
from connectors.sandbox.france_travail import FranceTravail
from connectors.sandbox.identity_profiles import franceconnect, proconnect
from connectors.sandbox.identity_provider import PATH, IdentityProvider
from connectors.sandbox.people import Person, load
from connectors.sandbox.rdv_insertion import RdvInsertion

PREFIXES = (
    "/api-particulier",
    "/france-travail",
    "/france-travail-auth",
    "/rdv-insertion",
    "/rdv-solidarites",
    "/idp/franceconnect",
    "/idp/proconnect",
)


def credentials() -> Any:
    """The public credentials of the sandbox."""
    return yaml.safe_load((Path(__file__).parent / "credentials.yaml").read_text("utf-8"))


def build(
    *,
    now: Clock | int = now_ms,
    people: Mapping[str, Person] | None = None,
    clients: Mapping[str, Mapping[str, Any]] | None = None,
) -> Application:
    """The whole sandbox as one ASGI application; `now` is a clock, or a moment at which time stands still.

    `clients` are more clients of both identity providers: with a secret, or with `jwks` (private_key_jwt), and with an
    `encryption` key (a public JWK with its `alg`) when tokens are to be encrypted.
    """
    moment = now
    clock: Clock = moment if callable(moment) else lambda: moment
    people = load() if people is None else people
    known = credentials()
    more = clients or {}
    citizens = IdentityProvider(
        franceconnect(people), {**known["franceconnect"]["clients"], **more}, prefix="/idp/franceconnect", clock=clock
    )
    professionals = IdentityProvider(
        proconnect(), {**known["proconnect"]["clients"], **more}, prefix="/idp/proconnect", clock=clock
    )

    def resolve(token: str) -> tuple[Person, frozenset[str]] | None:
        found = citizens.resolve(token)
        return found and (people[found[0].id], found[1])

    caf = ApiParticulier(people, known["api-particulier"]["tokens"], clock=clock, resolve=resolve)
    work = FranceTravail(people, known["france-travail"]["clients"], clock=clock)
    dept = RdvInsertion(people, known["rdv-insertion"]["agents"], clock=clock)
    router = Router()
    router.mount("/api-particulier", caf.routes(), institution="caf-brume", down=caf.down)
    router.mount("/france-travail", work.routes(), institution="ft-brume", down=work.down)
    router.mount("/france-travail-auth", work.token_routes(), institution="ft-brume", down=work.down)
    router.mount("/rdv-insertion", dept.routes(), institution="dept-brume", down=dept.down)
    router.mount("/rdv-solidarites", dept.sign_in_routes(), institution="dept-brume", down=dept.down)
    for provider in (citizens, professionals):
        name = provider.profile.id
        router.mount(f"/idp/{name}", provider.routes(), institution=name, down=provider.down)
    router.mount("", Control(router, people, prefixes=PREFIXES).routes())
    return Application(router)


def sources(base_url: str) -> dict[str, dict[str, Any]]:
    """The settings of the three sources of the fictional consortium, served at `base_url`."""
    known = credentials()
    base = base_url.rstrip("/")
    token = next(iter(known["api-particulier"]["tokens"]))
    client, secret = next((name, row["secret"]) for name, row in known["france-travail"]["clients"].items())
    mail, password = next((name, row["password"]) for name, row in known["rdv-insertion"]["agents"].items())
    return {
        "caf-brume": {
            "connector": "api_particulier",
            "base_url": f"{base}/api-particulier",
            "credentials": {"token": token},
            "options": {"calls_per_second": 0},  # the sandbox bans nobody
        },
        "ft-brume": {
            "connector": "france_travail",
            "base_url": f"{base}/france-travail",
            "auth_url": f"{base}/france-travail-auth",
            "credentials": {"client_id": client, "client_secret": secret},
            "options": {},
        },
        "dept-brume": {
            "connector": "rdv_insertion",
            "base_url": f"{base}/rdv-insertion",
            "auth_url": f"{base}/rdv-solidarites",
            "credentials": {"email": mail, "password": password},
            "options": {"organisation": str(known["rdv-insertion"]["organisation"])},
        },
    }


def identity_providers(base_url: str, *, secret_file: str) -> dict[str, dict[str, Any]]:
    """The two identity providers served at `base_url`, as a gateway's file of providers names them."""
    known = credentials()
    names = {"franceconnect": "FranceConnect (bac à sable)", "proconnect": "ProConnect (bac à sable)"}
    return {
        name: {
            "profile": name,
            "name": title,
            "issuer": f"{base_url.rstrip('/')}/idp/{name}{PATH}",
            "client_id": next(iter(known[name]["clients"])),
            "client_secret_file": secret_file,
        }
        for name, title in names.items()
    }


def identity_secret() -> str:
    """The client secret at both identity providers; public, as everything here."""
    return str(next(iter(credentials()["proconnect"]["clients"].values()))["secret"])
