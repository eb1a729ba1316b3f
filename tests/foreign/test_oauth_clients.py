"""OAuth clients that others wrote work, unchanged, with a gateway that runs as in production."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

from connectors.sandbox.people import load as load_people
from consent.identifiers import KINDS
from gateway.oauth.authorization import open_request
from gateway.person_present import begin, finish
from gateway.services import open_services
from tests.bed import PERSON_HERSELF
from tests.foreign.gateway import Client, Gateway, Partner, gateway

BACK = "https://site.ml-brume.example/retour"
LIBRARIES = ("oauth4webapi", "openid-client")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Proofs need no nonce here."""
    with gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def bound(where: Gateway) -> Partner:
    """A partner as one is registered unless said otherwise: its tokens are bound by DPoP."""
    return where.partner("ml-brume", "--redirect-uri", BACK)


@pytest.fixture(scope="module")
def bearer(where: Gateway) -> Partner:
    """A partner whose library knows no DPoP."""
    return where.partner("siae-brume", binding="bearer")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Proofs need a nonce of the server."""
    with gateway(tmp_path_factory.mktemp("strict"), dpop_nonce_seconds=60) as running:
        yield running


def signed(partner: Partner, issuer: str, **claims: Any) -> str:
    """An assertion of the partner, by PyJWT."""
    now = int(time.time())
    named = {"iss": partner.name, "sub": partner.name, "aud": issuer, "jti": str(uuid.uuid4())}
    header = {"kid": partner.kid} | ({"typ": "passerelle-professional+jwt"} if "azp" in claims else {})
    return jwt.encode(
        {**named, "iat": now, "exp": now + 60, **claims}, partner.pem.read_text(), "ES256", headers=header
    )


PROFESSIONAL = {
    "sub": "agent-42",
    "azp": "ml-brume",
    "family_name": "Kermorvan",
    "given_name": "Yann",
    "role": "conseiller",
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_token_bound_by_dpop_is_given_and_used(library: str, where: Gateway, bound: Partner) -> None:
    """Discovery, private_key_jwt, proof; the token opens the API with a proof of the same key."""
    with Client(library, where, bound) as client:
        assert client.ask("metadata")["issuer"] == where.issuer
        token = client.ask("token", "data:rsa")
        assert (token.get("token_type"), token.get("scope")) == ("dpop", "data:rsa"), token
        answer = client.ask("resource", token["access_token"], "/v1/catalogue")
        assert answer.get("status") == 200, answer


@pytest.mark.parametrize(("library", "name"), [(LIBRARIES[0], "ml-brume"), (LIBRARIES[1], "siae-brume")])
def test_a_nonce_is_asked_for_and_given(library: str, name: str, strict: Gateway) -> None:
    """With nonces on, the library comes back by itself; token and API both."""
    with Client(library, strict, strict.partner(name)) as client:
        token = client.ask("token", "data:rsa")
        assert token.get("token_type") == "dpop", token
        answer = client.ask("resource", token["access_token"], "/v1/catalogue")
        assert answer.get("status") == 200, answer
    assert '"detail":"nonce"' in strict.output()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_partner_without_dpop_gets_bearer_tokens(library: str, where: Gateway, bearer: Partner) -> None:
    """As its registration says."""
    with Client(library, where, bearer) as client:
        token = client.ask("token", "data:rsa data:c2s")
        answer = client.ask("resource", token["access_token"], "/v1/catalogue")
    assert (token.get("token_type"), answer.get("status")) == ("bearer", 200), (token, answer)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_professional_is_named_by_token_exchange(library: str, where: Gateway, bound: Partner) -> None:
    """RFC 8693 through the library's general grant; still bound."""
    with Client(library, where, bound) as client:
        token = client.ask("exchange", "data:rsa", signed(bound, where.issuer, **PROFESSIONAL))
        assert token.get("token_type") == "dpop", token
        assert client.ask("resource", token["access_token"], "/v1/catalogue").get("status") == 200
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["act"]) == ("ml-brume:agent-42", {"sub": "ml-brume"})


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_refusal_is_read_as_the_library_reads_it(library: str, where: Gateway, bound: Partner) -> None:
    """A scope that is not registered, a token that is none: errors of the RFCs."""
    with Client(library, where, bound) as client:
        no_scope = client.ask("token", "data:rqth")
        no_token = client.ask("resource", "nonsense", "/v1/catalogue")
    assert (no_scope["error"], no_scope["status"]) == ("invalid_scope", 400)
    challenges = {each["scheme"]: each["parameters"] for each in no_token["challenges"]}
    assert challenges["dpop"]["error"] == "invalid_token"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_token_is_introspected_and_revoked(library: str, where: Gateway, bound: Partner) -> None:
    """Active with its binding; after revocation neither active nor good."""
    with Client(library, where, bound) as client:
        token = client.ask("token", "data:rsa")["access_token"]
        before = client.ask("introspect", token)
        assert (before.get("active"), before.get("client_id")) == (True, "ml-brume"), before
        assert before["cnf"]["jkt"]
        assert client.ask("revoke", token) == {}
        assert client.ask("introspect", token) == {"active": False}
        refused = client.ask("resource", token, "/v1/catalogue")
    assert "invalid_token" in {each["parameters"].get("error") for each in refused["challenges"]}


