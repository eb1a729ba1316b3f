"""A partner's site and a person, without pages: what the browser carries, by hand."""

import contextlib
import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from connectors import sandbox
from consent.states import By
from gateway.oauth.authorization import open_request
from gateway.oauth.client import make_assertion, make_proof, new_key
from gateway.oauth.client_authentication import ASSERTION_TYPE
from gateway.partners import register
from gateway.person_present import begin, finish
from tests.bed import Bed, served
from tests.bed import bed as whole
from tests.factories import crowd, unused

BACK = "https://site.ml-brume.example/retour?from=passerelle"
OTHER = "https://siae-brume.example/retour"
DETAILS = [{"type": "passerelle_authorisation", "purpose": "support.youth", "fields": ["rsa", "c2s.beneficiary"]}]


def challenge_of(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Site:
    """The site of one partner."""

    bed: Bed
    partner: str = "ml-brume"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    async def register(self, *redirects: str, **more: Any) -> None:
        self.bed.keys[self.partner] = new_key(f"{self.partner}-1")
        known = self.bed.services
        await register(
            known,
            name=self.partner,
            siret=known.catalogue.parties[self.partner].siret,
            jwks=self.bed.keys[self.partner].jwks(),
            scopes=more.pop("scopes", None) or known.server.scopes_supported,
            redirect_uris=redirects,
            **{"binding": "bearer", **more},
        )

    def form(self, **changes: Any) -> dict[str, Any]:
        form = {
            "response_type": "code",
            "redirect_uri": BACK,
            "state": "s-1",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            "authorization_details": json.dumps(DETAILS),
            **self.authentication(),
        }
        return {name: value for name, value in (form | changes).items() if value is not ...}

    def authentication(self) -> dict[str, str]:
        services = self.bed.services
        assertion = make_assertion(
            self.bed.keys[self.partner], client_id=self.partner, issuer=services.base_url, now=services.clock()
        )
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}

    async def push(self, **changes: Any) -> httpx.Response:
        return await self.bed.http.post("/oauth/par", data=self.form(**changes))

    async def opened(self, **changes: Any) -> str:
        """A flow whose address the browser has opened."""
        pushed = await self.push(**changes)
        assert pushed.status_code == 201, pushed.text
        query = [("client_id", self.partner), ("request_uri", pushed.json()["request_uri"])]
        services = self.bed.services
        flow = await open_request(services.server, query, now=services.clock())
        assert flow is not None
        return flow

    async def shown(self, subject: Any, flow: str) -> str:
        """The authorisation this person sees."""
        now = self.bed.services.clock()
        return await begin(
            self.bed.services, flow, subject=subject, session="s", auth_time=now // 1000, acr="eidas1", now=now
        )

    async def back(self, flow: str) -> dict[str, str]:
        """What the browser brings back."""
        services = self.bed.services
        live = await services.server.presence.flows.opened(flow, now=services.clock())
        address = urlsplit(await finish(services, live, now=services.clock()))
        assert f"{address.scheme}://{address.netloc}{address.path}" == BACK.partition("?")[0]
        return {name: value for name, (value,) in parse_qs(address.query).items()}

    async def redeem(self, sent_code: str, /, *, proof_of: Any = (None, ""), **changes: Any) -> httpx.Response:
        key, url = proof_of
        now = self.bed.services.clock()
        proof = {} if key is None else {"DPoP": make_proof(key, method="POST", url=url, now=now)}
        form = {
            "grant_type": "authorization_code",
            "code": sent_code,
            "redirect_uri": BACK,
            "code_verifier": self.verifier,
            **self.authentication(),
        }
        sent = {name: value for name, value in (form | changes).items() if value is not ...}
        return await self.bed.http.post("/oauth/token", data=sent, headers=proof)


SIZE = 150


@contextlib.asynccontextmanager
async def whole_bed(home: Path, url: str) -> AsyncIterator[Bed]:
    """A gateway in front of a crowd, with the sites of two partners."""
    people = crowd({"lucas-perrin": SIZE})
    async with (
        served(sandbox.build(people=people)) as sandbox_url,
        whole(home, database_url=url, sandbox_url=sandbox_url, people=people) as opened,
    ):
        await Site(opened).register(BACK)
        await Site(opened, partner="siae-brume").register(OTHER)
        await opened.partner("caf-brume")
        opened.unused = unused("lucas-perrin", SIZE)
        yield opened


async def somebody(bed: Bed) -> Any:
    """A person whom another partner than the site's has linked."""
    return await bed.subject("caf-brume", await bed.link(await bed.token("caf-brume"), next(bed.unused)))


@dataclass
class Given:
    """A person said yes to two of the fields, and the browser is back with a code."""

    site: Site
    subject: Any
    flow: str
    authorisation: str
    answer: dict[str, str]

    @property
    def code(self) -> str:
        return self.answer["code"]


async def give(site: Site) -> Given:
    subject, flow = await somebody(site.bed), await site.opened()
    shown = await site.shown(subject, flow)
    services = site.bed.services
    await services.authorisations.give(
        shown, subject=subject, fields=frozenset({"rsa.beneficiary", "c2s.beneficiary"}),
        by=By(kind="subject", channel="page", method="sign_in"), now=services.clock(),
    )  # fmt: skip
    return Given(site, subject, flow, shown, await site.back(flow))
