"""RFC 8693: a partner-signed assertion about a professional becomes a token that names both."""

import json

import pytest

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"


async def test_the_token_names_the_professional_and_the_partner_that_acts(world_on_each_engine):
    """The sub is the professional, scoped by the partner; act.sub and client_id are the partner; names go along."""
    world = world_on_each_engine
    answer = await world.post(world.exchange_form(requested_token_type=ACCESS_TOKEN))
    assert answer.status_code == 200
    body = answer.json()
    assert body["issued_token_type"] == ACCESS_TOKEN
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, "data:rsa")
    assert "refresh_token" not in body
    _, claims = world.read(body["access_token"])
    assert claims["sub"] == "ml-brume:agent-42"
    assert claims["act"] == {"sub": "ml-brume"}
    assert claims["client_id"] == "ml-brume"
    assert claims["acr"] == "eidas1"
    assert claims["auth_time"] == world.seconds - 600
    caller = await world.caller(body["access_token"])
    assert caller.partner.id == "ml-brume"
    assert caller.scopes == {"data:rsa"}
    assert (caller.actor.id, caller.actor.family_name, caller.actor.given_name) == ("agent-42", "Kermorvan", "Maëlle")
    assert (caller.actor.role, caller.actor.acr) == ("conseiller", "eidas1")


async def test_what_the_partner_does_not_say_is_not_invented(world):
    """role, acr and auth_time are optional: unknown stays unknown."""
    token = await world.person_token(subject_token=world.person(role=..., acr=..., auth_time=...))
    assert not {"role", "acr", "auth_time"} & world.read(token)[1].keys()
    actor = (await world.caller(token)).actor
    assert (actor.role, actor.acr) == (None, None)


@pytest.mark.parametrize("kid", ["es-next", "ed", "ps"])
async def test_any_key_of_the_partner_may_sign_for_the_professional(world, kid):
    """The subject token and the client assertion need not be signed with the same key."""
    algorithm = {"es-next": "ES256", "ed": "EdDSA", "ps": "PS256"}[kid]
    token = world.person(header={"kid": kid, "alg": algorithm}, key=world.keys[kid].private)
    assert (await world.post(world.exchange_form(subject_token=token))).status_code == 200


@pytest.mark.parametrize(
    ("change", "detail"),
    [({"subject_token": ...}, "subject_token_missing"),
     ({"subject_token_type": ...}, "subject_token_type"),
     ({"subject_token_type": ACCESS_TOKEN}, "subject_token.type"),
     ({"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "subject_token.type"),
    ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "subject_token_type"),
     ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "requested_token_type"),
     ({"actor_token": "x"}, "actor_token"), ({"actor_token_type": JWT_TYPE}, "actor_token")],
)  # fmt: skip
async def test_an_incomplete_or_foreign_exchange_is_refused(world, change, detail):
    """One kind of subject token, one kind of result, the client as the only actor."""
    answer = await world.post(world.exchange_form(**change))
    assert answer.status_code == 400
    world.refused(answer, "invalid_request", detail)


CLAIMS = {
    "issued by another partner": ({"iss": "siae-brume"}, "parties"),
    "no iss": ({"iss": ...}, "parties"),
    "for another server": ({"aud": "https://other.example.org"}, "audience"),
    "audience array": ({"aud": ["https://passerelle.example.org"]}, "audience"),
    "given to another client": ({"azp": "siae-brume"}, "authorized_party"),
    "no azp": ({"azp": ...}, "authorized_party"),
    "no exp": ({"exp": ...}, "dates"),
    "auth_time as text": ({"auth_time": "0"}, "dates"),
    "auth_time before there was time": ({"auth_time": -(2**70)}, "dates"),
    "no jti": ({"jti": ...}, "token_id"),
    "no sub": ({"sub": ...}, "professional"),
    "empty sub": ({"sub": ""}, "professional"),
    "sub as a number": ({"sub": 42}, "professional"),
    "sub with a blank": ({"sub": "agent 42"}, "professional"),
    "accented sub": ({"sub": "agént"}, "professional"),
    "endless sub": ({"sub": "a" * 129}, "professional"),
    "no family name": ({"family_name": ...}, "professional"),
    "no given name": ({"given_name": ...}, "professional"),
    "blank name": ({"family_name": "  "}, "professional"),
    "endless name": ({"family_name": "a" * 101}, "professional"),
    "name as a list": ({"given_name": ["Maëlle"]}, "professional"),
    "name with a line break": ({"given_name": "M\r\nX-Admin: 1"}, "professional"),
    "name with half a character": ({"given_name": "M\ud800"}, "form"),
    "empty role": ({"role": ""}, "professional"),
    "role null": ({"role": None}, "professional"),
    "acr as a number": ({"acr": 1}, "professional"),
}
RELATIVE = {
    "expired": ({"exp": 0}, "expired"),
    "valid for more than five minutes": ({"exp": 301}, "too_long"),
    "valid for a year": ({"exp": 31_536_000}, "too_long"),
    "from the future without nbf": ({"iat": 61}, "future"),
    "not valid yet": ({"nbf": 61}, "future"),
    "signed in in the future": ({"auth_time": 61}, "future"),
}
HEADERS = {
    "a client assertion": ({"typ": "JWT"}, "type"),
    "no typ": ({"typ": ...}, "type"),
    "an access token": ({"typ": "at+jwt"}, "type"),
    "crit": ({"crit": ["x"]}, "critical"),
    "b64": ({"b64": False, "crit": ["b64"]}, "critical"),
    "algorithm none": ({"alg": "none"}, "algorithm"),
    "no kid": ({"kid": ...}, "key_id"),
    "key of another partner": ({"kid": "siae"}, "key"),
}
CASES = [
    *(pytest.param("claims", *case, id=name) for name, case in CLAIMS.items()),
    *(pytest.param("relative", *case, id=name) for name, case in RELATIVE.items()),
    *(pytest.param("header", *case, id=name) for name, case in HEADERS.items()),
]


