"""RFC 7523 §3 as FAPI 2.0 §5.3.2.1 narrows it: each way an assertion can be wrong, and that it uses up nothing."""

import base64
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.registrations import change_status

SECOND, HOUR, YEAR = 1, 3_600, 31_536_000


@pytest.mark.parametrize(
    ("kid", "algorithm"), [("es", "ES256"), ("es-next", "ES256"), ("ed", "EdDSA"), ("ps", "PS256")]
)
async def test_each_accepted_algorithm_and_each_registered_key_works(world, kid, algorithm):
    """ES256, PS256 and EdDSA; two keys at once, so that a partner can rotate without a gap."""
    assertion = world.assertion(header={"kid": kid, "alg": algorithm}, key=world.keys[kid].private)
    assert (await world.post(world.form(client_assertion=assertion))).status_code == 200


@pytest.mark.parametrize(("kid", "algorithm"), [("es", "ES256"), ("ed", "EdDSA"), ("ps", "PS256")])
async def test_an_assertion_written_by_another_library_works(world, kid, algorithm):
    """What PyJWT signs on the partner's side is what we read."""
    token = jwt.encode(world.claims(), world.keys[kid].private, algorithm, headers={"kid": kid})
    assert (await world.post(world.form(client_assertion=token))).status_code == 200


@pytest.mark.parametrize("typ", [..., "JWT", "jwt", "client-authentication+jwt"])
async def test_the_types_of_a_client_assertion_are_accepted(world, typ):
    """No typ, the general one, or the one registered for client authentication."""
    assertion = world.assertion(header={"typ": typ})
    assert (await world.post(world.form(client_assertion=assertion))).status_code == 200


async def test_optional_claims_may_be_absent_and_clocks_may_differ_by_a_minute(world):
    """The claims iat and nbf are optional; a client a minute ahead, or an hour of validity, is still served."""
    for claims in (
        {"iat": ...},
        {"iat": world.seconds + 60, "nbf": world.seconds + 60},
        {"exp": world.seconds + HOUR},
        {"exp": world.seconds + SECOND},
        {"iat": -1},
    ):
        assert (await world.post(world.form(client_assertion=world.assertion(**claims)))).status_code == 200


