"""RFC 9068: what an access token says, and that the API believes no other."""

import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.oauth import keys, models
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.revocation import token_name
from gateway.oauth.verification import Verifier
from tests.registrations import change_status, generate

ISSUER = "https://passerelle.example.org"


async def test_a_token_says_who_what_for_whom_and_until_when(world):
    """§2.1, §2.2: typ at+jwt, ES256, our kid, and the required claims; nothing a machine does not have."""
    header, claims = world.read(await world.token(scope="subjects data:rsa"))
    assert header == {"typ": "at+jwt", "alg": "ES256", "kid": world.server.keys.signing.kid}
    assert len(claims.pop("jti")) == 22
    assert claims == {
        "iss": ISSUER, "aud": ISSUER, "sub": "ml-brume", "client_id": "ml-brume", "scope": "data:rsa subjects",
        "iat": world.seconds, "exp": world.seconds + 300,
    }  # fmt: skip


async def test_two_tokens_never_share_an_id(world):
    """The jti of a token is its own."""
    ids = {world.read(await world.token())[1]["jti"] for _ in range(20)}
    assert len(ids) == 20


async def test_another_library_verifies_our_tokens_with_the_published_keys(world):
    """A data holder needs /oauth/jwks and any JOSE library."""
    token = await world.token()
    published = jwt.PyJWKSet.from_dict((await world.http.get("/oauth/jwks")).json())
    key = next(key for key in published.keys if key.key_id == jwt.get_unverified_header(token)["kid"])
    claims = jwt.decode(
        token, key, algorithms=["ES256"], audience=ISSUER, options={"verify_exp": False, "verify_iat": False}
    )
    assert claims["sub"] == "ml-brume"


async def test_a_machine_has_no_professional_behind_it(world):
    """The caller of a client_credentials token is the partner alone."""
    token = await world.token()
    caller = await world.caller(token)
    assert (caller.partner.id, caller.scopes, caller.actor) == ("ml-brume", {"data:rsa"}, None)
    assert caller.token.names[0] == token_name(world.read(token)[1]["jti"])


async def _claims(world):
    return world.read(await world.token())


CHANGES = {
    "another issuer": ("claims", {"iss": "https://other.example.org"}, "issuer"),
    "another audience": ("claims", {"aud": "https://other.example.org"}, "audience"),
    "audience array": ("claims", {"aud": [ISSUER]}, "audience"),
    "no audience": ("claims", {"aud": ...}, "audience"),
    "no exp": ("claims", {"exp": ...}, "dates"),
    "exp as text": ("claims", {"exp": "1900000000"}, "dates"),
    "exp as a boolean": ("claims", {"exp": True}, "dates"),
    "no iat": ("claims", {"iat": ...}, "dates"),
    "from the future": ("claims", {"iat": 1_800_000_061}, "future"),
    "expired": ("claims", {"exp": 1_800_000_000}, "expired"),
    "no client": ("claims", {"client_id": ...}, "claims"),
    "scope as a list": ("claims", {"scope": ["data:rsa"]}, "claims"),
    "no jti": ("claims", {"jti": ...}, "claims"),
    "subject of another": ("claims", {"sub": "siae-brume"}, "subject"),
    "no subject": ("claims", {"sub": ...}, "subject"),
    "person without actor": ("claims", {"sub": "ml-brume:agent-42"}, "subject"),
    "actor without person": ("claims", {"act": {"sub": "ml-brume"}}, "subject"),
    "another actor": ("claims", {"sub": "ml-brume:a", "act": {"sub": "siae-brume"}}, "subject"),
    "person of another partner": ("claims", {"sub": "siae-brume:a", "act": {"sub": "ml-brume"}}, "subject"),
    "client that is not registered": ("claims", {"client_id": "nobody", "sub": "nobody"}, "partner"),
    "typ JWT": ("header", {"typ": "JWT"}, "type"),
    "no typ": ("header", {"typ": ...}, "type"),
    "typ of a professional assertion": ("header", {"typ": "passerelle-professional+jwt"}, "type"),
    "crit": ("header", {"crit": ["x"]}, "critical"),
    "algorithm none": ("header", {"alg": "none"}, "algorithm"),
    "algorithm EdDSA": ("header", {"alg": "EdDSA"}, "algorithm"),
    "algorithm HS256": ("header", {"alg": "HS256"}, "algorithm"),
    "unknown kid": ("header", {"kid": "unknown"}, "key"),
    "kid of a partner": ("header", {"kid": "es"}, "key"),
    "no kid": ("header", {"kid": ...}, "key_id"),
}


