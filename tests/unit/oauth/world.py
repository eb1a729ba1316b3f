"""One authorization server over ASGI, its partners, and the ways to talk to it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import sqlalchemy as sa
from starlette.applications import Starlette

from audit.batch import Ruling
from audit.journal import Journal
from audit.models import audit_entry
from audit.models import metadata as journal_tables
from gateway.database import Database
from gateway.oauth import models
from gateway.oauth.client import ClientKey
from gateway.oauth.gate import TokenGate
from gateway.oauth.ledger import Ledger
from gateway.oauth.partners import Partners, new_partner, register
from gateway.oauth.replay import UsedTokens
from gateway.oauth.revocation import RevokedTokens
from gateway.oauth.routes import routes
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.verification import Verifier
from tests.registrations import generate
from tests.unit.oauth.forging import b64, forge, read, request

ISSUER = "https://passerelle.example.org"
NOW = 1_800_000_000_000
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class World:
    """The server, its partner `ml-brume` and the ways to talk to it."""

    database: Database
    server: AuthorizationServer
    http: httpx.AsyncClient
    verifier: Verifier
    keys: dict[str, ClientKey]
    logs: list[dict[str, Any]]
    journal: Journal
    now: int = NOW
    count: int = field(default=0)

    forge = staticmethod(forge)
    request = staticmethod(request)
    read = staticmethod(read)

    @property
    def seconds(self) -> int:
        return self.now // 1000

    @property
    def private(self) -> Any:
        return self.keys["es"].private

    def header(self, **changes: Any) -> dict[str, Any]:
        return _changed({"typ": "JWT", "alg": "ES256", "kid": "es"}, changes)

    def claims(self, **changes: Any) -> dict[str, Any]:
        self.count += 1
        claims = {
            "iss": "ml-brume",
            "sub": "ml-brume",
            "aud": ISSUER,
            "jti": f"assertion-{self.count}",
            "iat": self.seconds,
            "exp": self.seconds + 60,
        }
        return _changed(claims, changes)

    def assertion(self, *, header: Mapping[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        return forge(self.header(**(header or {})), self.claims(**claims), key or self.private)

    def person_claims(self, **changes: Any) -> dict[str, Any]:
        person = {
            "sub": "agent-42",
            "azp": "ml-brume",
            "family_name": "Kermorvan",
            "given_name": "Maëlle",
            "role": "conseiller",
            "acr": "eidas1",
            "auth_time": self.seconds - 600,
        }
        return _changed(self.claims(**person), changes)

    def person(self, *, header: Mapping[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        head = self.header(**({"typ": "passerelle-professional+jwt"} | dict(header or {})))
        return forge(head, self.person_claims(**claims), key or self.private)

    def form(self, **changes: Any) -> dict[str, str]:
        form = {"grant_type": "client_credentials", "scope": "data:rsa", "client_assertion_type": ASSERTION_TYPE}
        if "client_assertion" not in changes:
            form["client_assertion"] = self.assertion()
        return _changed(form, changes)

    def exchange_form(self, **changes: Any) -> dict[str, str]:
        form = {"grant_type": EXCHANGE, "subject_token_type": JWT_TYPE}
        if "subject_token" not in changes:
            form["subject_token"] = self.person()
        return self.form(**(form | changes))

    async def post(self, form: Any, **options: Any) -> httpx.Response:
        body: dict[str, Any] = {"content": form, "headers": FORM} if isinstance(form, str | bytes) else {"data": form}
        return await self.http.post("/oauth/token", **(body | options))

    def jwk(self, kid: str) -> dict[str, str]:
        """The public key as it stands in the header of a proof."""
        (key,) = self.keys[kid].jwks()["keys"]
        return {name: value for name, value in key.items() if name in {"kty", "crv", "x", "y", "n", "e"}}

    def proof(self, kid: str = "es", *, header: Mapping[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A DPoP proof for a request to the token endpoint, by the key of this kid; `token` adds its ath."""
        self.count += 1
        alg = {"EC": "ES256", "OKP": "EdDSA", "RSA": "PS256"}[self.jwk(kid)["kty"]]
        head = _changed({"typ": "dpop+jwt", "alg": alg, "jwk": self.jwk(kid)}, header or {})
        token = claims.pop("token", None)
        said = {"htm": "POST", "htu": f"{ISSUER}/oauth/token", "iat": self.seconds, "jti": f"proof-{self.count}"}
        said |= {} if token is None else {"ath": b64(hashlib.sha256(token.encode()).digest())}
        return forge(head, _changed(said, claims), key or self.keys[kid].private)

    def api_proof(self, token: str, kid: str = "es", **changes: Any) -> str:
        """A proof for a request as `request` makes them."""
        return self.proof(kid, **({"token": token, "htm": "GET", "htu": f"{ISSUER}/v1/catalogue"} | changes))

    async def bound_token(self, kid: str = "es", **changes: Any) -> str:
        """An access token bound to the key of this kid."""
        answer = await self.post(self.form(**changes), headers={"DPoP": self.proof(kid)})
        assert answer.status_code == 200, answer.text
        assert answer.json()["token_type"] == "DPoP"
        return answer.json()["access_token"]

    async def reopen(self, **how: Any) -> None:
        """The same server where proofs hold nonces, or where certificates are shown."""
        senders = replace(self.server.possession, **how)
        self.server = replace(self.server, senders=senders)
        app = Starlette(routes=routes(self.server))
        await self.http.aclose()
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER)
        self.verifier = Verifier(
            issuer=ISSUER, resource=ISSUER, keys=self.server.keys, partners=self.server.partners,
            revoked=self.server.revoked, senders=senders,
        )  # fmt: skip

    async def rebind(self, binding: str, *certificates: str, partner: str = "ml-brume") -> None:
        """Change what the partner's registration asks for, and let the memory of it pass."""
        table = models.partner
        change = sa.update(table).where(table.c.id == partner).values(binding=binding, certificates=list(certificates))
        await self.database.write(lambda connection: connection.execute(change))
        self.now += 5_000

    async def token(self, **changes: Any) -> str:
        answer = await self.post(self.form(**changes))
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    async def person_token(self, **changes: Any) -> str:
        answer = await self.post(self.exchange_form(**changes))
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    async def caller(self, token: str) -> Any:
        return await self.verifier.caller(request(token), self.now)

    async def used(self) -> int:
        count = sa.select(sa.func.count()).select_from(models.used_jti)
        return await self.database.read(lambda connection: connection.execute(count).scalar_one())

    async def entries(self, kind: str = "token.") -> list[dict[str, Any]]:
        """What the journal holds about tokens, oldest first."""
        leaves = sa.select(audit_entry.c.leaf).order_by(audit_entry.c.index)
        rows = await self.database.read(lambda connection: connection.execute(leaves).scalars().all())
        return [entry for entry in map(json.loads, rows) if entry["type"].startswith(kind)]

    def refused(self, answer: httpx.Response, error: str, detail: str) -> None:
        """The client reads `error`, the operator reads `detail`; neither reads more."""
        assert answer.json().keys() == {"error", "error_description"}
        assert answer.json()["error"] == error
        assert answer.headers["cache-control"] == "no-store"
        assert self.logs[-1]["detail"] == detail, self.logs[-1]


