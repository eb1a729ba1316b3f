"""API Particulier v3: CAF and MSA benefits by civil identity, job-seeker status by login.

Answers for one call per benefit, all at once; the quotient familial and the household share theirs. Refuses to
call what holds none of the permitted fields, to ask about somebody without the identity the API demands, and to
give any row when an answer speaks of somebody else: what was asked by the same identity is then all in doubt.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import httpx

from connectors.api_particulier_answers import FIELDS, birth_dates, refusal_of, row_of
from connectors.base import Ask, Clock, Fetched, Health, Outcome, Supply, by_dataset, not_supplied, now_ms
from connectors.config import read_config
from connectors.errors import ConnectorConfigInvalid
from connectors.http import USER_AGENT, PartnerClient, Reply
from connectors.identifiers import Pivot, is_birth_date, pivot
from connectors.outcomes import Verdict, doubtful_together, nothing, unreadable
from connectors.reading import Notes
from connectors.request import Endpoint, quoted

_HOUR, _DAY = 3_600, 86_400
_FRANCE = "99100"
_MOST_GIVEN_NAMES = 3
_MISSING = Verdict(Outcome.unknown_person, "identifier_missing")
_UNUSABLE = Verdict(Outcome.unknown_person, "identifier_unusable")
_MISMATCH = Verdict(Outcome.ambiguous, "identity_mismatch")
_UNREADABLE = Verdict(Outcome.drift, "unreadable")


@dataclass(frozen=True, slots=True)
class _Call:
    """One resource, the datasets its answer fills, what it is asked with, how long the API keeps an answer."""

    path: str
    datasets: tuple[str, ...]
    needs: str
    kept: int


_CALLS = (
    _Call("/v3/dss/revenu_solidarite_active/identite", ("rsa",), "pivot", _HOUR),
    _Call("/v3/dss/prime_activite/identite", ("prime_activite",), "pivot", _HOUR),
    _Call("/v3/dss/allocation_adulte_handicape/identite", ("aah",), "pivot", _HOUR),
    _Call("/v3/dss/complementaire_sante_solidaire/identite", ("c2s",), "pivot", _HOUR),
    _Call("/v3/dss/quotient_familial/identite", ("quotient_familial", "household"), "pivot", _DAY),
    _Call("/v3/france_travail/statut/identifiant", ("job_seeker",), "ft_login", _HOUR),
)
DATASETS: Mapping[str, Supply] = MappingProxyType(
    {
        dataset: Supply(fields=FIELDS[dataset], needs=(frozenset({call.needs}),))
        for call in _CALLS
        for dataset in call.datasets
    }
)


def build(config: Mapping[str, Any], *, clock: Clock = now_ms) -> "ApiParticulier":
    """The connector of one API Particulier account: `base_url`, `credentials.token`."""
    settings = read_config(config, credentials=frozenset({"token"}), auth=False, options={})
    if not settings.credentials["token"].isascii():  # it goes into a header
        raise ConnectorConfigInvalid("credentials.token", "holds a character that no token has")
    return ApiParticulier(
        client=settings.client(clock=clock, calls_per_second=20),  # the API's own limit per token
        base_url=settings.base_url,
        token=settings.credentials["token"],
    )


class ApiParticulier:
    """One API Particulier account."""

    datasets = DATASETS

    def __init__(self, *, client: PartnerClient, base_url: str, token: str) -> None:
        self._client = client
        self._endpoints = {call.path: Endpoint("GET", base_url + call.path) for call in _CALLS}
        self._headers = httpx.Headers(
            self._endpoints[_CALLS[0].path].headers(
                Authorization=f"Bearer {token}", Accept="application/json", User_Agent=USER_AGENT
            )
        )

    async def fetch(self, ask: Ask, *, deadline: float) -> Mapping[str, Fetched]:
        """See `base.Connector.fetch`."""
        queries = _Queries(ask)
        calls, whole = _plan(ask.fields)
        if len(calls) == 1:  # the common case needs no task
            fetched = await self._ask(*calls[0], queries, deadline)
        else:
            answers = await asyncio.gather(*(self._ask(*call, queries, deadline) for call in calls))
            fetched = doubtful_together({name: item for answer in answers for name, item in answer.items()})
        return fetched if whole else fetched | not_supplied(ask, DATASETS, collected_at=self._client.clock())

    async def _ask(
        self, call: _Call, wanted: Mapping[str, frozenset[str]], queries: "_Queries", deadline: float
    ) -> dict[str, Fetched]:
        query = queries.identity if call.needs == "pivot" else queries.login
        if isinstance(query, Verdict):
            return self._nothing(wanted, query)
        request = self._endpoints[call.path].request(self._headers, query=query)
        reply = await self._client.call(request, deadline=deadline)
        data: dict[str, Any] = {}
        verdict = refusal_of(reply)
        if verdict is None:
            login = queries.ft_login if call.needs == "ft_login" else None
            data, verdict = _about(reply.data, queries.person, login)
        if verdict is not None:
            self._client.guard.drifted(verdict.drift)
            return self._nothing(wanted, verdict)
        now = self._client.clock()
        collected_at = now - _age(call, reply)
        return {dataset: self._read(dataset, fields, data, now, collected_at) for dataset, fields in wanted.items()}

    def _read(
        self, dataset: str, wanted: frozenset[str], data: Mapping[str, Any], now: int, collected_at: int
    ) -> Fetched:
        notes = Notes()
        row = row_of(dataset, data, wanted=wanted, notes=notes, now=now)
        drift = notes.paths
        if drift:
            self._client.guard.drifted(drift)
        if not row and drift:  # a row may be empty without: a line of an address without its town
            return nothing(dataset, _UNREADABLE, collected_at=now, drift=drift)
        return Fetched(dataset=dataset, outcome=Outcome.found, rows=(row,), collected_at=collected_at, drift=drift)

    def _nothing(self, wanted: Iterable[str], verdict: Verdict) -> dict[str, Fetched]:
        now = self._client.clock()
        return {dataset: nothing(dataset, verdict, collected_at=now) for dataset in wanted}

    def health(self) -> Health:
        """See `base.Connector.health`."""
        return self._client.guard.health()

    async def close(self) -> None:
        """See `base.Connector.close`."""
        await self._client.close()


class _Queries:
    """The two ways a person is named to the API, or why one cannot be used."""

    __slots__ = ("ft_login", "identity", "login", "person")

    def __init__(self, ask: Ask) -> None:
        recipient = quoted(ask.recipient_siret)
        known = ask.identifiers.get("pivot")
        self.person = pivot(known)
        self.identity: str | Verdict = _MISSING if known is None else _identity(self.person, recipient)
        self.ft_login = login = ask.identifiers.get("ft_login")
        self.login: str | Verdict = f"recipient={recipient}&identifiant={quoted(login)}" if login else _MISSING


def _identity(person: Pivot | None, recipient: str) -> str | Verdict:
    """The civil identity as the API wants it; the place of birth only, and always, for those born in France."""
    if person is None or (person.birth_country == _FRANCE and person.birth_place is None):
        return _UNUSABLE
    query = f"recipient={recipient}&nomNaissance={quoted(person.family_name)}"
    if person.usual_name is not None:
        query += f"&nomUsage={quoted(person.usual_name)}"
    for name in person.given_names[:_MOST_GIVEN_NAMES]:
        query += f"&prenoms%5B%5D={quoted(name)}"
    if person.birth_year:
        query += f"&anneeDateNaissance={person.birth_year}"
        if person.birth_month:  # the API ignores a month without its year, a day without its month
            query += f"&moisDateNaissance={person.birth_month}"
            if person.birth_day:
                query += f"&jourDateNaissance={person.birth_day}"
    if person.birth_country == _FRANCE and person.birth_place is not None:
        query += f"&codeCogInseeCommuneNaissance={quoted(person.birth_place)}"
    return f"{query}&codeCogInseePaysNaissance={quoted(person.birth_country)}&sexeEtatCivil={person.sex}"


@lru_cache(maxsize=1024)
def _plan(fields: tuple[str, ...]) -> tuple[tuple[tuple[_Call, Mapping[str, frozenset[str]]], ...], bool]:
    """The calls to make, each with the fields wanted of it, and whether that covers all that was asked."""
    asked = by_dataset(fields)
    calls = ((call, {name: asked[name] for name in call.datasets if name in asked}) for call in _CALLS)
    return tuple((call, wanted) for call, wanted in calls if wanted), asked.keys() <= DATASETS.keys()


def _about(answer: Any, person: Pivot | None, login: str | None) -> tuple[dict[str, Any], Verdict | None]:
    """The member `data` of an answer, and why it cannot be read as the person's if it cannot."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        return {}, _UNREADABLE
    echo = data.get("identifiant", login)  # the login, as it was asked with
    if login is not None and echo != login:
        return {}, _MISMATCH if isinstance(echo, str) else unreadable("/data/identifiant")
    path, born = birth_dates(data)
    readable = [date for date in born if is_birth_date(date)]
    if person is None or not born or not all(person.contradicts(date) for date in readable):
        return data, None
    return {}, _MISMATCH if len(readable) == len(born) else unreadable(path)


def _age(call: _Call, reply: Reply) -> int:
    """How long ago (ms) the API itself collected an answer that it kept."""
    if reply.header(b"x-response-cached") != "true":
        return 0
    left = reply.header(b"x-cache-expires-in")
    return max(0, call.kept - int(left)) * 1000 if left.isascii() and left.isdigit() else 0
