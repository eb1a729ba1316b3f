"""RFC 6750 §2.1, §3: where a token may stand, and how its absence or refusal is told."""

import pytest

from gateway.oauth.challenges import BearerInvalid, BearerMalformed, BearerMissing, ScopeInsufficient


async def caller(world, *values):
    headers = [(b"host", b"passerelle.example.org"), *((b"authorization", value) for value in values)]
    return await world.verifier.caller({"headers": headers}, world.now)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_read_in_any_case(world, scheme):
    """RFC 9110 §11.1: schemes are case-insensitive."""
    assert await caller(world, f"{scheme} {await world.token()}".encode())


METADATA = "https://passerelle.example.org/.well-known/oauth-protected-resource"


@pytest.mark.parametrize("values", [(), (b"Basic bWw6eA==",), (b"",), (b"Bearerabc",)])
async def test_no_token_gets_bare_challenges(world, values):
    """§3.1: who has not tried a token is told the schemes and no error."""
    with pytest.raises(BearerMissing) as caught:
        await caller(world, *values)
    assert caught.value.status == 401
    assert caught.value.challenges(METADATA) == (
        f'DPoP realm="passerelle", algs="ES256 PS256 EdDSA", resource_metadata="{METADATA}"',
        f'Bearer realm="passerelle", resource_metadata="{METADATA}"',
    )


async def test_two_authorization_headers_are_refused(world):
    """Exactly one: whoever reads the first and whoever reads the last must not disagree."""
    token = f"Bearer {await world.token()}".encode()
    for values in ((token, token), (token, b"Basic bWw6eA=="), (b"Bearer x", token)):
        with pytest.raises(BearerMalformed) as caught:
            await caller(world, *values)
        assert (caught.value.status, caught.value.code) == (400, "invalid_request")


@pytest.mark.parametrize("value", [b"Bearer", b"Bearer ", b"Bearer " + b"x" * 16_385])
async def test_an_empty_or_endless_token_is_malformed(world, value):
    """Size is checked before anything is computed."""
    with pytest.raises(BearerMalformed):
        await caller(world, value)


@pytest.mark.parametrize(
    "value", [b"Bearer abc", b"Bearer \xe9.\xe9.\xe9", b"Bearer  a.b.c", b"Bearer a.b.c,Bearer a.b.c"]
)
async def test_what_is_not_a_jwt_is_an_invalid_token(world, value):
    """Whatever bytes a header holds, the answer is a challenge."""
    with pytest.raises(BearerInvalid) as caught:
        await caller(world, value)
    (challenge,) = caught.value.challenges(METADATA)
    assert challenge.startswith('Bearer realm="passerelle", error="invalid_token"')


async def test_a_missing_scope_is_named_in_the_challenge(world):
    """§3.1: insufficient_scope says which scopes the request needs."""
    found = await world.caller(await world.token(scope="data:rsa"))
    found.require("data:rsa")
    found.require()
    with pytest.raises(ScopeInsufficient) as caught:
        found.require("data:rsa", "data:c2s")
    assert (caught.value.status, caught.value.code) == (403, "insufficient_scope")
    (challenge,) = caught.value.challenges(METADATA)
    assert (
        'error_description="the access token does not carry a required scope", scope="data:c2s data:rsa"' in challenge
    )
