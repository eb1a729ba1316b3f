"""A simulated API Particulier v3: social protection (CNAV) and job-seeker status, about fictional people.

Answers for: token, scopes, recipient, identity parameters, cache and rate headers, the published errors, and
409 while the same slow request runs. Refuses to do: counting calls; 429 is a situation of a person, so that a
bench may call as fast as it can. Contract: published OpenAPI description of API Particulier 3.0.0.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from connectors.base import Clock
from connectors.sandbox.api_particulier_data import DSS, FRANCE_TRAVAIL, Resource, absent, document, error
from connectors.sandbox.asgi import Answer, Request, Route, encode, reply
from connectors.sandbox.people import Person, stranger
from connectors.sandbox.situations import drifted, late, misbehaviour

INSTITUTION = "caf-brume"
_KEPT = 4096
_CACHED = (b"x-response-cached", b"true")
_FRESH = ((b"x-response-cached", b"false"), (b"x-cache-expires-in", b""))
_ERRORS = {
    "refused": "00100",
    "rejected": "00366",
    "busy": "00015",
    "network_error": "00501",
}
_PROVIDER_ERRORS = {"down": "999", "timed_out": "002"}

# Whose FranceConnect token is this, and which scopes does it hold?
Resolve = Callable[[str], tuple[Person, frozenset[str]] | None]
Find = Callable[[dict[str, list[str]]], Person | None]  # raises ValueError when the parameters are malformed


class ApiParticulier:
    """The routes of API Particulier."""

    def __init__(
        self, people: Mapping[str, Person], tokens: Mapping[str, Mapping[str, Any]], *, clock: Clock, resolve: Resolve
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._resolve = resolve
        self._by_name: dict[tuple[str, str], list[Person]] = {}
        self._by_login: dict[str, Person] = {}
        self._running: dict[tuple[bytes | None, str, bytes], int] = {}
        self._cache: dict[tuple[bytes | None, str, bytes], tuple[Answer, int]] = {}
        for person in people.values():
            key = (plain(person.family_name), plain(person.given_names[0]))
            self._by_name.setdefault(key, []).append(person)
            if "ft_login" in person.numbers:
                self._by_login[person.numbers["ft_login"]] = person

    def routes(self) -> Iterator[Route]:
        """Every published path kept here."""
        for resource in DSS:
            yield "GET", f"/v3/dss/{resource.path}/identite", partial(self._civil, resource)
            yield "GET", f"/v3/dss/{resource.path}/france_connect", partial(self._france_connect, resource)
        for resource in FRANCE_TRAVAIL:
            yield "GET", f"/v3/france_travail/{resource.path}/identifiant", partial(self._login, resource)

    def down(self) -> Answer:
        """What the whole institution answers while it is switched off."""
        return self._rated(error("37001"))

    def _civil(self, resource: Resource, request: Request) -> Answer:
        return self._rated(self._cached(resource, request, self._find_by_identity))

    def _login(self, resource: Resource, request: Request) -> Answer:
        return self._rated(self._cached(resource, request, self._find_by_login))

    def _france_connect(self, resource: Resource, request: Request) -> Answer:
        known = self._resolve(request.bearer())
        if known is None:
            return self._rated(error("00101"))
        person, scopes = known
        return self._rated(self._allowed(resource, request, scopes, lambda _: person)[0])

    def _cached(self, resource: Resource, request: Request, find: Find) -> Answer:
        key = (request.header(b"authorization"), request.path, request.query)
        now = self._clock()
        if key in self._cache and request.header(b"cache-control") != b"no-cache":
            answer, until = self._cache[key]
            if now < until:
                return answer.plus(_CACHED, (b"x-cache-expires-in", str((until - now) // 1000).encode()))
        if now < self._running.get(key, 0):
            return error("00015")
        scopes = self._scopes(request.bearer())
        if isinstance(scopes, Answer):
            return scopes
        answer, seconds = self._allowed(resource, request, scopes, find)
        if answer.wait:
            _keep(self._running, key, now + int(answer.wait * 1000))
        if not seconds:
            return answer
        _keep(self._cache, key, (answer, now + seconds * 1000))
        return answer.plus(*_FRESH)

    def _scopes(self, token: str) -> frozenset[str] | Answer | None:
        known = self._tokens.get(token)
        if known is None:
            return error("00101")
        if "error" in known:
            return error({"expired": "00103", "leaked": "00105"}[known["error"]])
        return None if known["scopes"] == "all" else frozenset(known["scopes"])

    def _allowed(
        self,
        resource: Resource,
        request: Request,
        scopes: frozenset[str] | None,
        find: Find,
    ) -> tuple[Answer, int]:
        """The answer, and for how many seconds the cache keeps it."""
        members = {name for name, scope in resource.scopes.items() if scopes is None or scope in scopes}
        if not members:
            return error("00100"), 0
        parameters = request.parameters()
        recipient = parameters.get("recipient", [""])[0]
        if not recipient:
            return error("00203"), 0
        if not is_siret(recipient):
            return error("00210"), 0
        try:
            person = find(parameters)
            month = self._month(parameters)
        except ValueError:
            return error("00366"), 0
        if person is None:
            return absent(resource, "37003"), 0
        return _refusal(person, resource) or self._data(person, resource, members, month)

    def _data(
        self, person: Person, resource: Resource, members: set[str], month: tuple[int, int]
    ) -> tuple[Answer, int]:
        standing = person.standings[INSTITUTION]
        shown = stranger(person) if standing.at(resource.call) == "another_person" else person
        data = document(shown, resource, month=month)
        if standing.at(resource.call) == "no_file" or data is None:
            return absent(resource, standing.code), 0
        whole = {"data": {name: value for name, value in data.items() if name in members}, "links": {}, "meta": {}}
        if standing.at(resource.call) == "drift":
            whole = drifted(whole, standing.drift.get(resource.call, ()))
        answer = late(reply(200, encode(whole)), standing, resource.call)
        return answer, 0 if answer.wait else resource.ttl

    def _find_by_login(self, parameters: dict[str, list[str]]) -> Person | None:
        return self._by_login.get(_one(parameters, "identifiant"))

    def _find_by_identity(self, parameters: dict[str, list[str]]) -> Person | None:
        given = parameters.get("prenoms[]", [])
        if not 1 <= len(given) <= 3 or not all(given):
            raise ValueError
        sex = _one(parameters, "sexeEtatCivil")
        country = _one(parameters, "codeCogInseePaysNaissance")
        if sex not in {"F", "M"} or len(country) != 5:
            raise ValueError
        birth = [int(parameters.get(f"{part}DateNaissance", ["0"])[0]) for part in ("annee", "mois", "jour")]
        place = _birth_place(parameters, born_in_france=country == "99100")
        for person in self._by_name.get((plain(_one(parameters, "nomNaissance")), plain(given[0])), ()):
            identity = person.identity
            known = [int(part) for part in identity["birth_date"].split("-")]
            same_day = all(a == b or 0 in {a, b} for a, b in zip(birth, known, strict=True))
            same_place = place in {identity.get("birth_place"), "by name"} if country == "99100" else True
            if identity["sex"] == sex and identity["birth_country"] == country and same_day and same_place and birth[0]:
                return person
        return None

    def _month(self, parameters: dict[str, list[str]]) -> tuple[int, int]:
        today = datetime.fromtimestamp(self._clock() / 1000, UTC)
        year = int(parameters.get("annee", [str(today.year)])[0])
        month = int(parameters.get("mois", [str(today.month)])[0])
        if not (1 <= month <= 12 and today.year - 2 <= year <= today.year):
            raise ValueError
        return year, month

    def _rated(self, answer: Answer) -> Answer:
        reset = str(self._clock() // 1000 + 1).encode()
        left = b"0" if answer.status == 429 else b"19"
        return answer.plus((b"ratelimit-limit", b"20"), (b"ratelimit-remaining", left), (b"ratelimit-reset", reset))


def _refusal(person: Person, resource: Resource) -> tuple[Answer, int] | None:
    """What is answered instead of data, when that is the person's situation."""
    standing = person.standings[INSTITUTION]
    situation = standing.at(resource.call)
    if broken := misbehaviour(standing, resource.call):
        return broken, 0
    if situation in {"rate_limited", "quota_reached"}:
        return error("00429", headers=((b"retry-after", str(standing.retry_after or 1).encode()),)), 0
    if situation in _ERRORS:
        return error(_ERRORS[situation]), 0
    if situation in _PROVIDER_ERRORS:
        return error(resource.provider + _PROVIDER_ERRORS[situation]), 0
    return None


