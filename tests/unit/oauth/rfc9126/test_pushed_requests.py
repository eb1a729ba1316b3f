"""RFC 9126: what is asked of a person is pushed by the partner itself, checked, and opened once."""

import json

import pytest

from gateway.oauth.authorization import open_request
from gateway.oauth.flows import OPEN_MS, PUSHED_SECONDS
from tests.unit.oauth.presence import BACK, OTHER, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


def opening(pushed, *, client="ml-brume"):
    return [("client_id", client), ("request_uri", pushed.json()["request_uri"])]


async def test_a_pushed_request_gets_an_address_for_one_opening(site):
    """§2.2: 201, a URN nobody can guess, a short life; §4: one use."""
    pushed = await site.push()
    assert pushed.status_code == 201
    assert pushed.headers["cache-control"] == "no-store"
    body = pushed.json()
    assert body.keys() == {"request_uri", "expires_in"}
    assert body["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert len(body["request_uri"].rpartition(":")[2]) >= 43
    assert body["expires_in"] == PUSHED_SECONDS
    services = site.bed.services
    assert await open_request(services.server, opening(pushed), now=services.clock()) is not None
    assert await open_request(services.server, opening(pushed), now=services.clock()) is None


async def test_an_address_is_good_for_its_own_client_and_its_time(site):
    """§2.2: bound to the client that pushed it; over after 90 seconds."""
    services = site.bed.services
    pushed = await site.push()
    assert await open_request(services.server, opening(pushed, client="siae-brume"), now=services.clock()) is None
    late = services.clock() + PUSHED_SECONDS * 1000 + 1
    assert await open_request(services.server, opening(pushed), now=late) is None
    assert await open_request(services.server, opening(pushed), now=services.clock()) is not None


@pytest.mark.parametrize(
    "query",
    [
        [],
        [("client_id", "ml-brume")],
        [("request_uri", "urn:ietf:params:oauth:request_uri:x")],
        [("client_id", "ml-brume"), ("request_uri", "urn:ietf:params:oauth:request_uri:" + "x" * 43)],
        [("client_id", "ml-brume"), ("request_uri", "https://site.ml-brume.example/request.jwt")],
        [("client_id", "ml-brume"), ("request_uri", "urn:ietf:params:oauth:request_uri:" + "x" * 600)],
        [("client_id", "nobody"), ("request_uri", "urn:ietf:params:oauth:request_uri:" + "x" * 43)],
        [("client_id", "\x00"), ("request_uri", "\ud800")],
    ],
    ids=["nothing", "no address", "no client", "unknown", "elsewhere", "long", "unknown client", "odd"],
)
async def test_anything_but_a_pushed_request_opens_nothing(site, query):
    """§4: the address is the only way in, and is never fetched from anywhere."""
    assert await open_request(site.bed.services.server, query, now=site.bed.services.clock()) is None


async def test_a_parameter_sent_twice_opens_nothing(site):
    """RFC 6749 §3.1: a repeated parameter is a fault, even with the same value."""
    pushed = await site.push()
    services = site.bed.services
    for name in ("client_id", "request_uri"):
        twice = [*opening(pushed), next(each for each in opening(pushed) if each[0] == name)]
        assert await open_request(services.server, twice, now=services.clock()) is None


async def test_what_stands_beside_the_address_is_not_read(site):
    """RFC 9101 §6.3: another redirect_uri in the browser's hands changes nothing."""
    pushed = await site.push()
    services = site.bed.services
    query = [*opening(pushed), ("redirect_uri", OTHER), ("response_type", "token"), ("scope", "data:rqth")]
    flow = await open_request(services.server, query, now=services.clock())
    opened = await services.server.presence.flows.opened(flow, now=services.clock())
    assert opened.redirect_uri == BACK
    assert opened.expires_at <= services.clock() + OPEN_MS


CASES = {
    "no client authentication": ({"client_assertion": ...}, 401, "invalid_client"),
    "a request object": ({"request": "eyJ"}, 400, "request_not_supported"),
    "an address of a request": ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, 400, "invalid_request"),
    "no response_type": ({"response_type": ...}, 400, "unsupported_response_type"),
    "the implicit flow": ({"response_type": "token"}, 400, "unsupported_response_type"),
    "the hybrid flow": ({"response_type": "code id_token"}, 400, "unsupported_response_type"),
    "an answer in the fragment": ({"response_mode": "fragment"}, 400, "invalid_request"),
    "no redirect_uri": ({"redirect_uri": ...}, 400, "invalid_request"),
    "another partner's redirect_uri": ({"redirect_uri": OTHER}, 400, "invalid_request"),
    "a redirect_uri with something more": ({"redirect_uri": BACK + "&a=b"}, 400, "invalid_request"),
    "a redirect_uri below the registered": ({"redirect_uri": BACK + "/x"}, 400, "invalid_request"),
    "a redirect_uri in capitals": ({"redirect_uri": BACK.upper()}, 400, "invalid_request"),
    "a state that is too long": ({"state": "s" * 513}, 400, "invalid_request"),
    "a state that no header could carry": ({"state": "a\r\nb"}, 400, "invalid_request"),
    "a thumbprint that is none": ({"dpop_jkt": "x"}, 400, "invalid_request"),
    "another resource": ({"resource": "https://elsewhere.example"}, 400, "invalid_target"),
    "a scope beyond what is asked": ({"scope": "data:rsa data:c2s data:rqth"}, 400, "invalid_scope"),
}


@pytest.mark.parametrize("name", sorted(CASES))
async def test_refused(site, name):
    """§2.3: the form of RFC 6749 §5.2, never a redirection."""
    changes, status, error = CASES[name]
    answer = await site.push(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert "location" not in answer.headers


async def test_a_partner_without_addresses_sends_nobody(site):
    """RFC 6749 §4.1.2.1: unauthorized_client."""
    answer = await Site(site.bed, partner="caf-brume").push()
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


async def test_an_assertion_works_for_one_request_only(site):
    """The endpoint authenticates as the token endpoint does: a jti is used up here too."""
    form = site.form()
    assert (await site.bed.http.post("/oauth/par", data=form)).status_code == 201
    again = await site.bed.http.post("/oauth/par", data=form)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


async def test_no_secret_is_stored(site):
    """The database holds digests: reading it gives no address that opens anything."""
    secret = (await site.push()).json()["request_uri"].rpartition(":")[2]
    import sqlalchemy as sa

    from gateway.oauth.models import flow

    rows = await site.bed.services.store.read(lambda connection: connection.execute(sa.select(flow)).all())
    assert secret not in json.dumps([[str(value) for value in row] for row in rows])


async def test_the_metadata_tell_what_there_is(site):
    """RFC 8414 §2, RFC 9126 §5, RFC 9207 §3, RFC 9396 §10."""
    document = (await site.bed.http.get("/.well-known/oauth-authorization-server")).json()
    issuer = site.bed.services.base_url
    assert document["pushed_authorization_request_endpoint"] == f"{issuer}/oauth/par"
    assert document["authorization_endpoint"] == f"{issuer}/oauth/authorize"
    assert document["require_pushed_authorization_requests"] is True
    assert document["response_types_supported"] == ["code"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["authorization_details_types_supported"] == ["passerelle_authorisation"]
    assert "authorization_code" in document["grant_types_supported"]
