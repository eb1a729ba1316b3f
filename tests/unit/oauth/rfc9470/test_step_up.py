"""RFC 9470: an API that wants a stronger, or more recent, sign-in of the person behind the token says so.

A level is the catalogue's affair: `tests/api/test_what_leaves.py` asks for data with a weak one.
"""

import pytest

from gateway.oauth.challenges import LevelInsufficient
from gateway.oauth.verification import Verifier
from tests.unit.oauth.world import ISSUER

METADATA = "https://passerelle.example.org/.well-known/oauth-protected-resource"
LONGEST = 300


@pytest.fixture
def strict(world):
    """A gateway that wants people to have signed in a moment ago."""
    server = world.server
    world.verifier = Verifier(
        issuer=ISSUER, resource=ISSUER, keys=server.keys, partners=server.partners, revoked=server.revoked,
        senders=server.possession, max_age=LONGEST,
    )  # fmt: skip
    return world


async def person(world, **claims):
    return await world.person_token(subject_token=world.person(**claims))


def test_the_challenge_names_the_levels_that_would_do():
    """§3: acr_values; without an age, none is named."""
    (challenge,) = LevelInsufficient(("eidas2", "eidas3")).challenges(METADATA)
    assert challenge == (
        'Bearer realm="passerelle", error="insufficient_user_authentication", '
        'error_description="a stronger or more recent sign-in is required", acr_values="eidas2 eidas3", '
        f'resource_metadata="{METADATA}"'
    )


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (LONGEST, True), (LONGEST + 1, False), (..., False)])
async def test_a_sign_in_that_is_too_old_is_told_how_recent_it_must_be(strict, seconds, good):
    """§3: max_age in seconds; a sign-in whose hour is not known is not recent."""
    token = await person(strict, auth_time=... if seconds is ... else strict.seconds - seconds)
    if good:
        assert (await strict.caller(token)).actor is not None
        return
    with pytest.raises(LevelInsufficient) as caught:
        await strict.caller(token)
    assert (caught.value.status, caught.value.code) == (401, "insufficient_user_authentication")
    (challenge,) = caught.value.challenges(METADATA)
    assert f'max_age="{LONGEST}"' in challenge
    assert "acr_values" not in challenge


async def test_a_recent_sign_in_ages_while_its_token_lives(strict):
    """The hour that counts is that of the request, not of the token: also of a token that is remembered."""
    token = await person(strict, auth_time=strict.seconds - LONGEST + 60)
    await strict.caller(token)
    strict.now += 61_000
    with pytest.raises(LevelInsufficient):
        await strict.caller(token)


async def test_a_machine_has_no_sign_in_to_age(strict):
    """Batch jobs go on: what a machine may ask for is the catalogue's affair."""
    assert (await strict.caller(await strict.token())).actor is None


async def test_any_hour_is_good_where_none_is_asked_for(world):
    """The default: a partner answers for the sign-ins of its own professionals."""
    assert (await world.caller(await person(world, auth_time=...))).actor is not None


async def test_the_challenge_stays_in_the_scheme_of_the_token(strict):
    """With RFC 9449 §7.1: a DPoP client is answered in its own scheme, with its algorithms."""
    form = strict.exchange_form(subject_token=strict.person(auth_time=strict.seconds - LONGEST - 1))
    token = (await strict.post(form, headers={"DPoP": strict.proof()})).json()["access_token"]
    request = strict.request(token, strict.api_proof(token), scheme="DPoP")
    with pytest.raises(LevelInsufficient) as caught:
        await strict.verifier.caller(request, strict.now)
    (challenge,) = caught.value.challenges(METADATA)
    assert challenge.startswith('DPoP realm="passerelle", error="insufficient_user_authentication"')
    assert f'max_age="{LONGEST}", algs="ES256 PS256 EdDSA"' in challenge
