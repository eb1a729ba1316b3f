"""One authorization server over ASGI, two partners, and tokens forged by hand.

Tokens are assembled here with `cryptography` alone, not with the code under test: a fault that both sides shared
would hide itself.
"""

import contextlib
import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from starlette.applications import Starlette

from audit.batch import Ruling
from audit.journal import Journal
from audit.models import audit_entry
from audit.models import metadata as journal_tables
from connectors import sandbox
from consent.states import By
from gateway.database import Database, open_database
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
from tests.bed import Bed, served
from tests.bed import bed as whole
from tests.factories import crowd, unused
from tests.registrations import generate
from tests.unit.oauth.presence import BACK, OTHER, Site

ISSUER = "https://passerelle.example.org"
NOW = 1_800_000_000_000
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

Json = Mapping[str, Any] | str | bytes


def request(
    token: str, *proofs: str, scheme: str = "Bearer", path: str = "/v1/catalogue", **more: Any
) -> dict[str, Any]:
    """A request with this token, as ASGI tells it."""
    headers = [(b"authorization", f"{scheme} {token}".encode()), *((b"dpop", proof.encode()) for proof in proofs)]
    return {"method": "GET", "path": path, "headers": headers + more.pop("headers", [])} | more


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header: Json, claims: Json, private: Any) -> str:
    """A compact JWS over exactly these bytes, whatever they are."""
    parts = [part.encode() if isinstance(part, str) else part for part in map(_text, (header, claims))]
    signing_input = ".".join(map(b64, parts)).encode()
    return f"{signing_input.decode()}.{b64(_signature(signing_input, private))}"


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, body, _ = token.split(".")
    return tuple(json.loads(urlsafe_b64decode(part + "==")) for part in (head, body))


def _text(part: Json) -> str | bytes:
    return json.dumps(part) if isinstance(part, Mapping) else part


def _signature(message: bytes, private: Any) -> bytes:
    if isinstance(private, bytes):
        return private
    if callable(private):
        return private(message)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    return private.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


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


@pytest.fixture(scope="session")
def client_keys() -> dict[str, ClientKey]:
    return {
        "es": ClientKey(private=ec.generate_private_key(ec.SECP256R1()), kid="es"),
        "es-next": ClientKey(private=ec.generate_private_key(ec.SECP256R1()), kid="es-next"),
        "ed": ClientKey(private=ed25519.Ed25519PrivateKey.generate(), kid="ed"),
        "ps": ClientKey(private=rsa.generate_private_key(65537, 2048), kid="ps"),
        "siae": ClientKey(private=ec.generate_private_key(ec.SECP256R1()), kid="siae"),
    }


@pytest.fixture
def log_lines() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
async def world(
    tmp_path: Path, client_keys: dict[str, ClientKey], log_lines: list[dict[str, Any]]
) -> AsyncIterator[World]:
    """On SQLite: what differs between the engines is tested in test_replay.py and test_partners.py."""
    async with (
        open_database(f"sqlite:///{tmp_path}/oauth.db") as database,
        build(database, client_keys, log_lines) as built,
    ):
        yield built


@pytest.fixture
async def world_on_each_engine(
    database: Database, client_keys: dict[str, ClientKey], log_lines: list[dict[str, Any]]
) -> AsyncIterator[World]:
    async with build(database, client_keys, log_lines) as built:
        yield built


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


SIZE = 150


@contextlib.asynccontextmanager
async def _whole(home: Path, url: str) -> AsyncIterator[Bed]:
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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bed_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bed]:
    home = tmp_path_factory.mktemp("sqlite")
    async with _whole(home, f"sqlite:///{home}/passerelle.db") as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bed_on_postgresql(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> AsyncIterator[Bed]:
    async with _whole(tmp_path_factory.mktemp("postgresql"), postgres.create_database()) as opened:
        yield opened


@pytest.fixture
def site(bed_on_sqlite: Bed) -> Site:
    """The site of a partner that may send people, where the engine makes no difference."""
    return Site(bed_on_sqlite)


@pytest.fixture(params=["postgresql", "sqlite"])
def each_site(request: pytest.FixtureRequest) -> Site:
    """Where it could."""
    return Site(request.getfixturevalue(f"bed_on_{request.param}"))


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


@pytest_asyncio.fixture(loop_scope="session")
async def given(each_site: Site) -> Given:
    return await give(each_site)


@pytest_asyncio.fixture(loop_scope="session")
async def lucas(site: Site) -> Any:
    return await somebody(site.bed)


@pytest.fixture
def taken_back(given: Given, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The ids of tokens that were taken back."""
    seen: list[str] = []
    presence = given.site.bed.services.server.presence
    former = presence.revoke

    async def revoke(partner: str, token: str, until: int, now: int) -> None:
        assert until > now
        seen.append(token)
        await former(partner, token, until, now)

    object.__setattr__(presence, "revoke", revoke)
    yield seen
    object.__setattr__(presence, "revoke", former)
