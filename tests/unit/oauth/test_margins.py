"""Seven things that good servers let pass and this one does not, each in one request that is otherwise right.

The folders of the RFCs try each of them in more forms.
"""

import json

import pytest

from gateway.oauth.challenges import BearerInvalid

DEEP = "[" * 4_000 + "]" * 4_000


async def refused(world, assertion, detail):
    answer = await world.post(world.form(client_assertion=assertion))
    assert answer.status_code == 401
    world.refused(answer, "invalid_client", f"client_assertion.{detail}")
    assert await world.used() == 0


async def test_margin_1_an_assertion_issued_in_the_future_without_nbf(world):
    """A date ahead is refused whether or not another one says the same."""
    await refused(world, world.assertion(iat=world.seconds + 61, nbf=..., exp=world.seconds + 600), "future")


async def test_margin_2_an_assertion_that_lives_for_years(world):
    """An assertion that leaks must be of no use next year."""
    await refused(world, world.assertion(exp=world.seconds + 366 * 86_400), "too_long")


async def test_margin_3_an_expiry_beyond_all_numbers(world):
    """1e400 reads as infinity: later than any clock, and a date for no one."""
    claims = json.dumps(world.claims(exp="*")).replace('"*"', "1e400")
    await refused(world, world.forge(world.header(), claims, world.private), "dates")


@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "logout+jwt", "passerelle-professional+jwt", "secevent+jwt"])
async def test_margin_4_a_jwt_of_another_kind(world, typ):
    """What was signed for another purpose is not a client's word."""
    await refused(world, world.assertion(header={"typ": typ}), "type")


@pytest.mark.parametrize("header", [{"b64": False}, {"b64": False, "crit": ["b64"]}])
async def test_margin_5_a_payload_that_is_not_encoded(world, header):
    """RFC 7797 changes what the signature covers."""
    await refused(world, world.assertion(header=header), "critical")


@pytest.mark.parametrize("where", ["claims", "header"])
async def test_margin_6_deep_json_in_a_signed_assertion_is_no_fault_of_ours(world, where):
    """An answer of 401, not 500, although the signature is good."""
    header, claims = world.header(), world.claims()
    deep = json.dumps((claims if where == "claims" else header) | {"deep": "*"}).replace('"*"', DEEP)
    assertion = world.forge(*((header, deep) if where == "claims" else (deep, claims)), world.private)
    await refused(world, assertion, "form")


async def test_margin_7_a_token_that_is_a_jwt_and_was_taken_back(world):
    """Its signature and its dates stay good; it opens nothing any more, at once."""
    token = await world.token()
    assert await world.caller(token)
    answer = await world.http.post("/oauth/revoke", data=world.form(grant_type=..., scope=..., token=token))
    assert answer.status_code == 200
    with pytest.raises(BearerInvalid) as caught:
        await world.caller(token)
    assert caught.value.detail == "revoked"
