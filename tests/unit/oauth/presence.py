"""A partner's site and a person, without pages: what the browser carries, by hand."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from gateway.oauth.authorization import open_request
from gateway.oauth.client import make_assertion, make_proof, new_key
from gateway.oauth.client_authentication import ASSERTION_TYPE
from gateway.partners import register
from gateway.person_present import begin, finish
from tests.bed import Bed

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
