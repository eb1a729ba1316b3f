"""RFC 9449 §7: a bound token at the API, with its proof, and every way in which it is not its sender's."""

from typing import Any

import pytest

from gateway.oauth import jose
from gateway.oauth.challenges import BearerInvalid, BearerRefused, Downgraded, ProofRefused, ScopeInsufficient

ISSUER = "https://passerelle.example.org"
METADATA = f"{ISSUER}/.well-known/oauth-protected-resource"
API = f"{ISSUER}/v1/catalogue"


async def call(world: Any, token: str, *proofs: str, scheme: str = "DPoP", **more: Any) -> Any:
    return await world.verifier.caller(world.request(token, *proofs, scheme=scheme, **more), world.now)


async def refused(world: Any, kind: type[BearerRefused], *arguments: str, **more: Any) -> BearerRefused:
    with pytest.raises(kind) as caught:
        await call(world, *arguments, **more)
    return caught.value


@pytest.mark.parametrize("kid", ["ed", "es", "ps"])
@pytest.mark.parametrize("scheme", ["DPoP", "dpop"])
async def test_the_sender_of_a_bound_token_is_let_in(world, kid, scheme):
    """§7.1: its own proof of this request, as often as it signs a new one."""
    token = await world.bound_token(kid)
    for _ in range(2):
        caller = await call(world, token, world.api_proof(token, kid), scheme=scheme)
        assert (caller.partner.id, caller.scheme) == ("ml-brume", "DPoP")


async def test_a_bound_token_sent_as_a_bearer_token_is_refused(world):
    """§7.2: else a thief would only have to use the other scheme. The answer names the scheme to use."""
    token = await world.bound_token()
    for proofs in ((), (world.api_proof(token),)):
        error = await refused(world, Downgraded, token, *proofs, scheme="Bearer")
        assert (error.status, error.code) == (401, "invalid_token")
        bearer, dpop = error.challenges(METADATA)
        assert bearer.startswith('Bearer realm="passerelle", error="invalid_token"')
        assert dpop == f'DPoP realm="passerelle", algs="ES256 PS256 EdDSA", resource_metadata="{METADATA}"'


async def test_a_bearer_token_with_the_dpop_scheme_is_refused(world):
    """§7.1: a proof of anybody's key must not make an unbound token look bound."""
    token = await world.token()
    error = await refused(world, BearerInvalid, token, world.api_proof(token))
    assert error.detail == "scheme"
    assert error.challenges(METADATA)[0].startswith('DPoP realm="passerelle", error="invalid_token"')