def actor_of(partner: str, professional: str) -> str:
    """The journal's name of a professional, here without a key."""
    return hashlib.sha256(f"{partner} {professional}".encode()).hexdigest()[:32]


def journal_of(database: Database, *, clock: Any) -> Journal:
    """A journal with the gate for tokens, of a gateway that knows nobody."""
    gate = TokenGate(lambda _connection, drafts: Ruling({} for _ in drafts), clock=clock)
    return Journal(database, gate=gate, origin="passerelle.example.org/log", clock=clock)


def _changed(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The same with these members changed; `...` takes one away."""
    return {name: value for name, value in (base | dict(changes)).items() if value is not ...}


class build:  # noqa: N801  used as a function
    """Register the partners and start the server on this database."""

    def __init__(self, database: Database, client_keys: dict[str, ClientKey], logs: list[dict[str, Any]]) -> None:
        self.database, self.keys, self.logs = database, client_keys, logs

    async def __aenter__(self) -> World:
        await self.database.write(models.metadata.create_all)
        await self.database.write(journal_tables.create_all)
        own = [key for kid, names in self.keys.items() if kid != "siae" for key in names.jwks()["keys"]]
        for partner in (
            new_partner(
                id="ml-brume", name="Mission locale de la Brume", siret="12345678200010", jwks={"keys": own},
                scopes=["data:rsa", "data:c2s", "subjects"], batch_jobs=["nightly"], binding="bearer", now=NOW,
            ),
            new_partner(
                id="siae-brume", name="Les Ateliers de la Brume", siret="98765432400019",
                jwks=self.keys["siae"].jwks(), scopes=["data:rqth"], binding="bearer", now=NOW,
            ),
        ):  # fmt: skip
            await register(self.database, partner)
        partners, revoked = Partners(self.database), RevokedTokens(self.database)
        self.journal = journal_of(self.database, clock=self.clock)
        await self.journal.start()
        self.server = AuthorizationServer(
            issuer=ISSUER, resource=ISSUER, keys=generate(), partners=partners, used=UsedTokens(self.database),
            revoked=revoked, ledger=Ledger(self.journal, self.database, tag=actor_of), clock=self.clock,
            scopes_supported=("data:rsa", "data:c2s"),
        )  # fmt: skip
        verifier = Verifier(issuer=ISSUER, resource=ISSUER, keys=self.server.keys, partners=partners, revoked=revoked)
        self.world = World(
            self.database, self.server, httpx.AsyncClient(), verifier, self.keys, self.logs, self.journal
        )
        await self.world.reopen()
        return self.world

    def clock(self) -> int:
        return self.world.now if hasattr(self, "world") else NOW

    async def __aexit__(self, *_: object) -> None:
        await self.journal.close()
        await self.server.used.close()
        await self.server.revoked.close()
        await self.world.http.aclose()