@pytest.mark.parametrize(("where", "change", "detail"), CHANGES.values(), ids=CHANGES.keys())
async def test_a_token_that_breaks_one_rule_is_refused(world, where, change, detail):
    """Even signed with our own key, a token that is not exactly ours is none."""
    header, claims = await _claims(world)
    target = header if where == "header" else claims
    target |= change
    for name in [name for name, value in change.items() if value is ...]:
        del target[name]
    token = world.forge(header, claims, world.server.keys.signing.private)
    with pytest.raises(BearerInvalid) as caught:
        await world.caller(token)
    assert caught.value.detail == detail
    assert (caught.value.status, caught.value.code) == (401, "invalid_token")


async def test_an_unchanged_copy_of_the_same_claims_is_accepted(world):
    """The control of the test above: forged with nothing changed, the token is good."""
    header, claims = await _claims(world)
    assert (await world.caller(world.forge(header, claims, world.server.keys.signing.private))).actor is None


async def test_a_token_signed_by_somebody_else_is_refused(world):
    """A stranger's key, a partner's key, an altered token."""
    header, claims = await _claims(world)
    good = world.forge(header, claims, world.server.keys.signing.private)
    for token in (
        world.forge(header, claims, ec.generate_private_key(ec.SECP256R1())),
        world.forge(header, claims, world.private),
        good[:-8] + "AAAAAAAA",
    ):
        with pytest.raises(BearerInvalid) as caught:
            await world.caller(token)
        assert caught.value.detail == "signature"


async def test_a_clients_assertion_is_not_an_access_token(world):
    """What a partner signs opens the token endpoint, not the API."""
    for token in (world.assertion(), world.person()):
        with pytest.raises(BearerInvalid):
            await world.caller(token)


async def test_a_remembered_token_expires_on_time(world):
    """Remembering spares the signature, never the expiry."""
    token = await world.token()
    await world.caller(token)
    world.now += 299_999
    await world.caller(token)
    world.now += 1
    for _ in range(2):
        with pytest.raises(BearerInvalid, match="expired"):
            await world.caller(token)


async def test_a_remembered_token_is_verified_once_and_the_same_caller_comes_back(world):
    """The second call costs a look-up: the very same object is given."""
    token = await world.token()
    assert await world.caller(token) is await world.caller(token)


async def test_a_suspended_partner_is_refused_within_five_seconds(world):
    """Tokens that are still running, and remembered, stop with the partner."""
    token = await world.token()
    await world.caller(token)
    await world.database.write(
        lambda connection: change_status(connection, "ml-brume", status="suspended", now=world.now)
    )
    world.now += 5_000
    with pytest.raises(BearerInvalid, match="partner"):
        await world.caller(token)


async def test_a_scope_taken_from_the_partner_is_taken_from_its_running_tokens(world):
    """The caller has what the token carries and the registration still allows."""
    token = await world.token(scope="data:rsa data:c2s")
    assert (await world.caller(token)).scopes == {"data:rsa", "data:c2s"}
    fewer = sa.update(models.partner).where(models.partner.c.id == "ml-brume").values(scopes=["data:rsa"])
    await world.database.write(lambda connection: connection.execute(fewer))
    world.now += 5_000
    assert (await world.caller(token)).scopes == {"data:rsa"}


async def test_the_memory_of_tokens_is_bounded(world):
    """The oldest is forgotten first, and simply verified again."""
    small = Verifier(
        issuer=ISSUER, resource=ISSUER, keys=world.server.keys, partners=world.server.partners,
        revoked=world.server.revoked, size=2,
    )  # fmt: skip
    tokens = [await world.token() for _ in range(3)]
    for token in (tokens[0], tokens[1], tokens[0], tokens[2]):
        await small.caller(world.request(token), world.now)
    assert len(small._verified) == 2
    remembered = {verified.ref.names[0] for verified in small._verified.values()}
    assert remembered == {token_name(world.read(token)[1]["jti"]) for token in (tokens[0], tokens[2])}
    assert await small.caller(world.request(tokens[1]), world.now)


async def test_tokens_of_the_previous_and_the_next_key_are_accepted(world):
    """Rotation overlaps: what was signed a moment ago, here or on another replica, stays good."""
    old, new = world.server.keys, generate()
    overlap = keys.of(new.signing, old.signing)
    verifier = Verifier(
        issuer=ISSUER, resource=ISSUER, keys=overlap, partners=world.server.partners, revoked=world.server.revoked
    )
    token = await world.token()
    assert await verifier.caller(world.request(token), world.now)
    assert {key["kid"] for key in overlap.jwks()["keys"]} == {old.signing.kid, new.signing.kid}
