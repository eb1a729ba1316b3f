"""RFC 9470: an endpoint that wants a stronger, or more recent, sign-in of the person behind the token says so."""

import pytest

from gateway.oauth.challenges import LevelInsufficient

METADATA = "https://passerelle.example.org/.well-known/oauth-protected-resource"


async def person(world, **claims):
    return await world.caller(await world.person_token(subject_token=world.person(**claims)))


async def test_a_sign_in_at_one_of_the_levels_is_enough(world):
    """§4: any of the values; none named means any level."""
    caller = await person(world, acr="eidas2")
    caller.require_level("eidas3", "eidas2", now=world.now)
    caller.require_level(now=world.now)


@pytest.mark.parametrize("acr", ["eidas1", "EIDAS2", ...])
async def test_a_weaker_sign_in_is_told_which_would_do(world, acr):
    """§3: 401 with error, acr_values best first; levels are compared letter by letter."""
    caller = await person(world, acr=acr)
    with pytest.raises(LevelInsufficient) as caught:
        caller.require_level("eidas3", "eidas2", now=world.now)
    assert (caught.value.status, caught.value.code) == (401, "insufficient_user_authentication")
    (challenge,) = caught.value.challenges(METADATA)
    assert challenge == (
        'Bearer realm="passerelle", error="insufficient_user_authentication", '
        'error_description="a stronger or more recent sign-in is required", acr_values="eidas3 eidas2", '
        f'resource_metadata="{METADATA}"'
    )


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (300, True), (301, False), (..., False)])
async def test_a_sign_in_that_is_too_old_is_told_how_recent_it_must_be(world, seconds, good):
    """§3: max_age in seconds; a sign-in whose hour is not known is not recent."""
    caller = await person(world, auth_time=... if seconds is ... else world.seconds - seconds)
    if good:
        caller.require_level(now=world.now, max_age=300)
        return
    with pytest.raises(LevelInsufficient) as caught:
        caller.require_level(now=world.now, max_age=300)
    (challenge,) = caught.value.challenges(METADATA)
    assert 'max_age="300"' in challenge
    assert "acr_values" not in challenge


async def test_a_recent_sign_in_ages_while_its_token_lives(world):
    """The hour that counts is that of the request, not of the token."""
    caller = await person(world, auth_time=world.seconds)
    caller.require_level(now=world.now, max_age=60)
    with pytest.raises(LevelInsufficient):
        caller.require_level(now=world.now + 61_000, max_age=60)


async def test_a_machine_never_meets_a_level(world):
    """Nobody signed in: no level of a person's can be read into a partner's own token."""
    caller = await world.caller(await world.token())
    for wanted in (("eidas1",), ()):
        with pytest.raises(LevelInsufficient):
            caller.require_level(*wanted, now=world.now)


async def test_the_challenge_stays_in_the_scheme_of_the_token(world):
    """With RFC 9449 §7.1: a DPoP client is answered in its own scheme, with its algorithms."""
    answer = await world.post(world.exchange_form(), headers={"DPoP": world.proof()})
    token = answer.json()["access_token"]
    request = world.request(token, world.api_proof(token), scheme="DPoP")
    caller = await world.verifier.caller(request, world.now)
    with pytest.raises(LevelInsufficient) as caught:
        caller.require_level("eidas3", now=world.now)
    (challenge,) = caught.value.challenges(METADATA)
    assert challenge.startswith('DPoP realm="passerelle", error="insufficient_user_authentication"')
    assert 'acr_values="eidas3", algs="ES256 PS256 EdDSA"' in challenge
