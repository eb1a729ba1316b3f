"""RFC 7662: what a token is, for who may know; nothing for anybody else."""

import pytest
import sqlalchemy as sa

from gateway.oauth import models
from tests.registrations import change_status

INACTIVE = {"active": False}


async def look(world, token, *, headers=None, **changes):
    form = world.form(grant_type=..., scope=..., token=token, **changes)
    return await world.http.post("/oauth/introspect", data=form, headers=headers)


def other(world):
    return world.assertion(header={"kid": "siae"}, key=world.keys["siae"].private, iss="siae-brume", sub="siae-brume")


async def entitle(world):
    """Register `siae-brume` as a protected resource."""
    allowed = sa.update(models.partner).where(models.partner.c.id == "siae-brume")
    await world.database.write(lambda c: c.execute(allowed.values(scopes=["data:rqth", "tokens:introspect"])))
    world.now += 5_000


async def test_a_client_sees_its_own_token(world_on_each_engine):
    """§2.2: active and what it carries; not stored by anybody."""
    world = world_on_each_engine
    token = await world.token()
    answer = await look(world, token)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {"active": True, "token_type": "Bearer", **world.read(token)[1]}


async def test_a_professionals_token_shows_the_chain_and_no_name(world):
    """RFC 8693 §4.1: act is told; names stay in the token."""
    token = await world.person_token()
    body = (await look(world, token)).json()
    assert body["sub"] == "ml-brume:agent-42"
    assert body["act"] == {"sub": "ml-brume"}
    assert body["acr"] == "eidas1"
    assert not {"family_name", "given_name", "role"} & body.keys()


async def test_a_bound_token_shows_its_key(world):
    """RFC 9449 §6.2: cnf and the token's type."""
    token = await world.bound_token()
    body = (await look(world, token)).json()
    assert body["token_type"] == "DPoP"
    assert body["cnf"] == world.read(token)[1]["cnf"]


async def test_a_foreign_token_is_inactive_unless_the_client_is_entitled(world):
    """§4: who is not registered for it learns nothing, not even that it is a token."""
    token = await world.token()
    assert (await look(world, token, client_assertion=other(world))).json() == INACTIVE
    await entitle(world)
    assert (await look(world, token, client_assertion=other(world))).json()["client_id"] == "ml-brume"


@pytest.mark.parametrize("case", ["expired", "forged", "no token", "revoked", "suspended"])
async def test_a_token_that_is_not_good_is_inactive_and_nothing_more(world, case):
    """§2.2: one answer for all."""
    await entitle(world)
    token = await world.token()
    match case:
        case "expired":
            world.now += 300_000
        case "forged":
            token = token[:-8] + "AAAAAAAA"
        case "no token":
            token = "é"
        case "revoked":
            await world.http.post("/oauth/revoke", data=world.form(grant_type=..., scope=..., token=token))
        case "suspended":
            await world.database.write(lambda c: change_status(c, "ml-brume", status="suspended", now=world.now))
            world.now += 5_000
    answer = await look(world, token, client_assertion=other(world))
    assert (answer.status_code, answer.json()) == (200, INACTIVE)


async def test_a_scope_taken_from_the_registration_is_not_told(world):
    """The API would not accept it either."""
    token = await world.token(scope="data:rsa data:c2s")
    fewer = sa.update(models.partner).where(models.partner.c.id == "ml-brume").values(scopes=["data:rsa"])
    await world.database.write(lambda connection: connection.execute(fewer))
    world.now += 5_000
    assert (await look(world, token)).json()["scope"] == "data:rsa"


async def test_other_kinds_of_tokens_are_inactive(world):
    """Assertions, proofs and answers of introspection are no access tokens."""
    signed = await look(world, await world.token(), headers={"Accept": "application/token-introspection+jwt"})
    for token in (world.assertion(), world.person(), world.proof(), signed.text):
        assert (await look(world, token)).json() == INACTIVE


async def test_only_an_authenticated_client_asks(world):
    """§2.1: nobody can try tokens out."""
    token = await world.token()
    answer = await look(world, token, client_assertion=...)
    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers
    world.refused(answer, "invalid_client", "no_authentication")
    used = world.assertion()
    assert (await look(world, token, client_assertion=used)).status_code == 200
    world.refused(await look(world, token, client_assertion=used), "invalid_client", "client_assertion.replayed")


async def test_a_request_without_token_is_malformed(world):
    """§2.1: token is required."""
    answer = await world.http.post("/oauth/introspect", data=world.form(grant_type=..., scope=...))
    world.refused(answer, "invalid_request", "token_missing")
