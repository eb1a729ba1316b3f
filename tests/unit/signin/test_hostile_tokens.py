"""Sign-ins that must not happen: one thing is changed in a token or in userinfo; nobody is signed in."""

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.responses import JSONResponse, Response

from tests.unit.signin.conftest import SECRET, World, signed_in
from tests.unit.signin.hostile import Hostile, forged, public
from tests.unit.signin.refusals import STRANGER, refused

pytestmark = pytest.mark.asyncio(loop_scope="session")
RSA = rsa.generate_private_key(65537, 2048)


def unsigned(op: Hostile) -> None:
    op.sign_id_token = lambda claims: forged(claims, None, "none", kid=op.kid)


def by_secret(op: Hostile) -> None:
    op.sign_id_token = lambda claims: forged(claims, SECRET, "HS256", kid=op.kid)


def by_public_key(op: Hostile) -> None:
    """HS256 with the published key as the secret (RFC 8725 §2.1)."""
    x = public(op.key, op.kid)["x"]
    op.sign_id_token = lambda claims: forged(claims, x, "HS256", kid=op.kid)


def by_another_algorithm(op: Hostile) -> None:
    numbers = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key()))
    op.jwks = {"keys": [public(op.key, op.kid), {**numbers, "kid": "rsa", "use": "sig", "alg": "PS256"}]}
    op.sign_id_token = lambda claims: forged(claims, RSA, "PS256", kid="rsa")


def by_a_stranger(op: Hostile) -> None:
    op.sign_id_token = lambda claims: forged(claims, STRANGER, "ES256", kid=op.kid)


def by_a_key_it_brings(op: Hostile) -> None:
    header = {"kid": "mine", "jwk": public(STRANGER, "mine")}
    op.sign_id_token = lambda claims: forged(claims, STRANGER, **header)


def with_a_critical_header(op: Hostile) -> None:
    op.sign_id_token = lambda claims: op.signed(claims, crit=["exp"])


def of_another_type(op: Hostile) -> None:
    op.sign_id_token = lambda claims: op.signed(claims, typ="logout+jwt")


def without_kid(op: Hostile) -> None:
    op.sign_id_token = lambda claims: forged(claims, op.key)


def altered(op: Hostile) -> None:
    def sign(claims: dict[str, Any]) -> str:
        head, _, signature = op.signed(claims).split(".")
        return f"{head}.{op.signed({**claims, 'sub': 'beef'}).split('.')[1]}.{signature}"

    op.sign_id_token = sign


def encrypted_though_not_agreed(op: Hostile) -> None:
    op.sign_id_token = lambda claims: op.signed(claims) + ".x.y"


def nested_json(op: Hostile) -> None:
    def sign(claims: dict[str, Any]) -> str:
        deep = base64.urlsafe_b64encode(b'{"a":' * 3000 + b"1" + b"}" * 3000).rstrip(b"=").decode()
        head, _, signature = op.signed(claims).split(".")
        return f"{head}.{deep}.{signature}"

    op.sign_id_token = sign


def claim(name: str, value: Any) -> Callable[[Hostile], None]:
    def change(op: Hostile) -> None:
        op.id_token[name] = value

    change.__name__ = f"{name}_{value}"
    return change


ID_TOKENS: list[tuple[str, str, Callable[[Hostile], None]]] = [
    ("unsigned", "token_form", unsigned),
    ("signed with the client's secret", "token_form", by_secret),
    ("signed with the public key as a secret", "token_form", by_public_key),
    ("signed with another algorithm than the one registered", "token_form", by_another_algorithm),
    ("signed by a stranger", "signature", by_a_stranger),
    ("signed by a key out of its own header", "key_unknown", by_a_key_it_brings),
    ("with a critical header", "token_form", with_a_critical_header),
    ("of another type", "token_form", of_another_type),
    ("without a key id", "token_form", without_kid),
    ("altered", "signature", altered),
    ("encrypted though not agreed", "token_form", encrypted_though_not_agreed),
    ("nested without end", "token_form", nested_json),
    ("of another issuer", "token_issuer", claim("iss", "https://other.example")),
    ("without issuer", "token_issuer", claim("iss", ...)),
    ("for another service", "token_audience", claim("aud", "another-service")),
    ("for us and another service", "token_audience", claim("aud", ["passerelle", "another-service"])),
    ("without audience", "token_audience", claim("aud", ...)),
    ("for us, authorised for another", "token_audience", claim("azp", "another-service")),
    ("expired", "token_dates", claim("exp", lambda now: now - 31)),
    ("without end", "token_dates", claim("exp", ...)),
    ("good for a year", "token_dates", claim("exp", lambda now: now + 31_536_000)),
    ("that ends as a text", "token_dates", claim("exp", "2099-01-01")),
    ("that ends at infinity", "token_form", claim("exp", float("inf"))),
    ("from the future", "token_dates", claim("iat", lambda now: now + 61)),
    ("from ten minutes ago", "token_dates", claim("iat", lambda now: now - 600)),
    ("not valid yet", "token_dates", claim("nbf", lambda now: now + 61)),
    ("with half of a character", "token_form", claim("nonce", "\ud800")),
    ("without nonce", "nonce", claim("nonce", ...)),
    ("with another sign-in's nonce", "nonce", claim("nonce", "x" * 43)),
    ("without level", "level", claim("acr", ...)),
    ("of a lower level", "level", claim("acr", "eidas0")),
    ("of a level nobody knows", "level", claim("acr", ["eidas1"])),
    ("with an empty sub", "subject", claim("sub", "")),
    ("with a blank sub", "subject", claim("sub", " ")),
    ("with a number as sub", "subject", claim("sub", 12)),
    ("with an endless sub", "subject", claim("sub", "a" * 256)),
    ("of a person who signed in tomorrow", "not_fresh", claim("auth_time", lambda now: now + 3600)),
    ("with a date that is none", "not_fresh", claim("auth_time", "now")),
    ("for another access token", "access_token_hash", claim("at_hash", "x" * 22)),
]


