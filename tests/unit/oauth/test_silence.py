"""Promise P5 for this package: no token, key, assertion or professional in a log, a file, an error or a repr."""

import json
import logging
from dataclasses import fields

import pytest
import sqlalchemy as sa

from gateway.oauth import models, token_endpoint, tokens
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.client import make_assertion, make_professional_assertion
from gateway.oauth.endpoint import Endpoint
from gateway.oauth.errors import OAuthFailure
from gateway.oauth.form import Attempt
from gateway.oauth.tokens import Professional

CANARY = "Zzcanari"


def seen(world, caplog, capsys):
    """Everything the server's side wrote anywhere while the test ran (httpx is the test's own client)."""
    printed = capsys.readouterr()
    records = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    return "\n".join([json.dumps(world.logs, default=repr), *records, printed.out, printed.err])


async def test_no_secret_and_no_name_reaches_a_log_or_the_database(world, tmp_path, caplog, capsys):
    """A canary goes through every way in, accepted and refused; then logs and files are searched for it."""
    caplog.set_level(logging.DEBUG)
    person = {"sub": f"{CANARY}-id", "family_name": f"{CANARY}-nom", "given_name": f"{CANARY}-prénom"}
    marked = {"jti": f"{CANARY}-jti", "note": CANARY}
    secrets = []
    for change in ({}, {"exp": 0}, {"aud": CANARY}, {"iss": CANARY}):
        assertion = world.assertion(**(marked | {"jti": f"{CANARY}-{len(secrets)}"} | change))
        subject = world.person(**(person | {"jti": f"{CANARY}-p{len(secrets)}"} | change))
        secrets += [assertion, subject]
        answer = await world.post(world.form(client_assertion=assertion))
        if answer.status_code == 200:
            secrets.append(answer.json()["access_token"])
        answer = await world.post(world.exchange_form(subject_token=subject))
        if answer.status_code == 200:
            secrets.append(answer.json()["access_token"])
            caller = await world.caller(secrets[-1])
            assert caller.actor.family_name == f"{CANARY}-nom"
            assert CANARY not in repr(caller)
    await world.post({CANARY: CANARY, "grant_type": CANARY, "client_assertion": CANARY})
    await world.post(f"client_assertion={CANARY}&x={CANARY}&x=%FF{CANARY}")
    await world.http.post(f"/oauth/token?{CANARY}={CANARY}", data=world.form(scope=CANARY))
    await world.post(world.form(scope=CANARY, client_id=CANARY))
    with pytest.raises(BearerInvalid) as caught:
        await world.caller(f"{CANARY}.{CANARY}.{CANARY}")
    assert CANARY not in str(caught.value) + str(caught.value.challenges("https://passerelle.example.org"))
    await world.server.used.close()

    assert len(secrets) == 10
    written = seen(world, caplog, capsys)
    assert world.logs
    assert CANARY not in written
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"ml-brume" in stored
    assert CANARY.encode() not in stored
    for secret in secrets:
        for part in secret.split("."):
            assert part not in written
            assert part.encode() not in stored


async def test_an_unexpected_fault_is_an_answer_without_a_trace(world, monkeypatch, caplog, capsys):
    """500 in the form of RFC 6749; the log has the class of the fault and not its text."""
    form = world.form()

    def fail(*_args, **_named):
        raise RuntimeError(form["client_assertion"])

    monkeypatch.setattr(tokens, "issue", fail)
    answer = await world.post(form)
    assert answer.status_code == 500
    world.refused(answer, "server_error", "server")
    assert world.logs[-1]["fault"] == "RuntimeError"
    assert form["client_assertion"] not in seen(world, caplog, capsys)


async def test_a_vanished_database_is_told_as_such(world):
    """503 with Retry-After: no token without its durable one-time id, and no stack trace."""
    form = world.form()
    await world.database.write(models.used_jti.drop)
    answer = await world.post(form)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    world.refused(answer, "temporarily_unavailable", "store")
    await world.database.write(lambda connection: connection.execute(sa.text("DROP TABLE oauth_partner")))
    world.now += 5_000
    world.refused(await world.post(world.form()), "temporarily_unavailable", "store")


async def test_a_client_that_leaves_gets_no_answer_and_costs_no_error(world):
    """A connection closed in the middle of the body ends there."""

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        pytest.fail("nobody is there")

    scope = {
        "type": "http", "method": "POST", "path": "/oauth/token", "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
    }  # fmt: skip
    await Endpoint(world.server, token_endpoint.STEPS, name="token")(scope, receive, send)
    assert world.logs == []


async def test_nothing_that_holds_a_secret_shows_it(world):
    """Representations end up in logs sooner or later."""
    who = Professional(id=CANARY, family_name=CANARY, given_name=CANARY, role=CANARY, acr=CANARY)
    assert CANARY not in repr(who)
    attempt = Attempt(world.server, {"headers": [(b"x", CANARY.encode())]}, None, 0)
    attempt.body, attempt.parameters, attempt.answer = CANARY.encode(), {"a": CANARY}, {"access_token": CANARY}
    attempt.client = await world.server.partners.get("ml-brume", world.now)
    assert CANARY not in repr(attempt)
    assert all(not field.repr for field in fields(Professional))


async def test_the_client_helpers_print_nothing(world, capsys, caplog):
    """The demo's side of the conversation is as silent."""
    key = world.keys["es"]
    who = Professional(id="a", family_name=CANARY, given_name=CANARY)
    make_assertion(key, client_id="ml-brume", issuer="x", now=world.now)
    make_professional_assertion(key, client_id="ml-brume", issuer="x", now=world.now, professional=who)
    assert CANARY not in seen(world, caplog, capsys)


def test_every_failure_has_a_code_of_its_own_package():
    """Each class has a stable code."""

    def tree(kind):
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in tree(child))]

    assert all(isinstance(kind.code, str) and kind.code for kind in tree(OAuthFailure))
