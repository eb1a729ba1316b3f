"""Simulated rdv-insertion v1, and the sign-in of RDV Service Public that opens it.

Answers for: the three-header session of an agent, its rights, departments, users by page of 25 with a text
search, one appointment, and the 422 of creating a user. Refuses to do: keeping what is sent, inviting, webhooks,
counting calls. Contract: published OpenAPI description of rdv-insertion 1.

The search looks where the real one does (first name, last name, CAF number, mail, phone; every word must begin
one of theirs), so a connector cannot come to rely on searching by another number.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.base import Clock
from connectors.sandbox import rdv_insertion_data as data
from connectors.sandbox.api_particulier import plain
from connectors.sandbox.asgi import HTML, Answer, Request, Route, encode, reply
from connectors.sandbox.people import Person, stranger
from connectors.sandbox.seals import Seals
from connectors.sandbox.situations import drifted, late, misbehaviour

INSTITUTION = "dept-brume"
SESSION_SECONDS = 24 * 3600
PAGE = 25
_KEPT = 1024
_DAY = 86_400_000
_SEARCHED = ("first_name", "last_name", "affiliation_number", "email", "phone_number")
_UNAVAILABLE = b"<!doctype html><html lang=fr><title>Service indisponible</title><h1>Service indisponible</h1></html>"


class RdvInsertion:
    """The routes of both services."""

    def __init__(self, people: Mapping[str, Person], agents: Mapping[str, Mapping[str, Any]], *, clock: Clock) -> None:
        self._people = {person.id: person for person in people.values() if "rdvi_user" in person.numbers}
        self._agents = agents
        self._clock = clock
        self._sessions = Seals("rdv-solidarites session", clock=clock)
        self._day = -1
        self._rdvs: dict[str, tuple[Person, Any]] = {}
        self._encoded: dict[str, Answer] = {}
        self._rows = self._all_rows()
        self._searches: dict[tuple[int, bytes], Answer] = {}

    def sign_in_routes(self) -> Iterator[Route]:
        """RDV Service Public."""
        yield "POST", "/api/v1/auth/sign_in", self._sign_in

    def routes(self) -> Iterator[Route]:
        """rdv-insertion."""
        yield "GET", "/api/v1/departments/{number}", self._department
        yield "GET", "/api/v1/rdvs/{uuid}", self._rdv
        yield "GET", "/api/v1/organisations/{organisation}/users", self._users
        yield "POST", "/api/v1/organisations/{organisation}/users", self._create

    def down(self) -> Answer:
        """What both services answer while the institution is switched off: the host's page, not JSON."""
        return reply(503, _UNAVAILABLE, content_type=HTML)

    def _sign_in(self, request: Request) -> Answer:
        agent, allowed = None, False
        try:
            asked = request.json()
            agent = self._agents.get(asked["email"])
            allowed = agent is not None and agent["password"] == asked["password"]
        except (ValueError, TypeError, KeyError):
            pass
        if agent is None or not allowed:
            return reply(401, {"success": False, "errors": ["Adresse e-mail ou mot de passe incorrect."]})
        mail = asked["email"]
        client = f"bac-a-sable-{agent['id']}"
        token = self._sessions.seal({"uid": mail, "client": client}, seconds=SESSION_SECONDS)
        expiry = str(self._clock() // 1000 + SESSION_SECONDS)
        headers = {"access-token": token, "token-type": "Bearer", "client": client, "expiry": expiry, "uid": mail}
        body = {
            "data": {
                "id": agent["id"],
                "email": mail,
                "first_name": agent["first_name"],
                "last_name": agent["last_name"],
                "provider": "email",
                "uid": mail,
                "service_id": 4,
                "deleted_at": None,
                "allow_password_change": False,
            }
        }
        return reply(200, body, headers=tuple((name.encode(), value.encode()) for name, value in headers.items()))

    def _organisations(self, request: Request) -> frozenset[int] | Answer:
        """The organisations of the agent behind the session, or 401."""
        given = {name: (request.header(name) or b"").decode("latin-1") for name in (b"access-token", b"client", b"uid")}
        session = self._sessions.open(given[b"access-token"])
        if session is None or session["client"] != given[b"client"] or session["uid"] != given[b"uid"]:
            return reply(401, {"errors": ["Les identifiants de session RDV-Solidarités sont invalides"]})
        return frozenset(self._agents[session["uid"]]["organisations"])

    def _department(self, request: Request) -> Answer:
        mine = self._organisations(request)
        if isinstance(mine, Answer):
            return mine
        number = request.variables["number"]
        if number not in data.DEPARTMENTS:
            return _not_found("Department")
        if not mine.intersection(data.DEPARTMENTS[number][3]):
            return _forbidden()
        return reply(200, data.department(number))

    def _organisation(self, request: Request) -> int | Answer:
        """The organisation of the path, when the agent belongs to it."""
        mine = self._organisations(request)
        if isinstance(mine, Answer):
            return mine
        number = _number(request.variables["organisation"])
        if number not in data.ORGANISATIONS:
            return _not_found("Organisation")
        return number if number in mine else _forbidden()

    def _rdv(self, request: Request) -> Answer:
        mine = self._organisations(request)
        if isinstance(mine, Answer):
            return mine
        day = self._clock() // _DAY
        if day != self._day:
            self._render(day)
        uuid = request.variables["uuid"]
        if uuid not in self._rdvs:
            return _not_found("Rdv")
        if not mine:
            return _forbidden()
        if uuid in self._encoded:
            return self._encoded[uuid]
        person, document = self._rdvs[uuid]
        if fault := _fault(person, "rdv"):
            return fault
        standing = person.standings[INSTITUTION]
        if standing.at("rdv") == "drift":
            document = drifted(document, standing.drift.get("rdv", ()))
        answer = late(reply(200, encode(document)), standing, "rdv")
        if not answer.wait:
            self._encoded[uuid] = answer
        return answer

    def _users(self, request: Request) -> Answer:
        organisation = self._organisation(request)
        if isinstance(organisation, Answer):
            return organisation
        key = (organisation, request.query)
        if key in self._searches:
            return self._searches[key]
        parameters = request.parameters()
        words = plain(parameters.get("search_query", [""])[0]).split()
        page = max(1, _number(parameters.get("page", ["1"])[0]))
        found = [(person, row) for person, row, keys in self._rows if _matches(words, keys)]
        answer = _page(found, page, masked=data.MASKED[data.ORGANISATIONS[organisation][1]])
        for person, _ in found if words else ():
            if person is None:
                continue
            if fault := _fault(person, "user"):
                return fault
            answer = late(answer, person.standings[INSTITUTION], "user")
        if not answer.wait and len(self._searches) < _KEPT:
            self._searches[key] = answer
        return answer

    def _create(self, request: Request) -> Answer:
        organisation = self._organisation(request)
        if isinstance(organisation, Answer):
            return organisation
        try:
            asked = request.json()["user"]
            given = {key: asked.get(key) for key in ("first_name", "last_name", "title", "role", "email")}
        except (ValueError, TypeError, KeyError, AttributeError):
            given = {}
        if wrong := _wrong(given):
            names = {key: given.get(key) or "" for key in ("first_name", "last_name")}
            return reply(422, {"success": False, "errors": [{"error_details": wrong, **names}]})
        row = data.stand_in(999, last_name=given["last_name"], first_name=given["first_name"])
        return reply(200, {"success": True, "user": {**row, **{k: v for k, v in given.items() if v}}})

    def _all_rows(self) -> list[tuple[Person | None, dict[str, Any], tuple[str, ...]]]:
        rows: list[tuple[Person | None, dict[str, Any]]] = []
        for person in self._people.values():
            standing = person.standings[INSTITUTION]
            if standing.situation == "no_file":
                continue
            row = data.listed(stranger(person) if standing.at("user") == "another_person" else person)
            if standing.at("user") == "drift":
                row = drifted(row, standing.drift.get("user", ()))
            rows.append((person, row))
            if standing.at("user") == "several":
                rows.append((None, data.twin(row)))
        rows.extend((None, data.stand_in(index)) for index in range(1, data.STAND_INS + 1))
        rows.sort(key=lambda pair: int(pair[1]["id"]))
        return [(person, row, _keys(row)) for person, row in rows]

    def _render(self, day: int) -> None:
        today = datetime.fromtimestamp(day * _DAY / 1000, UTC)
        self._encoded.clear()
        self._rdvs = {
            uuid: (person, document)
            for person in self._people.values()
            for uuid, document in data.appointments(_shown(person), today=today).items()
        }
        self._day = day


def _number(text: str) -> int:
    """A number of reasonable length, 0 for anything else."""
    return int(text) if len(text) < 10 and text.isdecimal() else 0


def _shown(person: Person) -> Person:
    """The person an appointment speaks of."""
    return stranger(person) if person.standings[INSTITUTION].at("rdv") == "another_person" else person


def _fault(person: Person, call: str) -> Answer | None:
    standing = person.standings[INSTITUTION]
    situation = standing.at(call)
    if situation == "down":
        return reply(503, _UNAVAILABLE, content_type=HTML)
    if situation == "refused":
        return _forbidden()
    if situation in {"rate_limited", "quota_reached"}:
        return _too_many(standing.retry_after or 300)
    return misbehaviour(standing, call)


def _keys(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(word for name in _SEARCHED if row.get(name) for word in plain(str(row[name])).split())


def _matches(words: list[str], keys: tuple[str, ...]) -> bool:
    return all(any(key.startswith(word) for key in keys) for word in words)


def _page(found: list[tuple[Person | None, dict[str, Any]]], page: int, *, masked: tuple[str, ...]) -> Answer:
    rows = [
        {name: value for name, value in row.items() if name not in masked}
        for _, row in found[(page - 1) * PAGE : page * PAGE]
    ]
    pages = max(1, -(-len(found) // PAGE))
    pagination = {
        "current_page": page,
        "next_page": page + 1 if page < pages else None,
        "prev_page": page - 1 if page > 1 else None,
        "total_pages": pages,
        "total_count": len(found),
    }
    return reply(200, {"success": True, "users": rows, "pagination": pagination})


def _wrong(given: Mapping[str, Any]) -> str:
    """The published sentence about the first thing that is wrong with a user, empty when nothing is."""
    if not given.get("first_name"):
        return "Prénom doit être rempli(e)"
    if not given.get("last_name"):
        return "Nom doit être rempli(e)"
    if given.get("title") not in {"monsieur", "madame"}:
        return "Civilité n'est pas inclus(e) dans la liste"
    if given.get("role") not in {None, "demandeur", "conjoint"}:
        return "Rôle n'est pas inclus(e) dans la liste"
    if given.get("email") and not re.fullmatch(r"[\w.%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]+", str(given["email"])):
        return "Email n'est pas valide"
    return ""


def _not_found(what: str) -> Answer:
    return reply(404, {"not_found": what})


def _forbidden() -> Answer:
    return reply(403, {"errors": ["Votre compte ne vous permet pas d'effectuer cette action"]})


def _too_many(seconds: int) -> Answer:
    message = (
        f"Vous avez dépassé la limite de 500 requêtes autorisées. Veuillez réessayer dans moins de {seconds} secondes."
    )
    headers = (
        (b"retry-after", str(seconds).encode()),
        (b"x-ratelimit-limit", b"500"),
        (b"x-ratelimit-remaining", b"0"),
    )
    body = {"error": "Limite de requêtes atteinte", "retry_after": seconds, "message": message}
    return reply(429, body, headers=headers)