@pytest.mark.parametrize(("reason", "change"), [each[1:] for each in ID_TOKENS], ids=[each[0] for each in ID_TOKENS])
async def test_an_id_token_that_is_not_as_it_must_be(
    world: World, reason: str, change: Callable[[Hostile], None]
) -> None:
    """OpenID Connect Core 1.0 §3.1.3.7: nobody is signed in, the journal says why in one word."""
    change(world.fc)
    await refused(world, reason)


async def test_control_a_good_answer_signs_in(world: World) -> None:
    """So what the others refuse is what they changed."""
    answer = await world.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    assert signed_in(answer)
    assert await world.sessions() == 1


async def test_no_id_token_at_all(world: World) -> None:
    """A provider of plain OAuth 2.0 signs nobody in."""
    world.fc.token = {"id_token": ...}
    await refused(world, "id_token_missing")


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ({"access_token": ...}, "tokens_invalid"),
        ({"access_token": "a b"}, "tokens_invalid"),
        ({"access_token": "a\r\nX-Injected: 1"}, "tokens_invalid"),
        ({"token_type": "mac"}, "tokens_invalid"),
        ({"id_token": 12}, "id_token_missing"),
    ],
    ids=["no access token", "blank inside", "header injection", "another type", "id_token is a number"],
)
async def test_a_token_answer_that_cannot_be_used(world: World, token: dict[str, Any], reason: str) -> None:
    """RFC 6749 §5.1."""
    world.fc.token = token
    if "access_token" in token:
        world.fc.id_token = {"at_hash": ...}
    await refused(world, reason)


USERINFO: list[tuple[str, str, Callable[[Hostile], None]]] = [
    ("of another person", "userinfo_subject", lambda op: op.userinfo.update(sub="beef" * 16 + "v1")),
    ("without sub", "subject", lambda op: op.userinfo.update(sub=...)),
    ("with half of a character", "token_form", lambda op: op.userinfo.update(given_name="\ud800")),
    ("of another issuer", "token_issuer", lambda op: op.userinfo.update(iss="https://other.example")),
    ("for another service", "token_audience", lambda op: op.userinfo.update(aud="another-service")),
    ("expired", "token_dates", lambda op: op.userinfo.update(exp=lambda now: now - 31)),
    (
        "signed by a stranger",
        "signature",
        lambda op: setattr(op, "sign_userinfo", lambda claims: forged(claims, STRANGER, "ES256", kid=op.kid)),
    ),
    (
        "signed with the client's secret",
        "token_form",
        lambda op: setattr(op, "sign_userinfo", lambda claims: forged(claims, SECRET, "HS256", kid=op.kid)),
    ),
    (
        "not signed, as JSON",
        "userinfo_unsigned",
        lambda op: op.answers.update(userinfo=lambda: JSONResponse({**op.base(), **op.claims})),
    ),
    (
        "refused",
        "exchange_refused",
        lambda op: op.answers.update(userinfo=lambda: Response(status_code=401)),
    ),
]


@pytest.mark.parametrize(("reason", "change"), [each[1:] for each in USERINFO], ids=[each[0] for each in USERINFO])
async def test_a_userinfo_that_is_not_as_it_must_be(
    world: World, reason: str, change: Callable[[Hostile], None]
) -> None:
    """OpenID Connect Core 1.0 §5.3.2 and §5.3.4."""
    change(world.fc)
    await refused(world, reason)


async def test_a_level_that_was_asked_for_is_not_lowered(world: World) -> None:
    """Step-up: `eidas1` where a second factor was asked for is a downgrade, whatever role it is for."""
    await world.list_dpo()
    world.pc.acr = "eidas1"
    answer = await world.sign_in("proconnect", "?strong=1")
    assert not signed_in(answer)
    assert (await world.last())["reason"] == "level"


@pytest.mark.parametrize("amr", ["mfa", {"mfa": True}, [["mfa"]], [1], 1])
async def test_methods_that_are_no_list_of_words(world: World, amr: Any) -> None:
    """RFC 8176: a text that contains `mfa` is no second factor, nor is anything else."""
    await world.list_dpo()
    world.pc.amr = amr
    before = await world.bed.size()
    assert not signed_in(await world.sign_in("proconnect"))
    assert [each["reason"] for each in await world.bed.journal(before)] == ["methods"]


async def test_methods_that_are_not_told_are_no_second_factor(world: World) -> None:
    """A DPO stays outside; a professional needs none."""
    await world.list_dpo()
    world.pc.amr = None
    assert not signed_in(await world.sign_in("proconnect"))
    assert (await world.last())["reason"] == "second_factor"
    await world.no_roles()
    await world.list_dpo(role="professional")
    assert signed_in(await world.sign_in("proconnect"))


async def test_a_fresh_sign_in_that_was_asked_for_must_be_one(world: World) -> None:
    """`prompt=login`: an hour-old sign-in at the provider does not do; neither does one without a date."""
    for auth_time in (lambda now: now - 3600, ...):
        world.fc.id_token["auth_time"] = auth_time
        answer = await world.sign_in(query="?fresh=1")
        assert not signed_in(answer)
        assert (await world.last())["reason"] == "not_fresh"
