"""France Travail: registration, orientation, appointments, diagnosis and RQTH of one person.

Answers for the walk that the "loi plein emploi" APIs impose:
 1  an access token of realm /agent, shared and renewed once for all (tokens.py)
 2  the person, by NIR and birth date or by France Travail number: a user token, kept for this exchange only
 3  what was permitted, one call per dataset, all at once, in the name of the professional (pa-* headers)
Refuses to call without the professional's id and names, which France Travail answers with a redirect, and to
choose between several persons.
"""

import asyncio
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from connectors.base import Ask, AskActor, Clock, Fetched, Health, Outcome, Supply, by_dataset, not_supplied, now_ms
from connectors.config import SourceConfig, read_config
from connectors.france_travail_answers import FIELDS, about_person, refusal_of, rows_of, search_of
from connectors.http import USER_AGENT, PartnerClient, Reply
from connectors.identifiers import ft_number, nir, pivot
from connectors.outcomes import Verdict, nothing
from connectors.reading import Notes
from connectors.request import Endpoint, Headers
from connectors.tokens import Granted, NotGranted, TokenCache, authorised

SCOPES = (
    "api_rechercher-usagerv2 rechercheusager profil_accedant api_contrat-usagerv2 statutcontratusager "
    "api_donnees-rqthv1 h2a api_orientationusagerv1 orientationusager api_rendez-vous-partenairev1 gererRDV"
)
_PATHS: Mapping[str, str] = MappingProxyType(
    {
        "registration": "/contrat-usager/v2/contrat",
        "orientation": "/orientationusager/v1/lectureOrientation",
        "ft_appointments": "/rendez-vous-partenaire/v1/rendez-vous-usager",
        "diagnosis": "/diagnosticargumente/v4/dossiers",
        "rqth": "/donnees-rqth/v1/rqth",
    }
)
_NEEDS = (frozenset({"nir", "pivot"}), frozenset({"ft_number"}))
DATASETS: Mapping[str, Supply] = MappingProxyType(
    {dataset: Supply(fields=FIELDS[dataset], needs=_NEEDS) for dataset in _PATHS}
)
_JSON = "application/json; charset=utf-8"
_LONGEST_NAME = 80
_BATCH = "BATCH"


def build(config: Mapping[str, Any], *, clock: Clock = now_ms) -> "FranceTravail":
    """The connector of one France Travail client: `base_url`, `auth_url`, `credentials.client_id`, `.client_secret`.

    Options: `scopes` (blank separated), `orientation_state` (default OUVERT; empty for the whole history).
    """
    settings = read_config(
        config,
        credentials=frozenset({"client_id", "client_secret"}),
        auth=True,
        options={"scopes": str, "orientation_state": str},
    )
    return FranceTravail(settings, clock=clock)