@pytest.mark.parametrize(("where", "change", "detail"), CASES)
async def test_a_professional_assertion_that_breaks_one_rule_is_refused_and_not_used_up(world, where, change, detail):
    """RFC 8693 §2.2.2: invalid_request for a bad subject token; only the client's own jti is spent."""
    if where == "header":
        token = world.person(header=change)
    else:
        absolute = {name: world.seconds + value for name, value in change.items()} if where == "relative" else change
        token = world.person(**absolute)
    answer = await world.post(world.exchange_form(subject_token=token))
    assert answer.status_code == 400
    world.refused(answer, "invalid_request", f"subject_token.{detail}")
    assert await world.used() == 1


async def test_a_professional_assertion_lives_five_minutes_at_most(world):
    """Five minutes to the second are accepted."""
    token = world.person(exp=world.seconds + 300)
    assert (await world.post(world.exchange_form(subject_token=token))).status_code == 200


async def test_a_forged_professional_is_refused(world):
    """Signed by another partner, or altered: nobody else can name this partner's professionals."""
    good = world.person()
    head, _, signature = good.split(".")
    for token in (
        world.person(key=world.keys["siae"].private),
        f"{head}.{world.person(sub='chief').split('.')[1]}.{signature}",
    ):
        answer = await world.post(world.exchange_form(subject_token=token))
        world.refused(answer, "invalid_request", "subject_token.signature")
    assert (await world.post(world.exchange_form(subject_token=good))).status_code == 200


async def test_nested_json_in_a_professional_assertion_is_refused(world):
    """Not a fault of the server, wherever it stands."""
    text = json.dumps(world.person_claims(deep="*"), separators=(",", ":")).replace('"*"', "[" * 3_000 + "]" * 3_000)
    token = world.forge(world.header(typ="passerelle-professional+jwt"), text, world.private)
    answer = await world.post(world.exchange_form(subject_token=token))
    world.refused(answer, "invalid_request", "subject_token.form")


async def test_a_professional_assertion_works_once(world_on_each_engine):
    """A replayed subject token is refused, even with a fresh client assertion."""
    world = world_on_each_engine
    token = world.person()
    assert (await world.post(world.exchange_form(subject_token=token))).status_code == 200
    answer = await world.post(world.exchange_form(subject_token=token))
    world.refused(answer, "invalid_request", "subject_token.replayed")


async def test_one_jti_does_not_serve_two_assertions_of_one_request(world):
    """A jti is unique per issuer (RFC 7519 §4.1.7), whatever the kind of token."""
    form = world.exchange_form(client_assertion=world.assertion(jti="same"), subject_token=world.person(jti="same"))
    world.refused(await world.post(form), "invalid_request", "subject_token.replayed")


async def test_a_machines_token_never_becomes_a_person(world):
    """Neither a client_credentials token nor an exchanged one nor the client assertion is a subject token."""
    machine, person = await world.token(), await world.person_token()
    cases = ((machine, "professional", "type"), (person, "may_act", "type"), (world.assertion(), "type", "issuer"))
    for token, as_access_token, as_id_token in cases:
        for kind, detail in ((JWT_TYPE, "type"), (ACCESS_TOKEN, as_access_token), (ID_TOKEN, as_id_token)):
            answer = await world.post(world.exchange_form(subject_token=token, subject_token_type=kind))
            world.refused(answer, "invalid_request", f"subject_token.{detail}")


async def test_a_professional_assertion_does_not_authenticate_a_client(world):
    """The other way round is refused too."""
    answer = await world.post(world.form(client_assertion=world.person(sub="ml-brume")))
    world.refused(answer, "invalid_client", "client_assertion.type")


async def test_another_partner_cannot_present_a_stolen_professional_assertion(world):
    """The client that authenticates is the one that signed, or there is no token."""
    other = world.assertion(header={"kid": "siae"}, key=world.keys["siae"].private, iss="siae-brume", sub="siae-brume")
    form = world.exchange_form(client_assertion=other, scope="data:rqth")
    world.refused(await world.post(form), "invalid_request", "subject_token.key")


async def test_an_exchange_widens_no_scope(world):
    """The registration of the partner bounds its professionals; the subject token is not spent on a refusal."""
    token = world.person()
    answer = await world.post(world.exchange_form(subject_token=token, scope="data:rsa data:rqth"))
    world.refused(answer, "invalid_scope", "scope")
    assert (await world.post(world.exchange_form(subject_token=token))).status_code == 200


async def test_a_professional_cannot_be_named_like_another_partner(world):
    """The scoped subject keeps professionals of different partners, and partners themselves, apart."""
    token = await world.person_token(subject_token=world.person(sub="siae-brume"))
    assert world.read(token)[1]["sub"] == "ml-brume:siae-brume"
    assert (await world.caller(token)).actor.id == "siae-brume"