CLAIMS = {
    "expired": ({"exp": -SECOND}, "expired"),
    "expired this second": ({"exp": 0}, "expired"),
    "valid for an hour and a second": ({"exp": HOUR + SECOND}, "too_long"),
    "valid for a year": ({"exp": YEAR}, "too_long"),
    "issued in the future without nbf": ({"iat": 61}, "future"),
    "not valid yet": ({"nbf": 61}, "future"),
}
VALUES = {
    "no exp": ({"exp": ...}, "dates"),
    "exp as text": ({"exp": "1800000060"}, "dates"),
    "exp as a boolean": ({"exp": True}, "dates"),
    "exp as a fraction": ({"exp": 1800000060.5}, "dates"),
    "exp null": ({"exp": None}, "dates"),
    "exp as a list": ({"exp": [1800000060]}, "dates"),
    "iat as text": ({"iat": "0"}, "dates"),
    "iat null": ({"iat": None}, "dates"),
    "nbf as a boolean": ({"nbf": False}, "dates"),
    "iss of a partner that is not registered": ({"iss": "nobody-here"}, "issuer"),
    "iss that is not an id": ({"iss": "a' OR 1=1"}, "issuer"),
    "iss as a list": ({"iss": ["ml-brume"]}, "issuer"),
    "no iss": ({"iss": ...}, "issuer"),
    "sub of another": ({"sub": "siae-brume"}, "parties"),
    "no sub": ({"sub": ...}, "parties"),
    "audience of another server": ({"aud": "https://other.example.org"}, "audience"),
    "token endpoint as audience": ({"aud": "https://passerelle.example.org/oauth/token"}, "audience"),
    "issuer with a final slash": ({"aud": "https://passerelle.example.org/"}, "audience"),
    "audience array with the issuer alone": ({"aud": ["https://passerelle.example.org"]}, "audience"),
    "audience array with a foreign server": (
        {"aud": ["https://passerelle.example.org", "https://other.example.org"]}, "audience",
    ),
    "no audience": ({"aud": ...}, "audience"),
    "no jti": ({"jti": ...}, "token_id"),
    "empty jti": ({"jti": ""}, "token_id"),
    "jti as a number": ({"jti": 7}, "token_id"),
    "endless jti": ({"jti": "j" * 257}, "token_id"),
}  # fmt: skip
HEADERS = {
    "typ of an access token": ({"typ": "at+jwt"}, "type"),
    "typ of a proof of possession": ({"typ": "dpop+jwt"}, "type"),
    "typ of a professional assertion": ({"typ": "passerelle-professional+jwt"}, "type"),
    "typ empty": ({"typ": ""}, "type"),
    "typ as a list": ({"typ": ["JWT"]}, "type"),
    "unknown crit": ({"crit": ["exp"], "exp": 1}, "critical"),
    "empty crit": ({"crit": []}, "critical"),
    "unencoded payload": ({"b64": False, "crit": ["b64"]}, "critical"),
    "b64 without crit": ({"b64": True}, "critical"),
    "no algorithm": ({"alg": ...}, "algorithm"),
    "algorithm none": ({"alg": "none"}, "algorithm"),
    "algorithm RS256": ({"alg": "RS256"}, "algorithm"),
    "algorithm as a list": ({"alg": ["ES256"]}, "algorithm"),
    "algorithm in lower case": ({"alg": "es256"}, "algorithm"),
    "algorithm of another kind of key": ({"alg": "EdDSA"}, "key"),
    "no kid": ({"kid": ...}, "key_id"),
    "empty kid": ({"kid": ""}, "key_id"),
    "kid as a number": ({"kid": 1}, "key_id"),
    "kid of another partner": ({"kid": "siae"}, "key"),
    "kid with quotes": ({"kid": 'x"; error="none'}, "key"),
    "kid with a line break": ({"kid": "x\r\nSet-Cookie: a=b"}, "key"),
    "kid with a path": ({"kid": "../../keys/token.pem"}, "key"),
}


def cases():
    for name, (change, detail) in CLAIMS.items():
        yield pytest.param("relative", change, detail, id=name)
    for name, (change, detail) in VALUES.items():
        yield pytest.param("claims", change, detail, id=name)
    for name, (change, detail) in HEADERS.items():
        yield pytest.param("header", change, detail, id=name)


@pytest.mark.parametrize(("where", "change", "detail"), list(cases()))
async def test_an_assertion_that_breaks_one_rule_is_refused_and_uses_up_nothing(world, where, change, detail):
    """One thing is wrong, everything else right: refused for that thing, and no jti is burnt."""
    if where == "header":
        assertion = world.assertion(header=change)
    else:
        absolute = {name: world.seconds + value for name, value in change.items()} if where == "relative" else change
        assertion = world.assertion(**absolute)
    answer = await world.post(world.form(client_assertion=assertion))
    assert answer.status_code == 401
    world.refused(answer, "invalid_client", f"client_assertion.{detail}")
    assert await world.used() == 0


@pytest.mark.parametrize(
    "date", ["1e400", "-1e400", "NaN", "Infinity", "1800000060.0", "18e8", "1" * 5_000, "{}", '"1e3"']
)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
async def test_a_date_that_is_not_a_finite_integer_is_refused(world, name, date):
    """What one reader takes for infinity another takes for zero: only plain integers are dates."""
    claims = json.dumps(world.claims(**{name: 424242})).replace("424242", date)
    assertion = world.forge(world.header(), claims, world.private)
    answer = await world.post(world.form(client_assertion=assertion))
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert world.logs[-1]["detail"] in {"client_assertion.dates", "client_assertion.form"}
    assert await world.used() == 0


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
async def test_a_constant_json_does_not_have_is_refused_anywhere(world, constant):
    """RFC 8259 §6 knows no NaN and no infinity, in whatever claim they stand."""
    claims = json.dumps(world.claims(note=424242)).replace("424242", constant)
    assertion = world.forge(world.header(), claims, world.private)
    world.refused(await world.post(world.form(client_assertion=assertion)), "invalid_client", "client_assertion.form")


