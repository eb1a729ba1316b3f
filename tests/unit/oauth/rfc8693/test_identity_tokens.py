"""An id_token of ProConnect names the professional: of a listed issuer, for this partner and organisation, once."""

from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.oauth.client import ClientKey
from gateway.oauth.errors import OAuthMisconfigured
from gateway.oauth.identity_issuers import IdentityIssuers, read_issuers
from gateway.oauth.published_keys import KeysUnavailable, PublishedKeys
from tests.unit.oauth.forging import b64

ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
ISSUER = "https://auth.agents.example/api/v2"
LIST = f"""
proconnect:
  issuer: {ISSUER}
  jwks_uri: {ISSUER}/jwks
  acr: [eidas1, eidas2]
  amr: [mfa, pop]
  clients:
    ml-brume: [client-of-ml, second-client-of-ml]
    siae-brume: [client-of-siae]
"""


@pytest.fixture(scope="module")
def provider():
    return ClientKey(private=ec.generate_private_key(ec.SECP256R1()), kid="provider-1")


@pytest.fixture
async def listed(world, provider, tmp_path):
    """The world with a provider on its list; `asked` counts how often its keys were fetched."""
    asked = []

    async def fetch(uri):
        asked.append(uri)
        return provider.jwks()

    file = tmp_path / "issuers.yaml"
    file.write_text(LIST, "utf-8")
    published = PublishedKeys(fetch, stale_ms=3_600_000)
    object.__setattr__(world.server, "issuers", read_issuers(str(file), published))
    world.asked = asked
    yield world
    await published.close()


def id_token(world, provider, *, header=None, key=None, **changes):
    claims = {
        "iss": ISSUER, "sub": "3f1c-77", "aud": "client-of-ml", "iat": world.seconds, "exp": world.seconds + 60,
        "auth_time": world.seconds - 10, "acr": "eidas1", "amr": ["pwd", "mfa"], "nonce": "n" * 43,
        "siret": "12345678200010", "given_name": "Maëlle", "usual_name": "Kermorvan",
    }  # fmt: skip
    said = {name: value for name, value in (claims | changes).items() if value is not ...}
    head = {"typ": "JWT", "alg": "ES256", "kid": "provider-1"} | (header or {})
    return world.forge({n: v for n, v in head.items() if v is not ...}, said, key or provider.private)


async def ask(world, token, **changes):
    return await world.post(world.exchange_form(subject_token=token, subject_token_type=ID_TOKEN, **changes))


async def test_a_professional_who_signed_in_gets_a_token(listed, provider):
    """Named by the provider's id, with level, ways and hour of the sign-in; the partner acts."""
    answer = await ask(listed, id_token(listed, provider))
    assert answer.status_code == 200, answer.text
    claims = listed.read(answer.json()["access_token"])[1]
    assert claims["sub"] == "ml-brume:proconnect:3f1c-77"
    assert claims["act"] == {"sub": "ml-brume"}
    assert (claims["acr"], claims["amr"], claims["auth_time"]) == ("eidas1", ["mfa"], listed.seconds - 10)
    assert (claims["family_name"], claims["given_name"]) == ("Kermorvan", "Maëlle")
    assert (await listed.caller(answer.json()["access_token"])).actor.id == "proconnect:3f1c-77"


async def test_keys_of_the_provider_are_remembered(listed, provider):
    """One fetch for many tokens."""
    for _ in range(3):
        listed.now += 1_000
        assert (await ask(listed, id_token(listed, provider))).status_code == 200
    assert listed.asked == [f"{ISSUER}/jwks"]


CLAIMS = {
    "an issuer that is not listed": ({"iss": "https://evil.example"}, "issuer"),
    "no issuer": ({"iss": ...}, "issuer"),
    "a list of issuers": ({"iss": [ISSUER]}, "issuer"),
    "a client id of another partner": ({"aud": "client-of-siae"}, "audience"),
    "several audiences": ({"aud": ["client-of-ml"]}, "audience"),
    "no audience": ({"aud": ...}, "audience"),
    "another authorised party": ({"azp": "client-of-siae"}, "authorized_party"),
    "no exp": ({"exp": ...}, "dates"),
    "no iat": ({"iat": ...}, "dates"),
    "a level that is not listed": ({"acr": "self-asserted"}, "level"),
    "no level": ({"acr": ...}, "level"),
    "a list of levels": ({"acr": ["eidas1"]}, "level"),
    "an object as level": ({"acr": {"eidas1": 1}}, "level"),
    "none of the ways": ({"amr": ["pwd"]}, "level"),
    "no ways": ({"amr": ...}, "level"),
    "ways as a word": ({"amr": "mfa"}, "level"),
    "another organisation": ({"siret": "98765432400019"}, "organisation"),
    "no organisation": ({"siret": ...}, "organisation"),
    "no id": ({"sub": ...}, "professional"),
    "an id with a blank": ({"sub": "a b"}, "professional"),
    "no name": ({"usual_name": ...}, "professional"),
    "no given name": ({"given_name": ...}, "professional"),
    "bound to another key": ({"cnf": {"jkt": "x"}}, "confirmation"),
}