def _keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    if len(kept) >= _KEPT:
        kept.clear()
    kept[key] = value


def _one(parameters: Mapping[str, list[str]], name: str) -> str:
    """A required parameter; raises ValueError."""
    value = parameters.get(name, [""])[0]
    if not value:
        raise ValueError
    return value


def _birth_place(parameters: Mapping[str, list[str]], *, born_in_france: bool) -> str:
    """The commune asked for, as a code; by name it needs its department and the year, and any commune fits."""
    code = parameters.get("codeCogInseeCommuneNaissance", [""])[0]
    if code:
        if len(code) != 5:
            raise ValueError
        return code
    named = all(
        parameters.get(name, [""])[0]
        for name in ("nomCommuneNaissance", "codeCogInseeDepartementNaissance", "anneeDateNaissance")
    )
    if born_in_france and not named:
        raise ValueError
    return "by name"


def is_siret(text: str) -> bool:
    """Whether 14 digits carry the key of Luhn, as the API checks before it asks anybody."""
    if len(text) != 14 or not (text.isascii() and text.isdigit()):
        return False
    doubled = (int(digit) * (2 - position % 2) for position, digit in enumerate(text))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def plain(text: str) -> str:
    """A name without accents, hyphens, case or double blanks, as the registers compare it."""
    letters = unicodedata.normalize("NFKD", text.replace("-", " ").replace("'", " "))
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).upper().split())
