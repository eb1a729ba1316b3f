"""RFC 9728: a client that knows the API alone finds out who gives its tokens, and how to send them."""

import re
from dataclasses import replace

import pytest

from gateway.oauth.challenges import BearerMissing
from gateway.oauth.resource import metadata, metadata_path, metadata_url

ISSUER = "https://passerelle.example.org"


async def test_the_document_tells_what_the_api_takes(world):
    """§2, §3.2: JSON, may be kept for minutes, and each member is what the code does."""
    answer = await world.http.get("/.well-known/oauth-protected-resource")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "max-age" in answer.headers["cache-control"]
    document = answer.json()
    assert document["resource"] == ISSUER
    assert document["authorization_servers"] == [ISSUER]
    assert document["bearer_methods_supported"] == ["header"]
    assert document["dpop_signing_alg_values_supported"] == ["ES256", "PS256", "EdDSA"]
    assert document["scopes_supported"] == ["data:c2s", "data:rsa"]


async def test_resource_and_server_name_each_other(world):
    """§4: the server's own metadata list the resource, so that neither can be passed off for another."""
    server = (await world.http.get("/.well-known/oauth-authorization-server")).json()
    resource = (await world.http.get("/.well-known/oauth-protected-resource")).json()
    assert resource["resource"] in server["protected_resources"]
    assert server["issuer"] in resource["authorization_servers"]


async def test_from_a_challenge_to_a_token(world):
    """§5: unknown client, no token; the challenge leads to the document, the document to the server."""
    with pytest.raises(BearerMissing) as caught:
        await world.verifier.caller({"headers": []}, world.now)
    for challenge in caught.value.challenges(metadata_url(ISSUER)):
        address = re.search(r'resource_metadata="([^"]+)"', challenge)[1]
        (server,) = (await world.http.get(address)).json()["authorization_servers"]
        found = (await world.http.get(f"{server}/.well-known/oauth-authorization-server")).json()
        assert (await world.http.post(found["token_endpoint"], data=world.form())).status_code == 200


def test_a_path_of_the_resource_comes_last():
    """§3.1: the well-known part stands between host and path."""
    assert metadata_path(f"{ISSUER}/brume") == "/.well-known/oauth-protected-resource/brume"
    assert metadata_url(f"{ISSUER}/brume") == f"{ISSUER}/.well-known/oauth-protected-resource/brume"


async def test_a_member_without_value_is_left_out(world):
    """§3.2: no empty list."""
    assert "scopes_supported" not in metadata(replace(world.server, scopes_supported=()))