@pytest.mark.parametrize("case", sorted(CLAIMS))
async def test_an_id_token_that_breaks_a_rule_is_refused_and_not_used_up(listed, provider, case):
    """Each rule of the list in `identity_tokens.py`."""
    change, detail = CLAIMS[case]
    answer = await ask(listed, id_token(listed, provider, **change))
    listed.refused(answer, "invalid_request", f"subject_token.{detail}")
    assert await listed.used() == 1


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        pytest.param({"exp": 0}, "expired", id="over"),
        pytest.param({"exp": 301}, "too_long", id="for longer than minutes"),
        pytest.param({"iat": -301}, "expired", id="issued long ago"),
        pytest.param({"iat": 61}, "future", id="of tomorrow"),
        pytest.param({"auth_time": 61}, "future", id="signed in tomorrow"),
    ],
)
async def test_an_id_token_is_of_now(listed, provider, change, detail):
    """Providers give it a minute."""
    shifted = {name: listed.seconds + value for name, value in change.items()}
    answer = await ask(listed, id_token(listed, provider, **shifted))
    listed.refused(answer, "invalid_request", f"subject_token.{detail}")


async def test_only_es256_and_only_the_providers_keys(listed, provider, client_keys):
    """RS256, PS256 and none are refused, whatever the provider publishes; so is a key of the partner."""
    big = rsa.generate_private_key(65537, 2048)
    cases = [
        ({"alg": "RS256"}, b"x", "algorithm"),
        ({"alg": "PS256"}, big, "algorithm"),
        ({"alg": "none"}, b"x", "algorithm"),
        ({"alg": "HS256"}, b"x", "algorithm"),
        ({"kid": "es"}, client_keys["es"].private, "key"),
        ({"kid": ...}, None, "key_id"),
        ({}, client_keys["es"].private, "signature"),
        ({"typ": "at+jwt"}, None, "type"),
        ({"typ": "logout+jwt"}, None, "type"),
    ]
    for header, key, detail in cases:
        answer = await ask(listed, id_token(listed, provider, header=header, key=key))
        listed.refused(answer, "invalid_request", f"subject_token.{detail}")


async def test_an_id_token_works_once_however_its_signature_is_written(listed, provider):
    """(r, s) and (r, n - s) sign the same: it is what was signed that is used up."""
    token = id_token(listed, provider)
    assert (await ask(listed, token)).status_code == 200
    signed, _, signature = token.rpartition(".")
    raw = urlsafe_b64decode(signature + "==")
    other = raw[:32] + (ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    for again in (token, f"{signed}.{b64(other)}"):
        listed.refused(await ask(listed, again), "invalid_request", "subject_token.replayed")
    assert (await ask(listed, id_token(listed, provider, nonce="m" * 43))).status_code == 200


async def test_without_a_list_no_id_token_is_accepted(world, provider):
    """The default."""
    world.refused(await ask(world, id_token(world, provider)), "invalid_request", "subject_token.issuer")


async def test_a_provider_that_does_not_answer_vouches_for_nobody(listed, provider):
    """Refused, not let through."""

    async def fetch(_uri):
        raise KeysUnavailable("time")

    known = listed.server.issuers
    published = PublishedKeys(fetch, stale_ms=0)
    object.__setattr__(listed.server, "issuers", IdentityIssuers(known.by_issuer, published))
    listed.refused(await ask(listed, id_token(listed, provider)), "invalid_request", "subject_token.key")
    await published.close()


async def test_a_partner_cannot_make_up_a_providers_professional(listed):
    """Its own assertion may not use the provider's prefix."""
    answer = await listed.post(listed.exchange_form(subject_token=listed.person(sub="proconnect:3f1c-77")))
    listed.refused(answer, "invalid_request", "subject_token.professional")


BROKEN = {
    "no YAML": ": : :",
    "a list": "- a",
    "no client ids": LIST[: LIST.index("  clients")],
    "no level": LIST.replace("[eidas1, eidas2]", "[]"),
    "plain http": LIST.replace("https://auth", "http://auth"),
    "an unknown member": LIST + "  audience: x\n",
    "a name that is no word": LIST.replace("proconnect:", "'pro connect':"),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_a_list_that_cannot_be_used_stops_the_start(tmp_path, case):
    """With the entry, never silently without it."""
    file = tmp_path / "issuers.yaml"
    file.write_text(BROKEN[case], "utf-8")
    with pytest.raises(OAuthMisconfigured):
        read_issuers(str(file), PublishedKeys(None, stale_ms=0))


def test_no_file_is_no_list(tmp_path):
    """Unset: nobody; set and missing: no start."""
    assert not read_issuers("", PublishedKeys(None, stale_ms=0)).by_issuer
    with pytest.raises(OAuthMisconfigured):
        read_issuers(str(tmp_path / "missing.yaml"), PublishedKeys(None, stale_ms=0))
