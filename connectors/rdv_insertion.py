"""rdv-insertion: a person's identity and contact, and the appointments whose ids the gateway keeps.

Answers for the walk of its API v1:
 1  the session of an agent, signed in at rdv-solidarites: three headers, shared for 24 hours (tokens.py)
 2  the person among the users of one organisation: the search knows names and CAF numbers only, so every page
    of what it finds is compared with the identifiers asked for, until exactly one user is left
 3  each appointment by its uuid; one that speaks of somebody else puts all that was fetched in doubt
Refuses to list an organisation's users without a search, and to pick one of several.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import httpx
import orjson

from connectors.base import Ask, Clock, Fetched, Health, Outcome, Row, Supply, by_dataset, not_supplied, now_ms
from connectors.config import SourceConfig, read_config
from connectors.errors import ConnectorConfigInvalid
from connectors.http import USER_AGENT, PartnerClient, Reply
from connectors.identifiers import caf_number, nir, pivot
from connectors.outcomes import FAULTS, Verdict, doubtful_together, nothing, unreadable, verdict_of
from connectors.rdv_insertion_answers import FIELDS, USERS, Wanted, people_of, rdv_row, refusal_of, user_row
from connectors.reading import Notes
from connectors.request import Endpoint, Headers, quoted
from connectors.tokens import Granted, NotGranted, TokenCache, authorised

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII)
_DIGITS = re.compile(r"\d{1,12}\Z", re.ASCII)
_MOST_RDVS = 50
_MOST_PAGES = 10
_SESSION_MS = 24 * 3_600_000
_SESSION = (b"access-token", b"client", b"uid")

_USER_NEEDS = (
    frozenset({"caf_number"}),
    frozenset({"rdvi_user", "pivot"}),
    frozenset({"nir", "pivot"}),
)
DATASETS: Mapping[str, Supply] = MappingProxyType(
    {
        "identity": Supply(fields=FIELDS["identity"], needs=_USER_NEEDS),
        "contact": Supply(fields=FIELDS["contact"], needs=_USER_NEEDS),
        "rdv": Supply(fields=FIELDS["rdv"], needs=(frozenset({"rdvi_rdv"}),)),
    }
)
_MISSING = Verdict(Outcome.unknown_person, "identifier_missing")
_UNUSABLE = Verdict(Outcome.unknown_person, "identifier_unusable")
_NOBODY = Verdict(Outcome.unknown_person, "no_file")
_SEVERAL = Verdict(Outcome.ambiguous, "several_persons")
_MISMATCH = Verdict(Outcome.ambiguous, "identity_mismatch")
_UNREADABLE = Verdict(Outcome.drift, "unreadable")


def build(config: Mapping[str, Any], *, clock: Clock = now_ms) -> "RdvInsertion":
    """The connector of one agent account in one organisation.

    `base_url` (rdv-insertion), `auth_url` (rdv-solidarites), `credentials.email`, `credentials.password`,
    `options.organisation` (its rdv-solidarites id).
    """
    settings = read_config(
        config, credentials=frozenset({"email", "password"}), auth=True, options={"organisation": str}
    )
    if _DIGITS.match(settings.options.get("organisation", "")) is None:
        raise ConnectorConfigInvalid("options.organisation", "must be the number of an rdv-solidarites organisation")
    return RdvInsertion(settings, clock=clock)


@dataclass(slots=True)
class _Search:
    """What the pages of one search showed."""

    users: list[Mapping[str, Any]] = field(default_factory=list, repr=False)
    doubtful: bool = False
    unfinished: bool = False

    def keep(self, user: Mapping[str, Any]) -> bool:
        """Keep a user who matches, once per id: without ids, two are two. False when the id is no id."""
        number = user.get("id")
        if number is None or not any(known.get("id") == number for known in self.users):
            self.users.append(user)
        return number is None or type(number) is int

    def verdict(self) -> Verdict | None:
        """Why no user can be taken; None when exactly one can or none was met."""
        if self.doubtful:
            return _MISMATCH
        return _SEVERAL if self.unfinished or len(self.users) > 1 else None


class RdvInsertion:
    """One agent account of rdv-insertion."""

    datasets = DATASETS

    def __init__(self, settings: SourceConfig, *, clock: Clock) -> None:
        self._client: PartnerClient = settings.client(clock=clock)
        base = f"{settings.base_url}/api/v1"
        self._users = Endpoint("GET", f"{base}/organisations/{settings.options['organisation']}/users")
        self._rdvs = Endpoint("GET", f"{base}/rdvs")
        self._sign_in = Endpoint("POST", f"{settings.auth_url}/api/v1/auth/sign_in")
        self._account = orjson.dumps(settings.credentials)
        self._fixed = self._rdvs.headers(Accept="application/json", User_Agent=USER_AGENT)
        self._tokens: TokenCache[Headers] = TokenCache(self._renew, clock=clock)

    async def fetch(self, ask: Ask, *, deadline: float) -> Mapping[str, Fetched]:
        """See `base.Connector.fetch`."""
        asked = by_dataset(ask.fields)
        wanted = Wanted(
            user=ask.identifiers.get("rdvi_user"),
            caf=caf_number(ask.identifiers.get("caf_number")),
            nir=nir(ask.identifiers.get("nir")),
            person=pivot(ask.identifiers.get("pivot")),
        )
        parts = []
        if not asked.keys().isdisjoint(("identity", "contact")):
            parts.append(self._user(ask, wanted, deadline))
        if "rdv" in asked:
            parts.append(self._appointments(ask, wanted, deadline))
        answers = [await parts[0]] if len(parts) == 1 else await asyncio.gather(*parts)
        fetched = {item.dataset: item for answer in answers for item in answer}
        return doubtful_together(fetched) | not_supplied(ask, DATASETS, collected_at=self._client.clock())

    async def _user(self, ask: Ask, wanted: Wanted, deadline: float) -> list[Fetched]:
        asked = {name: fields for name, fields in by_dataset(ask.fields).items() if name in ("identity", "contact")}
        user = await self._find(ask, wanted, deadline)
        now = self._client.clock()
        if isinstance(user, Verdict):
            self._client.guard.drifted(user.drift)
            return [nothing(dataset, user, collected_at=now) for dataset in asked]
        fetched = []
        for dataset, fields in asked.items():
            notes = Notes()
            row = user_row(dataset, user, wanted=fields, notes=notes)
            fetched.append(self._found(dataset, (row,) if row else (), notes))
        return fetched

    async def _find(self, ask: Ask, wanted: Wanted, deadline: float) -> Mapping[str, Any] | Verdict:
        """2: the one user who is the person."""
        terms = _terms(wanted)
        if not terms:
            return _UNUSABLE if any(need <= ask.identifiers.keys() for need in _USER_NEEDS) else _MISSING
        for term in terms:
            search = await self._pages(term, wanted, deadline)
            if isinstance(search, Verdict):
                return search
            verdict = search.verdict()
            if verdict is not None:
                return verdict
            if search.users:
                return search.users[0]
        return _NOBODY

    async def _pages(self, term: str, wanted: Wanted, deadline: float) -> _Search | Verdict:
        search = _Search()
        for page in range(1, _MOST_PAGES + 1):
            query = f"search_query={quoted(term)}" + (f"&page={page}" if page > 1 else "")
            reply = await self._call(self._users, deadline, query=query)
            refusal = refusal_of(reply)
            if refusal is not None:
                return refusal
            users = reply.data.get("users") if isinstance(reply.data, dict) else None
            if not isinstance(users, list):
                return _UNREADABLE
            for user in users:
                if isinstance(user, dict):
                    match = wanted.matches(user)
                    search.doubtful = search.doubtful or match is None
                    if match and not search.keep(user):
                        return unreadable(f"{USERS}/id")
            pagination = reply.data.get("pagination")
            following = pagination.get("next_page", 0) if isinstance(pagination, dict) else 0
            if following is None:
                return search
            if type(following) is not int or following != page + 1:
                return unreadable("/pagination/next_page")  # who is on the pages not read cannot be told
        search.unfinished = True
        return search

    async def _appointments(self, ask: Ask, wanted: Wanted, deadline: float) -> list[Fetched]:
        """3: every appointment, or why not all of them can be told."""
        uuids = ask.identifiers.get("rdvi_rdv", "").lower().split()
        now = self._client.clock()
        if not uuids or len(uuids) > _MOST_RDVS or not all(map(_UUID.match, uuids)):
            return [nothing("rdv", _UNUSABLE if uuids else _MISSING, collected_at=now)]
        if len(uuids) == 1:
            replies = [await self._call(self._rdvs, deadline, segment=uuids[0])]
        else:
            replies = await asyncio.gather(*(self._call(self._rdvs, deadline, segment=uuid) for uuid in uuids))
        notes = Notes()
        rows: list[Row] = []
        for uuid, reply in zip(uuids, replies, strict=True):
            read = _rdv(uuid, reply, by_dataset(ask.fields)["rdv"], notes, wanted)
            if isinstance(read, Verdict) and read.outcome is not Outcome.no_data:
                return [nothing("rdv", read, collected_at=self._client.clock(), drift=notes.paths)]
            if not isinstance(read, Verdict) and read:
                rows.append(read)
        return [self._found("rdv", tuple(rows), notes)]

    def _found(self, dataset: str, rows: tuple[Row, ...], notes: Notes) -> Fetched:
        now, drift = self._client.clock(), notes.paths
        self._client.guard.drifted(drift)
        if rows:
            return Fetched(dataset=dataset, outcome=Outcome.found, rows=rows, collected_at=now, drift=drift)
        verdict = _UNREADABLE if drift else Verdict(Outcome.no_data, "no_file")
        return nothing(dataset, verdict, collected_at=now, drift=drift)

    async def _call(self, endpoint: Endpoint, deadline: float, *, query: str = "", segment: str = "") -> Reply:
        def make(session: Headers) -> httpx.Request:
            return endpoint.request([*self._fixed, *session], query=query, segment=segment)

        return await authorised(self._client, self._tokens, make, deadline=deadline)

    async def _renew(self) -> Granted[Headers] | NotGranted:
        """1: the session of the agent."""
        headers = self._sign_in.headers(
            Content_Type="application/json", Accept="application/json", User_Agent=USER_AGENT
        )
        request = self._sign_in.request(headers, body=self._account)
        reply = await self._client.call(request, deadline=self._client.patience())
        granted = _session(reply, now=self._client.clock())
        if isinstance(granted, NotGranted) and not reply.fault:
            self._client.guard.failed(granted.detail, counts=False)
        return granted

    def health(self) -> Health:
        """See `base.Connector.health`."""
        return self._client.guard.health()

    async def close(self) -> None:
        """See `base.Connector.close`."""
        await self._tokens.close()
        await self._client.close()


def _terms(wanted: Wanted) -> list[str]:
    """What to search for, narrowest first: each finding shows us people who are not concerned."""
    terms = [wanted.caf[0]] if wanted.caf is not None else []
    person = wanted.person
    if person is not None and (wanted.user is not None or wanted.nir is not None):
        names = [name for name in (person.usual_name, person.family_name) if name is not None]
        terms += [f"{person.given_names[0]} {name}" for name in names] + names
    return terms


def _rdv(uuid: str, reply: Reply, fields: frozenset[str], notes: Notes, wanted: Wanted) -> Row | Verdict:
    refusal = refusal_of(reply)
    if refusal is not None:
        return refusal
    rdv = reply.data.get("rdv") if isinstance(reply.data, dict) else None
    if not isinstance(rdv, dict):
        return _UNREADABLE
    people = people_of(rdv)
    if rdv.get("uuid", uuid) != uuid or (people and all(map(wanted.excludes, people))):
        return _MISMATCH
    return rdv_row(rdv, wanted=fields, notes=notes, user=wanted.user)


def _session(reply: Reply, *, now: int) -> Granted[Headers] | NotGranted:
    values = [reply.header(name) for name in _SESSION]
    if (
        reply.status == 200
        and not reply.fault
        and all(value.isascii() and value.isprintable() and value for value in values)
    ):
        expiry = reply.header(b"expiry")
        until = int(expiry) * 1000 if expiry.isascii() and expiry.isdigit() else 0
        headers = [(name, value.encode("ascii")) for name, value in zip(_SESSION, values, strict=True)]
        return Granted(value=headers, expires_at=min(until, now + _SESSION_MS) if until > now else now + _SESSION_MS)
    verdict = verdict_of(reply) or _UNREADABLE
    if verdict.detail not in FAULTS:
        return NotGranted(detail="credentials_rejected")
    return NotGranted(detail=verdict.detail, retry_after=verdict.retry_after)