class FranceTravail:
    """One client of France Travail's partner APIs."""

    datasets = DATASETS

    def __init__(self, settings: SourceConfig, *, clock: Clock) -> None:
        self._client: PartnerClient = settings.client(clock=clock, about_person=about_person)
        base, search = settings.base_url, settings.base_url + "/rechercher-usager/v2/usagers"
        self._by_birth = Endpoint("POST", f"{search}/par-datenaissance-et-nir")
        self._by_number = Endpoint("POST", f"{search}/par-numero-francetravail")
        state = settings.options.get("orientation_state", "OUVERT")
        query = "?" + urlencode({"etatOrientation": state}) if state else ""
        self._about = {
            dataset: Endpoint("GET", base + path + (query if dataset == "orientation" else ""))
            for dataset, path in _PATHS.items()
        }
        self._grant = Endpoint("POST", f"{settings.auth_url}/connexion/oauth2/access_token?realm=%2Fagent")
        self._form = urlencode(
            {
                "grant_type": "client_credentials",
                **settings.credentials,
                "scope": settings.options.get("scopes", SCOPES),
            }
        ).encode()
        self._fixed = self._by_birth.headers(Content_Type=_JSON, Accept=_JSON, User_Agent=USER_AGENT)
        self._tokens: TokenCache[bytes] = TokenCache(self._renew, clock=clock)

    async def fetch(self, ask: Ask, *, deadline: float) -> Mapping[str, Fetched]:
        """See `base.Connector.fetch`."""
        asked = {dataset: wanted for dataset, wanted in by_dataset(ask.fields).items() if dataset in DATASETS}
        others = not_supplied(ask, DATASETS, collected_at=self._client.clock())
        agent = agent_headers(ask.actor)
        found: tuple[str, bool] | Verdict = Verdict(Outcome.refused, "actor_missing")
        if agent is not None and asked:
            found = await self._search(ask.identifiers, agent, deadline)  # 2
        if isinstance(found, Verdict):
            return {dataset: self._nothing(dataset, found) for dataset in asked} | others
        token, certified = found
        named = [*(agent or ()), (b"ft-jeton-usager", token.encode("ascii"))]
        detail = "" if certified else "identity_not_certified"
        if len(asked) == 1:
            [(dataset, wanted)] = asked.items()
            answers = [await self._read(dataset, wanted, named, detail=detail, deadline=deadline)]
        else:
            answers = await asyncio.gather(
                *(self._read(one, wanted, named, detail=detail, deadline=deadline) for one, wanted in asked.items())
            )
        return {item.dataset: item for item in answers} | others

    async def _search(
        self, identifiers: Mapping[str, str], agent: Headers, deadline: float
    ) -> tuple[str, bool] | Verdict:
        chosen = _criteria(identifiers)
        if isinstance(chosen, Verdict):
            return chosen
        endpoint = self._by_birth if "nir" in chosen else self._by_number
        body = orjson.dumps(chosen)

        def make(token: bytes) -> httpx.Request:
            return endpoint.request(self._headers(token, agent), body=body)

        return search_of(await authorised(self._client, self._tokens, make, deadline=deadline))

    async def _read(
        self, dataset: str, wanted: frozenset[str], named: Headers, *, detail: str, deadline: float
    ) -> Fetched:
        def make(token: bytes) -> httpx.Request:
            return self._about[dataset].request(self._headers(token, named))

        reply = await authorised(self._client, self._tokens, make, deadline=deadline)  # 3
        refusal = refusal_of(reply)
        if refusal is not None:
            return self._nothing(dataset, refusal)
        notes = Notes()
        rows = rows_of(dataset, reply.data, wanted=wanted, notes=notes)
        self._client.guard.drifted(notes.paths)
        if not rows:
            drifted = rows is None or bool(notes.paths)
            verdict = Verdict(Outcome.drift, "unreadable") if drifted else Verdict(Outcome.no_data, "no_file")
            return self._nothing(dataset, verdict, drift=notes.paths)
        return Fetched(
            dataset=dataset,
            outcome=Outcome.found,
            rows=rows,
            collected_at=self._client.clock(),
            drift=notes.paths,
            detail=detail,
        )

    def _headers(self, token: bytes, agent: Headers) -> Headers:
        return [*self._fixed, (b"Authorization", token), *agent]

    async def _renew(self) -> Granted[bytes] | NotGranted:
        """1: the access token of realm /agent (RFC 6749 §4.4)."""
        request = self._grant.request(
            self._grant.headers(
                Content_Type="application/x-www-form-urlencoded", Accept="application/json", User_Agent=USER_AGENT
            ),
            body=self._form,
        )
        reply = await self._client.call(request, deadline=self._client.patience())
        granted = _granted(reply, now=self._client.clock())
        if isinstance(granted, NotGranted) and not reply.fault:
            self._client.guard.failed(granted.detail, counts=False)
        return granted

    def _nothing(self, dataset: str, verdict: Verdict, *, drift: tuple[str, ...] = ()) -> Fetched:
        return nothing(dataset, verdict, collected_at=self._client.clock(), drift=drift)

    def health(self) -> Health:
        """See `base.Connector.health`."""
        return self._client.guard.health()

    async def close(self) -> None:
        """See `base.Connector.close`."""
        await self._tokens.close()
        await self._client.close()


def _criteria(identifiers: Mapping[str, str]) -> dict[str, str] | Verdict:
    """What the person is searched by: NIR and birth date when both are whole, else the France Travail number."""
    person, number = pivot(identifiers.get("pivot")), nir(identifiers.get("nir"))
    born = person.birth_date if person is not None else None
    if number is not None and born is not None:
        return {"dateNaissance": born, "nir": number}
    own = ft_number(identifiers.get("ft_number"))
    if own is not None:
        return {"numeroFranceTravail": own}
    given = any(need <= identifiers.keys() for need in _NEEDS)
    return Verdict(Outcome.unknown_person, "identifier_unusable" if given else "identifier_missing")


def agent_headers(actor: AskActor) -> Headers | None:
    """The headers that name the professional or the batch; None when one would be empty."""
    if actor.kind == "batch":
        names = (_BATCH, actor.family_name or actor.id, actor.given_name or actor.family_name or actor.id)
    else:
        names = (actor.id, actor.family_name, actor.given_name)
    plain = [_plain(name) for name in names]
    if not all(plain):
        return None
    return list(zip((b"pa-identifiant-agent", b"pa-nom-agent", b"pa-prenom-agent"), plain, strict=True))


def _plain(name: str) -> bytes:
    """`name` as a header may carry it: ASCII, no control character, and no bar, which France Travail forbids."""
    if not name.isascii():
        name = unicodedata.normalize("NFKD", name.replace("œ", "oe").replace("Œ", "OE"))
    kept = "".join(letter if letter.isprintable() and letter != "|" else " " for letter in name if letter.isascii())
    return " ".join(kept.split())[:_LONGEST_NAME].encode("ascii")


def _granted(reply: Reply, *, now: int) -> Granted[bytes] | NotGranted:
    if reply.fault:
        return NotGranted(detail=reply.fault, retry_after=reply.retry_after)
    if reply.status in (400, 401, 403):
        return NotGranted(detail="credentials_rejected")
    if reply.status == 429:
        return NotGranted(detail="too_many_requests", retry_after=reply.retry_after)
    if reply.status >= 500:
        return NotGranted(detail="source_failed", retry_after=reply.retry_after)
    data = reply.data if isinstance(reply.data, dict) else {}
    token, seconds = data.get("access_token"), data.get("expires_in")
    if (
        not isinstance(token, str)
        or not (token.isascii() and token.isprintable() and token)
        or type(seconds) is not int
    ):
        return NotGranted(detail="unreadable")
    return Granted(value=b"Bearer " + token.encode("ascii"), expires_at=now + seconds * 1000)
