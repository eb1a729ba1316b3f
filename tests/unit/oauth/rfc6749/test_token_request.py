"""RFC 6749 §3.2, §5: the form of a token request and of its answers."""

from urllib.parse import urlencode

import pytest

from gateway.oauth.errors import FAULT_TEXTS, REFUSALS, TOKEN_REFUSALS


async def test_a_partner_gets_a_token_for_the_scopes_it_names(world_on_each_engine):
    """A correct request is answered with a bearer token, its lifetime and its exact scopes, not to be stored."""
    world = world_on_each_engine
    answer = await world.post(world.form(scope="data:rsa data:c2s"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, "data:c2s data:rsa")
    assert (await world.caller(body["access_token"])).partner.id == "ml-brume"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_only_post_is_answered(world, method):
    """Other methods are refused in the same form, with the method that works."""
    answer = await world.http.request(method, "/oauth/token")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded;charset=UTF-8",
        "application/x-www-form-urlencoded; charset=utf-8",
        'Application/X-WWW-Form-URLEncoded;charset="utf-8"',
    ],
)
async def test_the_media_type_may_name_its_charset(world, kind):
    """UTF-8 is what the form is in anyway; common clients say so."""
    answer = await world.post(urlencode(world.form()), headers={"Content-Type": kind})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["application/json", "text/plain", "application/x-www-form-urlencoded; charset=iso-8859-1",
     "application/x-www-form-urlencodedx", "application/x-www-form-urlencoded; boundary=x", ""],
)  # fmt: skip
async def test_another_content_type_is_refused(world, kind):
    """The content type is a form, exactly."""
    answer = await world.post(urlencode(world.form()), headers={"Content-Type": kind})
    world.refused(answer, "invalid_request", "content_type")


async def test_a_multipart_form_is_refused(world):
    """Multipart is another form, with other parsers and other surprises."""
    parts = {name: (None, value) for name, value in world.form().items()}
    answer = await world.http.post("/oauth/token", files=parts)
    world.refused(answer, "invalid_request", "content_type")


async def test_two_content_types_are_refused(world):
    """Two headers leave a choice to whoever reads them."""
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    answer = await world.post(urlencode(world.form()), headers=[kind, kind])
    world.refused(answer, "invalid_request", "content_type")


@pytest.mark.parametrize("sent", ["whole", "in pieces"])
async def test_a_body_over_64_kib_is_refused(world, sent):
    """The body is counted as it arrives, whatever length was announced."""
    body = urlencode(world.form(padding="x" * 65_536)).encode()

    async def pieces():
        for start in range(0, len(body), 1_000):
            yield body[start : start + 1_000]

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await world.http.post("/oauth/token", content=body if sent == "whole" else pieces(), headers=headers)
    assert answer.status_code == 413
    world.refused(answer, "invalid_request", "body_size")


async def test_a_body_of_exactly_64_kib_is_read(world):
    """The limit itself is allowed."""
    body = urlencode(world.form())
    answer = await world.post(body + "&padding=" + "x" * (65_536 - len(body) - 9))
    assert answer.status_code == 200


async def test_credentials_in_the_address_are_refused(world):
    """An assertion in a query string ends up in logs: it is refused even when the body is correct."""
    form = world.form()
    answer = await world.http.post("/oauth/token", params={"client_assertion": form["client_assertion"]}, data=form)
    world.refused(answer, "invalid_request", "query_string")


@pytest.mark.parametrize("body", ["grant_type", "a=1&&b=2", "a=%FF", "é=1", "&".join(f"p{n}=1" for n in range(33))])
async def test_a_malformed_form_is_refused(world, body):
    """Unpaired, badly encoded or endless: no half-understood form goes further."""
    world.refused(await world.post(body.encode()), "invalid_request", "form")


@pytest.mark.parametrize("name", ["grant_type", "scope", "client_assertion", "client_id", "unknown"])
async def test_a_duplicate_parameter_is_refused(world, name):
    """RFC 6749 §3.2: a parameter must not be included more than once, even with the same value or none."""
    form = world.form(client_id="ml-brume", unknown="1")
    for second in (form[name], ""):
        answer = await world.post(urlencode([*form.items(), (name, second)]))
        world.refused(answer, "invalid_request", "duplicate")


async def test_unknown_and_empty_parameters_are_ignored(world):
    """RFC 6749 §3.2: unknown parameters are ignored, empty ones count as not sent."""
    answer = await world.post(world.form(colour="blue", client_secret=""))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("grant", "error", "detail"),
    [(..., "invalid_request", "grant_missing"), ("password", "unsupported_grant_type", "grant"),
     ("refresh_token", "unsupported_grant_type", "grant"), ("CLIENT_CREDENTIALS", "unsupported_grant_type", "grant")],
)  # fmt: skip
async def test_another_grant_is_refused(world, grant, error, detail):
    """Two grants, written exactly."""
    world.refused(await world.post(world.form(grant_type=grant)), error, detail)


@pytest.mark.parametrize(
    ("scope", "detail"),
    [(..., "scope_missing"), ("data:rqth", "scope"), ("data:rsa data:rqth", "scope"), ("DATA:RSA", "scope"),
     ("data:rsa  data:c2s", "scope_form"), (" data:rsa", "scope_form"), ("data:rsa data:rsa", "scope_form"),
     ("data:rsa\tdata:c2s", "scope"), ("*", "scope")],
)  # fmt: skip
async def test_a_scope_that_is_not_registered_exactly_is_refused(world, scope, detail):
    """Nothing is implied and nothing is dropped in silence: what cannot be given refuses the request."""
    world.refused(await world.post(world.form(scope=scope)), "invalid_scope", detail)


@pytest.mark.parametrize("name", ["resource", "audience"])
async def test_a_token_for_another_server_is_refused(world, name):
    """A client that names a target gets a token for that target or none."""
    world.refused(await world.post(world.form(**{name: "https://other.example.org"})), "invalid_target", "target")
    assert (await world.post(world.form(**{name: world.server.resource}))).status_code == 200


async def test_every_refusal_can_be_sent_as_an_error_description():
    """RFC 6749 §5.2 allows printable ASCII without quote and backslash: a header or a parser may carry it."""
    for text in [refusal.description for refusal in REFUSALS.values()] + [
        f"{parameter}: {text}" for parameter in TOKEN_REFUSALS for text in FAULT_TEXTS.values()
    ]:
        assert text.isascii(), text
        assert text.isprintable(), text
        assert not set(text) & set('"\\'), text


async def test_a_401_carries_a_challenge_and_a_400_does_not(world):
    """RFC 9110 §15.5.2: whoever is refused for lack of authentication is told which one works."""
    unauthenticated = await world.post(world.form(client_assertion=...))
    assert unauthenticated.status_code == 401
    assert unauthenticated.headers["www-authenticate"] == 'private_key_jwt realm="passerelle"'
    malformed = await world.post(world.form(scope=...))
    assert malformed.status_code == 400
    assert "www-authenticate" not in malformed.headers
