"""RFC 9701: the answer as a JWT for the one who asked, which nobody can take for an access token."""

import pytest

from gateway.oauth.challenges import BearerInvalid

MEDIA = "application/token-introspection+jwt"


async def look(world, token, accept):
    form = world.form(grant_type=..., scope=..., token=token)
    return await world.http.post("/oauth/introspect", data=form, headers={"Accept": accept})


@pytest.mark.parametrize("accept", [MEDIA, MEDIA.upper(), f"application/json;q=0.5, {MEDIA};q=1"])
async def test_the_answer_is_signed_when_asked_for(world, accept):
    """§4, §5: typ, iss, aud and iat of its own; what was found stands in one member."""
    token = await world.token()
    answer = await look(world, token, accept)
    assert answer.headers["content-type"] == MEDIA
    assert answer.headers["cache-control"] == "no-store"
    header, claims = world.read(answer.text)
    assert header == {"typ": "token-introspection+jwt", "alg": "ES256", "kid": world.server.keys.signing.kid}
    assert claims.pop("token_introspection") == {"active": True, "token_type": "Bearer", **world.read(token)[1]}
    assert claims == {"iss": world.server.issuer, "aud": "ml-brume", "iat": world.seconds}


async def test_an_inactive_answer_is_signed_too(world):
    """§5: it says only that."""
    answer = await look(world, "nothing", MEDIA)
    assert world.read(answer.text)[1]["token_introspection"] == {"active": False}


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/*", "application/jwt"])
async def test_without_being_asked_for_the_answer_is_json(world, accept):
    """§4: the type must be named."""
    answer = await look(world, await world.token(), accept)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["active"] is True


async def test_the_answer_is_no_access_token(world):
    """§8.1: cross-JWT confusion: refused at the API, and as a subject token."""
    answer = await look(world, await world.token(), MEDIA)
    with pytest.raises(BearerInvalid, match="type"):
        await world.caller(answer.text)
    refused = await world.post(world.exchange_form(subject_token=answer.text))
    world.refused(refused, "invalid_request", "subject_token.type")


async def test_a_refusal_is_not_signed(world):
    """§5: errors keep the form of RFC 6749."""
    form = world.form(grant_type=..., scope=..., token="x", client_assertion="a.b.c")
    answer = await world.http.post("/oauth/introspect", data=form, headers={"Accept": MEDIA})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"] == "invalid_client"
