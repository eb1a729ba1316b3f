"""RFC 8414: what the server says about itself is what it does."""

from dataclasses import replace

import pytest

from gateway.oauth.errors import OAuthMisconfigured
from gateway.oauth.routes import metadata, routes

ISSUER = "https://passerelle.example.org"


async def test_the_metadata_describe_this_server(world):
    """§2, §3: the issuer, its addresses, and only what works today."""
    answer = await world.http.get("/.well-known/oauth-authorization-server")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/oauth/token",
        "introspection_endpoint": f"{ISSUER}/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256", "EdDSA"],
        "introspection_signing_alg_values_supported": ["ES256"],
        "revocation_endpoint": f"{ISSUER}/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": ["private_key_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256", "EdDSA"],
        "jwks_uri": f"{ISSUER}/oauth/jwks",
        "grant_types_supported": ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256", "EdDSA"],
        "dpop_signing_alg_values_supported": ["ES256", "PS256", "EdDSA"],
        "tls_client_certificate_bound_access_tokens": False,
        "protected_resources": [ISSUER],
        "scopes_supported": ["data:c2s", "data:rsa"],
    }


async def test_every_address_of_the_metadata_answers(world):
    """What is announced exists."""
    document = metadata(world.server)
    assert (await world.http.get(document["jwks_uri"])).status_code == 200
    for name in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        assert (await world.http.post(document[name])).status_code == 400


async def test_the_published_keys_are_public(world):
    """The set holds the signing key with its kid and use, and no private member."""
    answer = await world.http.get("/oauth/jwks")
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert "max-age" in answer.headers["cache-control"]
    (key,) = answer.json()["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert key["kid"] == world.server.keys.signing.kid


async def test_a_member_without_value_is_left_out(world):
    """§3.2: no empty list where a member is optional."""
    assert "scopes_supported" not in metadata(replace(world.server, scopes_supported=()))


async def test_the_path_of_an_issuer_comes_last(world):
    """§3.1: https://host/path is described at https://host/.well-known/oauth-authorization-server/path."""
    server = replace(world.server, issuer=f"{ISSUER}/brume")
    assert "/.well-known/oauth-authorization-server/brume" in {route.path for route in routes(server)}


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "passerelle.example.org",
        "http://passerelle.example.org",
        "https://",
        f"{ISSUER}/",
        f"{ISSUER}?a=b",
        f"{ISSUER}#a",
    ],
)
async def test_an_issuer_nobody_could_rely_on_stops_the_start(world, issuer):
    """§2: an https address without query or fragment; plain http on this machine only."""
    with pytest.raises(OAuthMisconfigured):
        replace(world.server, issuer=issuer)
    assert replace(world.server, issuer="http://127.0.0.1:8000")


@pytest.mark.parametrize("lifetime", [0, -1, 301, 864_000])
async def test_a_lifetime_over_five_minutes_stops_the_start(world, lifetime):
    """Access tokens live five minutes at most."""
    with pytest.raises(OAuthMisconfigured):
        replace(world.server, lifetime=lifetime)


async def test_a_shorter_lifetime_is_kept(world):
    """What is announced in expires_in is what the token says."""
    object.__setattr__(world.server, "lifetime", 60)
    body = (await world.post(world.form())).json()
    assert body["expires_in"] == 60
    assert world.read(body["access_token"])[1]["exp"] == world.seconds + 60
