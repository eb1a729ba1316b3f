"""Simulated France Travail: token endpoint of realm /agent, rechercher-usager and the calls about a person.

Answers for: client credentials, the three agent headers, business codes inside HTTP 200, the user token and its
binding to the caller, 204 for no data. Refuses to do: writing anything (appointments, decisions, diagnoses), and
counting calls; 429 is a situation of a person. Contract: rechercher-usager v2 OpenAPI, published exchanges.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from connectors.base import Clock
from connectors.sandbox.asgi import Answer, Request, Route, encode, redirect, reply
from connectors.sandbox.france_travail_data import documents
from connectors.sandbox.people import Person, nir_key
from connectors.sandbox.seals import Seals
from connectors.sandbox.situations import drifted, late, misbehaviour

INSTITUTION = "ft-brume"
TOKEN_SECONDS = 1499
USER_TOKEN_SECONDS = 24 * 3600
_DAY = 86_400_000
_KEPT = 4096

# Path, call of the data, scope that opens it (None: not published, any client may).
CALLS = (
    ("/informations-administratives/v1/usager", "usager", "api_informations-administrativesv1"),
    ("/contrat-usager/v2/contrat", "registration", "api_contrat-usagerv2"),
    ("/donnees-rqth/v1/rqth", "rqth", "api_donnees-rqthv1"),
    ("/orientationusager/v1/lectureOrientation", "orientation", "api_orientationusagerv1"),
    ("/rendez-vous-partenaire/v1/rendez-vous-usager", "ft_appointments", "api_rendez-vous-partenairev1"),
    ("/diagnosticargumente/v4/dossiers", "diagnosis", None),
)
_SEARCH_SCOPE = "api_rechercher-usagerv2"
KNOWN_SCOPES = frozenset(
    {
        *(scope for _, _, scope in CALLS if scope),
        *(_SEARCH_SCOPE, "rechercheusager", "profil_accedant", "informationsadministrativesusager"),
        *("statutcontratusager", "h2a", "orientationusager", "gererRDV"),
    }
)

_OUTCOMES: Mapping[str, tuple[int, str, str]] = {
    "found": (200, "S001", "Usager trouvé"),
    "no_file": (200, "S002", "Aucun usager trouvé"),
    "several": (200, "S003", "Plusieurs usagers trouvés"),
    "refused": (403, "R001", "Accès non autorisé"),
    "not_attached": (403, "R002", "L'usager n'est pas rattaché à la structure de l'accédant"),
    "invalid": (400, "R997", "Une erreur de validation s'est produite"),
    "backend_failed": (500, "R998", "Un service a répondu en erreur"),
    "down": (503, "R999", "Service indisponible, veuillez réessayer ultérieurement"),
}
_NIR = re.compile(r"^[12]\d{4}(\d{5}|2[AB]\d{3})\d{3}(\d{2})?$")
_AGENT_HEADERS = (b"pa-identifiant-agent", b"pa-nom-agent", b"pa-prenom-agent")


class FranceTravail:
    """The routes of the token endpoint and of the APIs."""

    def __init__(self, people: Mapping[str, Person], clients: Mapping[str, Mapping[str, Any]], *, clock: Clock) -> None:
        self._people = people
        self._clients = clients
        self._clock = clock
        self._access = Seals("france-travail access", clock=clock)
        self._users = Seals("france-travail user", clock=clock)
        self._by_nir = {p.numbers["nir"][:13]: p for p in people.values() if "nir" in p.numbers}
        self._by_number = {p.numbers["ft_number"]: p for p in people.values() if "ft_number" in p.numbers}
        self._day = -1
        self._documents: dict[str, dict[str, Any]] = {}
        self._plain: dict[tuple[str, str, bytes], Answer] = {}

    def token_routes(self) -> Iterator[Route]:
        """The authorisation server."""
        yield "POST", "/connexion/oauth2/access_token", self._token

    def routes(self) -> Iterator[Route]:
        """The APIs."""
        yield "POST", "/rechercher-usager/v2/usagers/par-datenaissance-et-nir", partial(self._search, self._by_birth)
        yield (
            "POST",
            "/rechercher-usager/v2/usagers/par-numero-francetravail",
            partial(self._search, self._by_ft_number),
        )
        for path, call, scope in CALLS:
            yield "GET", path, partial(self._about, call, scope)

    def down(self) -> Answer:
        """What every API answers while the institution is switched off."""
        return _gateway(503, "SERVICE_INDISPONIBLE", "Service indisponible, veuillez réessayer ultérieurement")

    def _token(self, request: Request) -> Answer:
        form = request.form()
        if request.parameters().get("realm") != ["/agent"]:
            return _oauth("invalid_request", "Realm not known to the sandbox")
        if form.get("grant_type") != "client_credentials":
            return _oauth("unsupported_grant_type", "Grant type is not supported")
        client = self._clients.get(form.get("client_id", ""))
        if client is None or client["secret"] != form.get("client_secret"):
            return _oauth("invalid_client", "Client authentication failed")
        asked = form.get("scope", "").split()
        allowed = KNOWN_SCOPES if client["scopes"] == "all" else frozenset(client["scopes"])
        if unknown := [scope for scope in asked if scope not in allowed]:
            return _oauth("invalid_scope", f"Unknown/invalid scope(s): {unknown}")
        members = {"client": form["client_id"], "scopes": asked}
        token = self._access.seal(members, seconds=TOKEN_SECONDS)
        body = {"scope": " ".join(asked), "expires_in": TOKEN_SECONDS, "token_type": "Bearer", "access_token": token}
        return reply(200, body, headers=((b"cache-control", b"no-store"),))

    def _caller(self, request: Request, scope: str | None) -> str | Answer:
        """The calling client, or what the gateway of the APIs answers."""
        token = self._access.open(request.bearer())
        if token is None:
            return _gateway(401, "JETON_INVALIDE", "Le jeton d'accès est absent, inconnu ou expiré")
        agent = [request.header(name) for name in _AGENT_HEADERS]
        if None in agent:
            return redirect("https://authentification-agent.example/connexion")
        if not all(value and value.strip() for value in agent):
            return reply(401)
        if any(b"|" in (value or b"") for value in agent):
            return _gateway(400, "EN_TETE_INVALIDE", "Le caractère | est interdit dans les en-têtes de l'agent")
        if scope is not None and scope not in token["scopes"]:
            return _gateway(403, "ACCES_INTERDIT", "Le jeton d'accès ne porte pas le scope de cette API")
        return str(token["client"])

    def _search(self, find: Callable[[Mapping[str, Any]], Person | str], request: Request) -> Answer:
        caller = self._caller(request, _SEARCH_SCOPE)
        if isinstance(caller, Answer):
            return caller
        try:
            found = find(request.json())
        except (ValueError, TypeError, KeyError, AttributeError):
            found = "invalid"
        if isinstance(found, str):
            return _outcome(found)
        standing = found.standings[INSTITUTION]
        if broken := misbehaviour(standing, "search") or _busy(found, "search"):
            return broken
        situation = standing.at("search")
        if situation == "no_content":
            return reply(204)
        if situation not in {"found", "slow", "drift"}:
            return _outcome(situation)
        token = self._users.seal({"person": found.id, "client": caller}, seconds=USER_TOKEN_SECONDS)
        certified = "O" if standing.data.get("certified", True) else "N"
        whole = drifted(_result("found", certified=certified, user=token), standing.drift.get("search", ()))
        return late(reply(200, whole), standing, "search")

    def _by_birth(self, criteria: Mapping[str, Any]) -> Person | str:
        number, birth = criteria["nir"], criteria["dateNaissance"]
        datetime.strptime(birth, "%Y-%m-%d").replace(tzinfo=UTC)
        if not _NIR.match(number) or (len(number) == 15 and number[13:] != nir_key(number)):
            return "invalid"
        person = self._by_nir.get(number[:13])
        return person if person is not None and person.identity["birth_date"] == birth else "no_file"

    def _by_ft_number(self, criteria: Mapping[str, Any]) -> Person | str:
        number = criteria["numeroFranceTravail"]
        if not re.fullmatch(r"\d{11}", number):
            return "invalid"
        return self._by_number.get(number, "no_file")

    def _about(self, call: str, scope: str | None, request: Request) -> Answer:
        caller = self._caller(request, scope)
        if isinstance(caller, Answer):
            return caller
        user = self._users.open((request.header(b"ft-jeton-usager") or b"").decode("latin-1"))
        if user is None or user["client"] != caller:
            return _gateway(
                401, "JETON_USAGER_INVALIDE", "Le jeton usager est absent, inconnu, expiré ou d'un autre appelant"
            )
        day = self._clock() // _DAY
        if day != self._day:
            self._render(day)
        key = (user["person"], call, request.query)
        return self._plain.get(key) or self._compose(self._people[user["person"]], call, request)

    def _compose(self, person: Person, call: str, request: Request) -> Answer:
        standing = person.standings[INSTITUTION]
        situation = standing.at(call)
        if broken := misbehaviour(standing, call) or _busy(person, call):
            return broken
        if situation == "down":
            return self.down()
        if situation == "refused":
            return _gateway(403, "ACCES_INTERDIT", "Accès non autorisé")
        document = self._documents[person.id].get(call)
        if call == "orientation" and document is not None:
            state = request.parameters().get("etatOrientation")
            document = [row for row in document if state is None or row["etat"] == state[0]]
        if not document:
            return reply(204)
        if situation == "drift":
            document = drifted(document, standing.drift.get(call, ()))
        answer = late(reply(200, encode(document)), standing, call)
        if not answer.wait and len(self._plain) < _KEPT:
            self._plain[person.id, call, request.query] = answer
        return answer

    def _render(self, day: int) -> None:
        """Appointments are told in days from today: write every document anew when the day changes."""
        today = datetime.fromtimestamp(day * _DAY / 1000, UTC)
        self._documents = {person.id: documents(person, today=today) for person in self._people.values()}
        self._plain.clear()
        self._day = day


def _result(situation: str, *, certified: str = "null", user: str = "null") -> dict[str, str]:
    _, code, message = _OUTCOMES[situation]
    return {"codeRetour": code, "message": message, "topIdentiteCertifiee": certified, "jetonUsager": user}


def _outcome(situation: str) -> Answer:
    return reply(_OUTCOMES[situation][0], _result(situation))


def _busy(person: Person, call: str) -> Answer | None:
    standing = person.standings[INSTITUTION]
    if standing.at(call) not in {"rate_limited", "quota_reached"}:
        return None
    return replace(
        reply(429), headers=((b"content-length", b"0"), (b"retry-after", str(standing.retry_after or 60).encode()))
    )


def _gateway(status: int, code: str, message: str) -> Answer:
    return reply(status, {"codeErreur": code, "codeHttp": status, "message": message})


def _oauth(error: str, description: str) -> Answer:
    return reply(400, {"error": error, "error_description": description})