REFUSED: dict[str, tuple[str, Any]] = {
    "no proof": ("proof_missing", lambda world, token: ()),
    "two proofs": ("dpop.several", lambda world, token: (world.api_proof(token), world.api_proof(token))),
    "no digest of the token": ("dpop.token_hash", lambda world, token: (world.api_proof(token, ath=...),)),
    "the digest of another token": ("dpop.token_hash", lambda world, token: (world.api_proof("a.b.c"),)),
    "a padded digest": ("dpop.token_hash", lambda world, token: (world.api_proof(token, ath="A" * 43 + "="),)),
    "another method": ("dpop.method", lambda world, token: (world.api_proof(token, htm="POST"),)),
    "another address": ("dpop.address", lambda world, token: (world.api_proof(token, htu=f"{ISSUER}/v1/exchanges"),)),
    "the token endpoint": ("dpop.address", lambda world, token: (world.proof(token=token, htm="GET"),)),
    "from the future": ("dpop.future", lambda world, token: (world.api_proof(token, iat=world.seconds + 61),)),
    "of yesterday": ("dpop.stale", lambda world, token: (world.api_proof(token, iat=world.seconds - 61),)),
    "a forged signature": ("dpop.signature", lambda world, token: (world.api_proof(token, key=b"\1" * 64),)),
    "a private key": (
        "dpop.proof_key",
        lambda world, token: (world.api_proof(token, header={"jwk": world.jwk("es") | {"d": "AQAB"}}),),
    ),
    "not a JWT": ("dpop.form", lambda world, token: ("abc",)),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_proof_that_does_not_hold_opens_nothing(world, kind):
    """§7.1: 401 invalid_dpop_proof with a DPoP challenge that names the algorithms."""
    detail, make = REFUSED[kind]
    token = await world.bound_token()
    before = await world.used()
    error = await refused(world, ProofRefused, token, *make(world, token))
    assert (error.status, error.code, error.detail) == (401, "invalid_dpop_proof", detail)
    (challenge,) = error.challenges(METADATA)
    assert challenge.startswith('DPoP realm="passerelle", error="invalid_dpop_proof", error_description="')
    assert f'algs="ES256 PS256 EdDSA", resource_metadata="{METADATA}"' in challenge
    assert await world.used() == before


async def test_a_proof_of_another_key_opens_nothing(world):
    """The proof is good, the token is somebody else's: invalid_token, and the proof is not used up."""
    token = await world.bound_token("es")
    error = await refused(world, BearerInvalid, token, world.api_proof(token, "es-next"))
    assert (error.code, error.detail) == ("invalid_token", "key")


async def test_a_proof_serves_once_at_the_api(world):
    """§11.1: also when everything else is the same."""
    token = await world.bound_token()
    proof = world.api_proof(token)
    await call(world, token, proof)
    assert (await refused(world, ProofRefused, token, proof)).detail == "dpop.replayed"


async def test_a_proof_of_the_token_endpoint_is_not_one_of_the_api(world):
    """The memory of both is one: what was used there is used."""
    proof = world.proof(jti="same")
    answer = await world.post(world.form(), headers={"DPoP": proof})
    token = answer.json()["access_token"]
    error = await refused(world, ProofRefused, token, world.api_proof(token, jti="same"))
    assert error.detail == "dpop.replayed"


async def test_the_path_that_counts_is_the_one_that_was_sent(world):
    """Escapes stay as they are, and a query is not part of it, wherever the server puts it."""
    token = await world.bound_token()
    sent = {"path": "/v1/records/é", "raw_path": b"/v1/records/%C3%A9?page=2"}
    assert await call(world, token, world.api_proof(token, htu=f"{ISSUER}/v1/records/%c3%A9"), **sent)
    error = await refused(world, ProofRefused, token, world.api_proof(token, htu=f"{ISSUER}/v1/records/e"), **sent)
    assert error.detail == "dpop.address"


async def test_a_partner_registered_for_dpop_cannot_use_an_unbound_token(world):
    """A registration that now asks for proofs reaches tokens that were given before, within seconds."""
    token = await world.token()
    await world.rebind("dpop")
    assert (await refused(world, BearerInvalid, token, scheme="Bearer")).detail == "unbound"
    bound = await world.bound_token()
    assert await call(world, bound, world.api_proof(bound))


@pytest.mark.parametrize(
    "cnf", [None, {}, [], "es", {"jkt": ""}, {"jkt": 7}, {"kid": "es"}, {"jkt": "A" * 43, "kid": "es"}]
)
async def test_a_binding_we_do_not_know_is_one_nobody_can_keep(world, cnf):
    """RFC 7800 §3.1: a confirmation that is not understood must not be passed over."""
    head, claims = world.read(await world.token())
    token = jose.sign(claims | {"cnf": cnf}, header=head, key=world.server.keys.signing.private)
    assert (await refused(world, BearerInvalid, token, scheme="Bearer")).detail == "confirmation"


async def test_a_verifier_that_can_check_no_proof_lets_no_bound_token_in(world):
    """Fails closed when it is built without the means."""
    token = await world.bound_token()
    world.verifier._senders = None
    assert (await refused(world, BearerInvalid, token, world.api_proof(token))).detail == "unbound"


async def test_a_missing_scope_is_told_in_the_scheme_of_the_token(world):
    """RFC 6750 §3.1 in the DPoP scheme: a client that follows the challenge does not downgrade itself."""
    token = await world.bound_token()
    caller = await call(world, token, world.api_proof(token))
    with pytest.raises(ScopeInsufficient) as caught:
        caller.require("data:c2s")
    assert caught.value.challenges(METADATA)[0].startswith('DPoP realm="passerelle", error="insufficient_scope"')


async def test_two_tokens_of_one_request_have_a_proof_each(world):
    """A second token in a header of its own comes with its proof in one of its own."""
    first, second = await world.bound_token("es"), await world.bound_token("ed")
    names = (b"witness-authorization", b"witness-dpop")
    values = (f"DPoP {second}".encode(), world.api_proof(second, "ed").encode())
    request = world.request(first, world.api_proof(first), scheme="DPoP", headers=list(zip(names, values, strict=True)))
    assert await world.verifier.caller(request, world.now)
    assert await world.verifier.caller(request, world.now, where=names)
    with pytest.raises(ProofRefused):
        await world.verifier.caller(request, world.now, where=(names[0], b"dpop"))


async def test_bearer_tokens_cost_nothing_more(world, monkeypatch):
    """The way of a partner with bearer tokens meets no proof, no certificate and no statement of its own."""
    token = await world.token()
    monkeypatch.setattr(type(world.verifier), "_confirm", None)
    before = await world.used()
    assert await world.caller(token)
    assert await world.used() == before