async def test_a_distant_past_or_future_number_is_compared_not_converted(world):
    """A number no calendar can hold is still a number."""
    for claims, detail in (
        ({"exp": 10**300}, "too_long"),
        ({"exp": -(10**300)}, "expired"),
        ({"nbf": 10**300}, "future"),
    ):
        answer = await world.post(world.form(client_assertion=world.assertion(**claims)))
        world.refused(answer, "invalid_client", f"client_assertion.{detail}")


BROKEN_FORMS = {
    "one segment": "abc",
    "two segments": "abc.def",
    "four segments": "a.b.c.d",
    "five segments, encrypted": "a.b.c.d.e",
    "empty signature": "e30.e30.",
    "padding": "e30=.e30=.AAAA",
    "standard base64": "e30.e3+/.AAAA",
    "blank inside": "e30. e30.AAAA",
    "line break at the end": "e30.e30.AAAA\n",
    "not base64": "a.b.c",
    "not JSON": "YWJj.YWJj.AAAA",
    "a JSON list": "W10.W10.AAAA",
    "accented": "é.é.é",
}


@pytest.mark.parametrize("assertion", BROKEN_FORMS.values(), ids=BROKEN_FORMS.keys())
async def test_what_is_not_a_jwt_is_refused(world, assertion):
    """Three segments of base64url holding JSON objects, or nothing."""
    world.refused(await world.post(world.form(client_assertion=assertion)), "invalid_client", "client_assertion.form")


@pytest.mark.parametrize("nested", ["[" * 3_000 + "]" * 3_000, '{"a":' * 1_500 + "1" + "}" * 1_500, "[" * 4_000])
@pytest.mark.parametrize("where", ["claims", "header"])
async def test_deeply_nested_json_is_refused_like_any_other_bad_assertion(world, nested, where):
    """Nesting that exhausts a parser is a bad assertion, not a fault of the server."""
    if where == "claims":
        text = json.dumps(world.claims(deep="*"), separators=(",", ":")).replace('"*"', nested)
        assertion = world.forge(world.header(), text, world.private)
    else:
        text = json.dumps(world.header(deep="*"), separators=(",", ":")).replace('"*"', nested)
        assertion = world.forge(text, world.claims(), world.private)
    answer = await world.post(world.form(client_assertion=assertion))
    assert answer.status_code == 401
    world.refused(answer, "invalid_client", "client_assertion.form")


@pytest.mark.parametrize(
    "text", ['{"iss":"ml-brume","iss":"siae-brume"}', '{"exp":1,"exp":2}', '{"a":{"b":1,"b":2}}', b'{"iss":"\xff"}',
             '{"iss":"ml-brume"}'.encode("utf-16"), "\ufeff{}"]
)  # fmt: skip
async def test_json_that_two_readers_could_read_differently_is_refused(world, text):
    """A member twice, another encoding: what is signed must have one meaning."""
    assertion = world.forge(world.header(), text, world.private)
    world.refused(await world.post(world.form(client_assertion=assertion)), "invalid_client", "client_assertion.form")


async def test_an_assertion_over_16_kib_is_refused(world):
    """The size is limited before anything is decoded; just below, it is read."""
    long = world.assertion(note="x" * 16_000)
    world.refused(await world.post(world.form(client_assertion=long)), "invalid_client", "client_assertion.size")
    assert (await world.post(world.form(client_assertion=world.assertion(note="x" * 11_000)))).status_code == 200


