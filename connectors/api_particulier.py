"""API Particulier v3: CAF and MSA benefits by civil identity, job-seeker status by login.

Answers for one call per benefit, all at once; the quotient familial and the household share theirs. Refuses to
call what holds none of the permitted fields, to ask about somebody without the identity the API demands, and to
give any row when an answer speaks of somebody else: what was asked by the same identity is then all in doubt.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import httpx

from connectors.api_particulier_answers import FIELDS, birth_dates, refusal_of, row_of
from connectors.base import Ask, Clock, Fetched, Health, Outcome, Supply, by_dataset, not_supplied, now_ms
from connectors.config import read_config
from connectors.http import USER_AGENT, PartnerClient, Reply
from connectors.identifiers import Pivot, pivot
from connectors.outcomes import Verdict, doubtful_together, nothing
from connectors.reading import Notes
from connectors.request import Endpoint, quoted

_HOUR, _DAY = 3_600, 86_400
_FRANCE = "99100"
_MOST_GIVEN_NAMES = 3
_MISSING = Verdict(Outcome.unknown_person, "identifier_missing")
_UNUSABLE = Verdict(Outcome.unknown_person, "identifier_unusable")
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
        calls = _calls_for(ask.fields)
        if len(calls) == 1:  # the common case needs no task
            answers = [await self._ask(calls[0], ask.fields, queries, deadline)]
        else:
            asked = (self._ask(call, ask.fields, queries, deadline) for call in calls)
            answers = await asyncio.gather(*asked)
        fetched = {item.dataset: item for answer in answers for item in answer}
        return doubtful_together(fetched) | not_supplied(ask, DATASETS, collected_at=self._client.clock())

    async def _ask(self, call: _Call, fields: tuple[str, ...], queries: "_Queries", deadline: float) -> list[Fetched]:
        query = queries.identity if call.needs == "pivot" else queries.login
        asked = [dataset for dataset in call.datasets if dataset in by_dataset(fields)]
        if isinstance(query, Verdict):
            return [self._nothing(dataset, query) for dataset in asked]
        request = self._endpoints[call.path].request(self._headers, query=query)
        reply = await self._client.call(request, deadline=deadline)
        refusal = refusal_of(reply)
        if refusal is None:
            data = reply.data.get("data") if isinstance(reply.data, dict) else None
            if isinstance(data, dict):
                return self._rows(call, asked, fields, reply, data, queries.person)
            refusal = _UNREADABLE
        return [self._nothing(dataset, refusal) for dataset in asked]

    def _rows(  # noqa: PLR0917  one private caller
        self,
        call: _Call,
        asked: list[str],
        fields: tuple[str, ...],
        reply: Reply,
        data: dict[str, Any],
        person: Pivot | None,
    ) -> list[Fetched]:
        born = birth_dates(data)
        if person is not None and born and all(person.contradicts(date) for date in born):
            mismatch = Verdict(Outcome.ambiguous, "identity_mismatch")
            return [self._nothing(dataset, mismatch) for dataset in asked]
        now = self._client.clock()
        fetched = []
        for dataset in asked:
            notes = Notes()
            row = row_of(dataset, data, wanted=by_dataset(fields)[dataset], notes=notes, now=now)
            fetched.append(
                Fetched(
                    dataset=dataset,
                    outcome=Outcome.found if row else Outcome.drift,
                    rows=(row,) if row else (),
                    collected_at=now - _age(call, reply),
                    drift=notes.paths,
                    detail="" if row else "unreadable",
                )
            )
            self._client.guard.drifted(notes.paths)
        return fetched

    def _nothing(self, dataset: str, verdict: Verdict) -> Fetched:
        return nothing(dataset, verdict, collected_at=self._client.clock())

    def health(self) -> Health:
        """See `base.Connector.health`."""
        return self._client.guard.health()

    async def close(self) -> None:
        """See `base.Connector.close`."""
        await self._client.close()


class _Queries:
    """The two ways a person is named to the API, or why one cannot be used."""

    __slots__ = ("identity", "login", "person")

    def __init__(self, ask: Ask) -> None:
        recipient = quoted(ask.recipient_siret)
        known = ask.identifiers.get("pivot")
        self.person = pivot(known)
        self.identity: str | Verdict = _MISSING if known is None else _identity(self.person, recipient)
        login = ask.identifiers.get("ft_login")
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
def _calls_for(fields: tuple[str, ...]) -> tuple[_Call, ...]:
    asked = by_dataset(fields)
    return tuple(call for call in _CALLS if not asked.keys().isdisjoint(call.datasets))


def _age(call: _Call, reply: Reply) -> int:
    """How long ago (ms) the API itself collected an answer that it kept."""
    if reply.headers.get("x-response-cached") != "true":
        return 0
    left = reply.headers.get("x-cache-expires-in", "")
    return max(0, call.kept - int(left)) * 1000 if left.isascii() and left.isdigit() else 0
