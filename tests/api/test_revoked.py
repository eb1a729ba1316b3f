"""A token that was taken back, at the API: by another process, in the middle of an exchange, or with its partner."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connectors import sandbox
from gateway import partners
from gateway.database import open_database
from gateway.oauth.client import make_assertion
from gateway.oauth.client_authentication import ASSERTION_TYPE
from gateway.schema import migrate
from tests.api.conftest import check_problem
from tests.bed import Bed, open_bed, served, settings_of

PARTNER, PURPOSE = "ml-brume", "support.youth"


async def revoke(here: Bed, there: Bed, token: str) -> None:
    issuer = here.services.base_url
    assertion = make_assertion(here.keys[PARTNER], client_id=PARTNER, issuer=issuer, now=here.services.clock())
    form = {"token": token, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    assert (await there.http.post("/oauth/revoke", data=form)).status_code == 200


@pytest.fixture
async def two(tmp_path: Path, database_url: str) -> Any:
    """Two gateways on one database, a partner, a linked person who said yes."""
    async with served(sandbox.build()) as url:
        known = settings_of(tmp_path, database_url=database_url, sandbox_url=url, api_rate=600)
        async with open_database(known.main_url) as store, open_database(known.keys_url) as keys:
            await migrate(store, keys)
        async with open_bed(known, sandbox_url=url) as here, open_bed(known, sandbox_url=url) as there:
            await here.partner(PARTNER)
            token = await here.token(PARTNER)
            pseudonym = await here.link(token, "lucas-perrin")
            await here.authorise(token, PARTNER, pseudonym, PURPOSE)
            yield known, here, there, token, pseudonym


async def test_a_token_revoked_elsewhere_opens_nothing_here(two: Any) -> None:
    """Every endpoint, the hot one too, and not even a refusal of something else."""
    _, here, there, token, pseudonym = two
    answer = await here.exchange(token, pseudonym, PURPOSE, ["rsa"])
    assert answer.status_code == 200, answer.text
    await revoke(here, there, token)
    before = await here.size()
    for answer in (
        await here.exchange(token, pseudonym, PURPOSE, ["rsa"]),
        await here.exchange(token, pseudonym, "no.such.purpose", ["rsa"]),
        await here.exchange(token, pseudonym, PURPOSE, ["nothing.known"]),
        await here.post("/v1/exchanges", {"bad": 1}, token),
        await here.http.get("/v1/catalogue", headers={"Authorization": f"Bearer {token}"}),
    ):
        check_problem(answer, 401, "invalid_token")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert await here.size() == before


async def test_a_revocation_between_fetch_and_release_stops_the_release(two: Any, monkeypatch: Any) -> None:
    """Decided and fetched, not delivered: the journal refuses the release."""
    _, here, there, token, pseudonym = two
    fetch = here.services.registry.fetch

    async def slow(*asked: Any, **named: Any) -> Any:
        found = await fetch(*asked, **named)
        await revoke(here, there, token)
        return found

    monkeypatch.setattr(here.services.registry, "fetch", slow)
    since = await here.size()
    check_problem(await here.exchange(token, pseudonym, PURPOSE, ["rsa"]), 401, "invalid_token")
    kinds = [entry["type"] for entry in await here.journal(since)]
    assert kinds == ["exchange.decided", "token.revoked"]


async def test_a_suspension_ends_running_tokens_at_once(two: Any) -> None:
    """Not within five seconds: with its entry, on every process, by the command."""
    known, here, there, token, pseudonym = two
    for gateway in (here, there):
        assert (await gateway.exchange(token, pseudonym, PURPOSE, ["rsa"])).status_code == 200
    await partners.set_status(known, PARTNER, "suspended")
    for gateway in (here, there):
        check_problem(await gateway.exchange(token, pseudonym, PURPOSE, ["rsa"]), 401, "invalid_token")
        catalogue = await gateway.http.get("/v1/catalogue", headers={"Authorization": f"Bearer {token}"})
        check_problem(catalogue, 401, "invalid_token")


async def test_the_api_tells_what_is_left_of_the_rate(two: Any) -> None:
    """RateLimit headers on each answer to a client; over the rate a problem that says how long to wait."""
    _, here, _, token, _ = two
    headers = {"Authorization": f"Bearer {token}"}
    answer = await here.http.get("/v1/catalogue", headers=headers)
    assert answer.headers["ratelimit-limit"] == "600"
    assert int(answer.headers["ratelimit-remaining"]) < 600
    answers = await asyncio.gather(*(here.http.get("/v1/catalogue", headers=headers) for _ in range(700)))
    over = [answer for answer in answers if answer.status_code != 200]
    assert over
    check_problem(over[0], 429, "too_many_requests")
    assert int(over[0].headers["retry-after"]) >= 1