async def test_a_forged_signature_is_refused(world):
    """Signed by somebody else, altered after signing, cut, or not signed: nothing passes."""
    good = world.assertion()
    head, _, signature = good.split(".")
    other = world.assertion().split(".")[1]
    stranger = ec.generate_private_key(ec.SECP256R1())
    for assertion in (
        world.assertion(key=stranger),
        f"{head}.{other}.{signature}",
        f"{good[:-8]}AAAAAAAA",
        world.assertion(key=bytes(64)),
        world.assertion(key=b"short"),
        world.assertion(header={"kid": "ed", "alg": "EdDSA"}, key=b"short"),
        world.assertion(header={"kid": "ps", "alg": "PS256"}, key=b"short"),
    ):
        answer = await world.post(world.form(client_assertion=assertion))
        world.refused(answer, "invalid_client", "client_assertion.signature")
    assert await world.used() == 0
    assert (await world.post(world.form(client_assertion=good))).status_code == 200


async def test_one_signature_cannot_be_written_in_two_ways(world):
    """Stray bits after the last byte of base64url are refused: a token has one spelling."""
    good = world.assertion()
    stray = good[:-1] + chr(ord(good[-1]) + 1)
    assert base64.urlsafe_b64decode(stray.split(".")[2] + "==") == base64.urlsafe_b64decode(good.split(".")[2] + "==")
    world.refused(await world.post(world.form(client_assertion=stray)), "invalid_client", "client_assertion.form")


async def test_the_public_key_is_not_taken_for_a_shared_secret(world):
    """HS256 with the published key as its secret, the classic confusion, is refused by the algorithm list."""
    public = world.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    forged = world.forge(
        world.header(alg="HS256"), world.claims(), lambda message: hmac.digest(public, message, "sha256")
    )
    world.refused(await world.post(world.form(client_assertion=forged)), "invalid_client", "client_assertion.algorithm")


async def test_a_key_in_the_header_is_not_used(world):
    """jwk, jku, x5u and x5c of the header are ignored: the registered key decides."""
    stranger = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(stranger.public_key()))
    for extra in ({"jwk": jwk}, {"jku": "https://evil.example.org/jwks"}, {"x5u": "https://evil.example.org/c"}):
        answer = await world.post(world.form(client_assertion=world.assertion(header=extra, key=stranger)))
        world.refused(answer, "invalid_client", "client_assertion.signature")


async def test_another_partners_key_does_not_speak_for_this_one(world):
    """A registered key is good for its own partner only."""
    other = world.keys["siae"].private
    for header in ({"kid": "siae"}, {}):
        answer = await world.post(world.form(client_assertion=world.assertion(header=header, key=other)))
        assert answer.json()["error"] == "invalid_client"
    own = world.assertion(header={"kid": "siae"}, key=other, iss="siae-brume", sub="siae-brume")
    assert (await world.post(world.form(client_assertion=own, scope="data:rqth"))).status_code == 200


async def test_an_unknown_client_an_unknown_key_and_a_bad_signature_look_the_same(world):
    """From outside nobody can tell whether a client exists or which keys it has."""
    answers = [
        await world.post(world.form(client_assertion=assertion))
        for assertion in (
            world.assertion(iss="nobody-here", sub="nobody-here"),
            world.assertion(header={"kid": "unknown"}),
            world.assertion(key=world.keys["siae"].private),
        )
    ]
    assert len({(answer.status_code, answer.content, tuple(answer.headers.items())) for answer in answers}) == 1
    assert [line["detail"] for line in world.logs] == [f"client_assertion.{w}" for w in ("issuer", "key", "signature")]


async def test_the_log_names_a_partner_only_once_its_signature_was_good(world):
    """Anybody can write a partner's name into an assertion: the log does not believe it before it is proven."""
    await world.post(world.form(client_assertion=world.assertion(key=world.keys["siae"].private)))
    await world.post(world.form(client_assertion=world.assertion(aud="x")))
    assert [line["partner"] for line in world.logs] == [None, "ml-brume"]


