"""RFC 8693 §4.1, §4.4: a partner acts for another partner's professional, if that partner said so; act nests."""

import pytest
import sqlalchemy as sa

from gateway.oauth import models
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.client import ClientKey, new_key
from gateway.oauth.partners import new_partner, register
from gateway.oauth.revocation import token_name
from tests.registrations import change_status
from tests.unit.oauth.world import actor_of

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
MAY = {"may_act": {"sub": "siae-brume"}}


def client(world, name, key: ClientKey):
    return world.assertion(header={"kid": key.kid}, key=key.private, iss=name, sub=name)


def siae(world):
    return client(world, "siae-brume", world.keys["siae"])


async def widen(world, *scopes, partner="siae-brume"):
    table = models.partner
    await world.database.write(
        lambda c: c.execute(sa.update(table).where(table.c.id == partner).values(scopes=list(scopes)))
    )
    world.now += 5_000


async def subject(world, **claims):
    """A token of ml-brume for its professional, who may be acted for by siae-brume."""
    await widen(world, "data:rqth", "data:rsa")
    return await world.person_token(subject_token=world.person(**(MAY | claims)))


def form(world, token, **changes):
    sent = {"subject_token": token, "subject_token_type": ACCESS_TOKEN, "client_assertion": siae(world)}
    return world.exchange_form(**(sent | changes))


async def test_a_partner_acts_for_another_ones_professional(world_on_each_engine):
    """Sub stays, act nests, the names go on; it ends no later than the token it was got with."""
    world = world_on_each_engine
    token = await subject(world)
    world.now += 100_000
    answer = await world.post(form(world, token))
    assert answer.status_code == 200, answer.text
    claims = world.read(answer.json()["access_token"])[1]
    assert claims["sub"] == "ml-brume:agent-42"
    assert claims["client_id"] == "siae-brume"
    assert claims["act"] == {"sub": "siae-brume", "act": {"sub": "ml-brume"}}
    assert claims["family_name"] == "Kermorvan"
    assert claims["exp"] == world.read(token)[1]["exp"]
    assert answer.json()["expires_in"] == 200
    assert "may_act" not in claims
    caller = await world.caller(answer.json()["access_token"])
    assert (caller.partner.id, caller.vouching, caller.actor.id) == ("siae-brume", "ml-brume", "agent-42")


async def test_the_journal_names_professional_client_and_chain(world):
    """The professional by the tag of who vouches: its own institution finds them."""
    token = await subject(world)
    await world.post(form(world, token))
    entry = (await world.entries("token.issued"))[-1]
    assert entry["org"] == "siae-brume"
    assert entry["actor"] == actor_of("ml-brume", "agent-42")
    assert entry["through"] == ["ml-brume"]
    assert entry["parent"] == token_name(world.read(token)[1]["jti"])


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"may_act": ...}, id="nobody was named"),
        pytest.param({"may_act": {"sub": "dept-brume"}}, id="somebody else was named"),
    ],
)
async def test_only_who_was_named_acts_on(world, claims):
    """A token that got into other hands cannot be exchanged by them."""
    answer = await world.post(form(world, await subject(world, **claims)))
    world.refused(answer, "invalid_request", "subject_token.may_act")


@pytest.mark.parametrize("bad", ["siae-brume", {"sub": "X"}, {"sub": "siae-brume", "iss": "x"}, {"sub": 7}, None, []])
async def test_who_may_act_is_one_partner(world, bad):
    """Anything else in the assertion is refused, not ignored."""
    answer = await world.post(world.exchange_form(subject_token=world.person(may_act=bad)))
    world.refused(answer, "invalid_request", "subject_token.may_act")


async def test_no_machine_token_becomes_a_person(world):
    """A client_credentials token names nobody, whoever presents it."""
    await widen(world, "data:rqth", "data:rsa")
    for sent in (siae(world), world.assertion()):
        answer = await world.post(form(world, await world.token(), client_assertion=sent))
        world.refused(answer, "invalid_request", "subject_token.professional")


