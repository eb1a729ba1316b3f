"""Who goes back to a partner's site with a code: the person, in the session that came from there, by a click."""

import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest

from gateway.signin.providers import Level
from tests.unit.oauth.presence import BACK, Site
from tests.unit.signin.conftest import World, civil
from tests.unit.signin.test_helpers import HELPER, as_helper, end, record, withdraw

pytestmark = pytest.mark.asyncio(loop_scope="session")

OURS = {"Sec-Fetch-Site": "same-origin"}


async def come(world: World, browser: httpx.AsyncClient, site: Site | None = None, **headers: str) -> str:
    """From the partner's site to the request, through the sign-in where there is no session; gives its address."""
    pushed = await (site or Site(world.bed)).push()
    assert pushed.status_code == 201, pushed.text
    query = {"client_id": "ml-brume", "request_uri": pushed.json()["request_uri"]}
    entered = (await browser.get("/oauth/authorize", params=query, headers=headers)).headers["location"]
    there = await browser.get(entered, headers=headers)
    if there.headers["location"].startswith("/signin"):
        await world.back(browser, await world.leave(browser))
        there = await browser.get(entered, headers=headers)
    return str(there.headers["location"])


async def say(browser: httpx.AsyncClient, page: str, answer: str) -> httpx.Response:
    form = re.search(r'name="form" value="(\w+)"', (await browser.get(page)).text)
    assert form
    return await browser.post(page, data={"form": form[1], "answer": answer}, headers=OURS)


async def way_back(browser: httpx.AsyncClient, page: str) -> str | None:
    """The link of the receipt, as it stands there."""
    found = re.search(rf'href="({page}/return[^"]*)"', (await browser.get(f"{page}/receipt")).text)
    return found and found[1]


async def sign_in_as(world: World, person: str, sub: str) -> None:
    """Whoever signs in from now on is this person, whom the partner knows."""
    await world.bed.link(await world.bed.token("ml-brume"), person)
    world.fc.claims, world.fc.sub = civil(person), sub * 16 + "v1"


async def test_who_helps_answers_and_is_not_the_person_who_is_present(each_world: World) -> None:
    """A yes under a mandate stands; the way back stays with the session that came, and nobody gets a code for it."""
    world = each_world
    async with world.browser() as person:
        page = await come(world, person)
        made = (await record(world, {"pivot": world.bed.people[HELPER].pivot})).json()["id"]
        as_helper(world)
        async with world.browser() as helper:
            await world.back(helper, await world.leave(helper))
            shown = await helper.get(page)
            assert "/return" not in shown.text
            assert (await say(helper, page, "yes")).status_code == 303
            assert await way_back(helper, page) is None
            answer = await helper.get(f"{page}/return", headers=OURS)
            assert (answer.status_code, answer.headers.get("location")) == (403, None)
        there = await way_back(person, page)
        assert there is not None
        assert (await person.get(there, headers=OURS)).headers["location"].startswith(BACK + "&code=")
    await end(world, made)
    await withdraw(world, page.rpartition("/")[2])


async def test_another_session_of_the_same_person_does_not_go_back(each_world: World) -> None:
    """What this browser brought, this browser brings back; opened again there, the way is that session's."""
    world = each_world
    await sign_in_as(world, "lucas-perrin", "10ca")
    async with world.browser() as first, world.browser() as second:
        page = await come(world, first)
        await world.back(second, await world.leave(second))
        await say(second, page, "no")
        assert await way_back(second, page) is None
        assert (await second.get(f"{page}/return", headers=OURS)).headers["location"] == f"{page}/receipt"
        there = await way_back(first, page)
        assert there is not None
        assert "error=access_denied" in (await first.get(there, headers=OURS)).headers["location"]


async def test_leading_a_browser_there_shows_the_page_and_gives_no_code(world: World) -> None:
    """A partner knows the address; without a page and a click of the person there is no code and no token."""
    await sign_in_as(world, "nora-lemaire", "90fa")
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Referer": BACK}
    async with world.browser() as browser:
        page = await come(world, browser, **elsewhere)
        await say(browser, page, "yes")
        world.clock.advance(600)
        assert await come(world, browser, **elsewhere) == page
        there = await way_back(browser, page)
        assert there is not None
        altered = there[:-1] + ("0" if there[-1] != "0" else "1")
        for address in (f"{page}/return", altered, there + "&x=y", f"{page}/return?link=\u00e9"):
            for headers in (elsewhere, OURS, {}):
                assert (await browser.get(address, headers=headers)).headers["location"] == f"{page}/receipt"
        assert (await browser.get(there, headers=elsewhere)).headers["location"] == f"{page}/receipt"
        assert (await browser.get(there, headers=OURS)).headers["location"].startswith(BACK + "&code=")


async def token_of(world: World, browser: httpx.AsyncClient, person: str, sub: str) -> dict[str, Any]:
    """The claims of the token that a yes gives, for somebody who has just signed in."""
    await sign_in_as(world, person, sub)
    site = Site(world.bed)
    page = await come(world, browser, site)
    await say(browser, page, "yes")
    there = await way_back(browser, page)
    assert there is not None
    address = urlsplit((await browser.get(there, headers=OURS)).headers["location"])
    answer = await site.redeem(dict(parse_qsl(address.query))["code"])
    assert answer.status_code == 200, answer.text
    claims: dict[str, Any] = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    return claims


async def test_the_token_says_when_the_person_proved_it_at_the_provider(world: World) -> None:
    """Not when our session began: two hours may lie between, in one sign-on for many services."""
    world.fc.id_token = {"auth_time": lambda now: now - 7200}
    async with world.browser() as browser:
        claims = await token_of(world, browser, "zoltan-kovac", "20fa")
    assert (claims["auth_time"], claims["acr"]) == (world.clock() // 1000 - 7200, "eidas1")


async def test_what_the_provider_does_not_say_is_left_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `auth_time` of ours in its place; `acr` is its own value, where the journal has another word."""
    party = world.bed.services.entrance.parties["franceconnect"]
    strange = Level(acr="https://provider.example/loa/2", word="two")
    monkeypatch.setattr(party, "provider", replace(party.provider, levels=(strange,), least=0))
    world.fc.acr, world.fc.id_token = strange.acr, {"auth_time": ...}
    async with world.browser() as browser:
        claims = await token_of(world, browser, "rosa-pinto", "40fa")
    assert claims["acr"] == strange.acr
    assert "auth_time" not in claims
    opened = [each for each in await world.bed.journal() if each["type"] == "session.opened"][-1]
    assert opened["acr"] == "two"