async def test_the_client_id_parameter_must_name_the_same_client(world):
    """client_id is optional; when sent, it agrees."""
    assert (await world.post(world.form(client_id="ml-brume"))).status_code == 200
    for other in ("siae-brume", "ml-brume ", "ML-BRUME"):
        answer = await world.post(world.form(client_id=other))
        world.refused(answer, "invalid_client", "client_assertion.client_id")


@pytest.mark.parametrize(
    ("change", "detail"),
    [({"client_assertion": ...}, "no_authentication"),
     ({"client_assertion": ..., "client_id": "ml-brume", "client_secret": "s"}, "other_method"),
     ({"client_assertion_type": ...}, "assertion_type"),
     ({"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, "assertion_type")],
)  # fmt: skip
async def test_no_or_another_authentication_method_is_refused(world, change, detail):
    """private_key_jwt, or nothing."""
    world.refused(await world.post(world.form(**change)), "invalid_client", detail)


async def test_basic_authentication_is_refused(world):
    """A shared secret does not exist here."""
    answer = await world.post(world.form(client_assertion=...), auth=("ml-brume", "secret"))
    assert answer.status_code == 401
    world.refused(answer, "invalid_client", "other_method")


@pytest.mark.parametrize("second", ["basic", "bearer", "secret"])
async def test_two_authentication_methods_are_refused(world, second):
    """RFC 6749 §2.3: not more than one, even when one of them is right."""
    form = world.form(client_secret="s") if second == "secret" else world.form()
    headers = {"basic": {"Authorization": "Basic bWw6eA=="}, "bearer": {"Authorization": "Bearer x"}}.get(second)
    world.refused(await world.post(form, headers=headers), "invalid_request", "two_methods")
    assert await world.used() == 0


async def test_a_replayed_assertion_is_refused(world_on_each_engine):
    """One assertion, one token; and one jti, one token, whatever else is signed around it."""
    world = world_on_each_engine
    form = world.form()
    assert (await world.post(form)).status_code == 200
    world.refused(await world.post(form), "invalid_client", "client_assertion.replayed")
    again = world.assertion(jti="assertion-1", exp=world.seconds + 120)
    world.refused(await world.post(world.form(client_assertion=again)), "invalid_client", "client_assertion.replayed")


async def test_two_partners_may_use_the_same_jti(world):
    """A jti belongs to its partner: none can use up another's."""
    own = world.assertion(jti="same")
    other = world.assertion(
        header={"kid": "siae"}, key=world.keys["siae"].private, iss="siae-brume", sub="siae-brume", jti="same"
    )
    assert (await world.post(world.form(client_assertion=own))).status_code == 200
    assert (await world.post(world.form(client_assertion=other, scope="data:rqth"))).status_code == 200


async def test_an_accepted_assertion_is_used_up_even_when_the_rest_is_refused(world):
    """Once the client is authenticated its assertion is spent: it cannot be tried with other scopes."""
    form = world.form(scope="data:rqth")
    world.refused(await world.post(form), "invalid_scope", "scope")
    world.refused(await world.post(form | {"scope": "data:rsa"}), "invalid_client", "client_assertion.replayed")


async def test_a_suspended_partner_gets_no_token(world):
    """Suspension bites on every process within five seconds, and lifting it too."""
    assert (await world.post(world.form())).status_code == 200
    await _set_status(world, "suspended")
    world.now += 5_000
    world.refused(await world.post(world.form()), "invalid_client", "client_assertion.suspended")
    await _set_status(world, "active")
    world.now += 5_000
    assert (await world.post(world.form())).status_code == 200


async def _set_status(world, status):
    await world.database.write(lambda connection: change_status(connection, "ml-brume", status=status, now=world.now))