def test_a_signed_introspection_is_read(where: Gateway, bound: Partner) -> None:
    """RFC 9701; oauth4webapi asks for it, openid-client does not."""
    with Client("oauth4webapi", where, bound) as client:
        seen = client.ask("introspect_signed", client.ask("token", "data:rsa")["access_token"])
    assert seen.get("active") is True, seen


def test_where_the_resource_is_described_is_found(where: Gateway, bound: Partner) -> None:
    """RFC 9728, read by oauth4webapi."""
    with Client("oauth4webapi", where, bound) as client:
        found = client.ask("resource_metadata")
    assert (found.get("resource"), found.get("authorization_servers")) == (where.issuer, [where.issuer]), found


async def chosen(where: Gateway, partner: Partner, request_uri: str) -> str:
    """What a person does in the pages between: sees the request, says yes; gives the address the browser goes to."""
    async with open_services(where.settings) as services:
        now = services.clock()
        linked = await services.people.link(
            partner=partner.name,
            reference=f"file-{now}",
            identifiers={"pivot": load_people()["lucas-perrin"].pivot},
            accepted_kinds=KINDS,
            now=now,
        )
        subject = await services.people.resolve(partner=partner.name, pseudonym=linked.pseudonym)
        query = [("client_id", partner.name), ("request_uri", request_uri)]
        flow = await open_request(services.server, query, now=now)
        assert flow is not None
        asked = await begin(services, flow, subject=subject, session="s", auth_time=now // 1000, acr="eidas1", now=now)
        await services.authorisations.give(
            asked, subject=subject, fields=frozenset({"rsa.since"}), by=PERSON_HERSELF, now=services.clock()
        )
        live = await services.server.presence.flows.opened(flow, now=services.clock())
        return await finish(services, live, now=services.clock())


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_person_sent_by_the_partner_comes_back_with_a_grant(library: str, where: Gateway, bound: Partner) -> None:
    """PAR, PKCE, iss, RAR and the code, by the library; the person's part on the same database."""
    details = [{"type": "passerelle_authorisation", "purpose": "support.youth", "fields": ["rsa"]}]
    with Client(library, where, bound) as client:
        pushed = client.ask("par", BACK, {"authorization_details": json.dumps(details)})
        assert pushed.get("request_uri"), pushed
        callback = asyncio.run(chosen(where, bound, pushed["request_uri"]))
        token = client.ask("code", callback, pushed["state"], BACK, pushed["code_verifier"])
        assert token.get("token_type") == "dpop", token
        [given] = token["authorization_details"]
        assert (given["purpose"], given["fields"]) == ("support.youth", ["rsa.since"])
        again = client.ask("code", callback, pushed["state"], BACK, pushed["code_verifier"])
    assert again["error"] == "invalid_grant"


def test_authlib_gets_a_token_and_uses_it(where: Gateway, bearer: Partner) -> None:
    """Its session of requests; the issuer as audience, as the page on partners says."""
    method = PrivateKeyJWT(token_endpoint=where.issuer, headers={"kid": bearer.kid}, alg="ES256")
    key = ECKey.import_key(bearer.pem.read_text("utf-8"))
    with AuthlibSession(bearer.name, key, token_endpoint_auth_method=method, scope="data:rsa") as client:
        token = client.fetch_token(f"{where.issuer}/oauth/token", grant_type="client_credentials")
        assert token["token_type"] == "Bearer"
        assert client.get(f"{where.issuer}/v1/catalogue").status_code == 200


def test_requests_oauthlib_gets_a_token_and_uses_it(
    where: Gateway, bearer: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The assertion by PyJWT, as this library has none of its own."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # http on this machine
    with OAuth2Session(client=BackendApplicationClient(client_id=bearer.name, scope=["data:rsa"])) as session:
        token = session.fetch_token(
            f"{where.issuer}/oauth/token",
            include_client_id=True,
            client_assertion_type=ASSERTION_TYPE,
            client_assertion=signed(bearer, where.issuer),
        )
        assert token["scope"] == ["data:rsa"]
        assert session.get(f"{where.issuer}/v1/catalogue").status_code == 200


def test_without_a_token_the_challenge_says_where_to_go(where: Gateway) -> None:
    """RFC 9728 §5.1."""
    answer = requests.get(f"{where.issuer}/v1/catalogue", timeout=10)
    assert answer.status_code == 401
    assert "resource_metadata=" in answer.headers["WWW-Authenticate"]
    assert json.loads(answer.content)["code"]
