"""The partner's side as the demo and the documentation use it."""

import httpx
import pytest

from gateway.oauth.client import make_assertion, make_professional_assertion, new_key, request_token
from gateway.oauth.partners import new_partner, register
from gateway.oauth.tokens import Professional

ISSUER = "https://passerelle.example.org"
WHO = Professional(id="agent-7", family_name="Le Goff", given_name="Aël", role="conseiller", acr="eidas1")


@pytest.mark.parametrize("kid", ["es", "ed", "ps"])
async def test_a_partner_asks_for_itself_and_for_a_professional(world, kid):
    """One function, with each kind of key."""
    options = {"client_id": "ml-brume", "issuer": ISSUER, "scopes": ["data:rsa"], "now": world.now}
    machine = await request_token(world.http, world.keys[kid], **options)
    assert (await world.caller(machine)).actor is None
    person = await request_token(world.http, world.keys[kid], professional=WHO, **options)
    assert (await world.caller(person)).actor == WHO


async def test_a_new_key_can_be_registered_and_used(world):
    """What `jwks` gives is what registration takes."""
    key = new_key("brand-new")
    await register(world.database, new_partner(
        id="cc-brume", name="CCAS", siret="11122233700011", scopes=["data:rsa"], jwks=key.jwks(), binding="bearer",
        now=world.now,
    ))  # fmt: skip
    token = await request_token(
        world.http, key, client_id="cc-brume", issuer=ISSUER, scopes=["data:rsa"], now=world.now
    )
    assert (await world.caller(token)).partner.id == "cc-brume"
    assert "private" not in repr(key)


async def test_a_refusal_is_raised(world):
    """The helper hides nothing: a refused request is an exception with its answer."""
    with pytest.raises(httpx.HTTPStatusError) as caught:
        await request_token(
            world.http, world.keys["es"], client_id="ml-brume", issuer=ISSUER, scopes=["data:rqth"], now=world.now
        )
    assert caught.value.response.json()["error"] == "invalid_scope"


def test_assertions_live_a_minute_and_never_repeat(world):
    """Each assertion has a jti of its own and ends soon."""
    made = [make_assertion(world.keys["es"], client_id="ml-brume", issuer=ISSUER, now=world.now) for _ in range(3)]
    made.append(
        make_professional_assertion(
            world.keys["es"], client_id="ml-brume", issuer=ISSUER, now=world.now, professional=WHO, auth_time=7
        )
    )
    claims = [world.read(token)[1] for token in made]
    assert len({claim["jti"] for claim in claims}) == 4
    assert {claim["exp"] - claim["iat"] for claim in claims} == {60}
    assert claims[-1]["auth_time"] == 7