async def test_no_scope_widens(world):
    """Neither beyond the registration nor beyond the subject token, nor what its own client may still do."""
    token = await subject(world)
    world.refused(await world.post(form(world, token, scope="data:rqth")), "invalid_scope", "scope")
    world.refused(await world.post(form(world, token, scope="data:c2s")), "invalid_scope", "scope")
    await widen(world, "data:c2s", partner="ml-brume")
    world.refused(await world.post(form(world, token)), "invalid_scope", "scope")


async def test_a_bound_token_gives_a_bound_one(world):
    """RFC 9449 §6: exchanged, it does not become one that whoever holds it may use."""
    await widen(world, "data:rqth", "data:rsa")
    sent = world.exchange_form(subject_token=world.person(**MAY))
    answer = await world.post(sent, headers={"DPoP": world.proof("es")})
    bound = answer.json()["access_token"]
    world.refused(await world.post(form(world, bound)), "invalid_request", "subject_token.confirmation")
    answer = await world.post(form(world, bound), headers={"DPoP": world.proof("siae")})
    assert answer.json()["token_type"] == "DPoP"
    assert world.read(answer.json()["access_token"])[1]["cnf"] != world.read(bound)[1]["cnf"]


async def test_what_was_got_with_a_token_ends_with_it(world):
    """Revoking the first token, or suspending who vouches, ends the second at once."""
    token = await subject(world)
    second = (await world.post(form(world, token))).json()["access_token"]
    assert await world.caller(second)
    await world.http.post("/oauth/revoke", data=world.form(grant_type=..., scope=..., token=token))
    with pytest.raises(BearerInvalid, match="revoked"):
        await world.caller(second)
    world.refused(await world.post(form(world, token)), "invalid_request", "subject_token.revoked")


@pytest.mark.parametrize("case", ["expired", "forged", "another kind", "suspended"])
async def test_a_subject_token_must_be_good_itself(world, case):
    """As at the API."""
    token, expected = await subject(world), case
    match case:
        case "expired":
            world.now += 300_000
        case "forged":
            token, expected = token[:-8] + "AAAAAAAA", "signature"
        case "another kind":
            token, expected = world.person(), "type"
        case "suspended":
            await world.database.write(lambda c: change_status(c, "ml-brume", status="suspended", now=world.now))
            world.now += 5_000
            expected = "revoked"
    world.refused(await world.post(form(world, token)), "invalid_request", f"subject_token.{expected}")


async def test_the_chain_is_short_and_nobody_is_in_it_twice(world, monkeypatch):
    """A token that comes back to who vouches, or goes round a fourth, is refused."""
    token = await subject(world)
    second = (await world.post(form(world, token))).json()["access_token"]
    answer = await world.post(form(world, second))
    world.refused(answer, "invalid_request", "subject_token.may_act")  # it is not passed on
    own = await world.person_token(subject_token=world.person(may_act={"sub": "ml-brume"}))
    answer = await world.post(form(world, own, client_assertion=world.assertion()))
    world.refused(answer, "invalid_request", "subject_token.chain")
    monkeypatch.setattr("gateway.oauth.delegated.MAX_CHAIN", 1)
    world.refused(await world.post(form(world, token)), "invalid_request", "subject_token.chain")


async def test_a_token_of_four_partners_is_none(world):
    """Even signed by us: what is read keeps the rule too."""
    key = new_key("x")
    await register(world.database, new_partner(
        id="cc-brume", name="CCAS", siret="11122233700011", scopes=["data:rsa"], jwks=key.jwks(), binding="bearer",
        now=world.now,
    ))  # fmt: skip
    claims = world.read(await world.person_token())[1]
    act = {"sub": "ml-brume"}
    for partner in ("cc-brume", "siae-brume", "ml-brume"):
        act = {"sub": partner, "act": act}
    header = {"typ": "at+jwt", "alg": "ES256", "kid": world.server.keys.signing.kid}
    forged = world.forge(header, claims | {"act": act}, world.server.keys.signing.private)
    with pytest.raises(BearerInvalid, match="subject"):
        await world.caller(forged)
