"""Signing out: here at once, then at the provider, and what came back is believed only with its state."""

from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from starlette.responses import Response

from gateway.web.cookies import NAME
from tests.unit.signin.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def enter(world: World, browser: httpx.AsyncClient, provider: str = "franceconnect") -> str:
    """Sign in; gives the form token of the session."""
    await world.back(browser, await world.leave(browser, provider), provider)
    visitor = await world.bed.services.sessions.find(browser.cookies[NAME], world.clock())
    assert visitor is not None
    return visitor.form_token


async def press(browser: httpx.AsyncClient, token: str, **headers: str) -> httpx.Response:
    return await browser.post("/signout", data={"form": token}, headers={"Sec-Fetch-Site": "same-origin", **headers})


async def test_the_session_is_over_before_the_provider_is_asked(each_world: World) -> None:
    """The secret opens nothing any more, the cookie is taken back, the entry says who ended it."""
    world = each_world
    async with world.browser() as browser:
        token, secret = await enter(world, browser), browser.cookies[NAME]
        answer = await press(browser, token)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/signout/leave?state=")
        assert any(value.startswith(f'{NAME}=""') for value in answer.headers.get_list("set-cookie"))
        assert await world.bed.services.sessions.find(secret, world.clock()) is None
    entry = await world.last()
    assert (entry["type"], entry["reason"], entry["role"]) == ("session.closed", "signed_out", "beneficiary")
    assert "subject" in entry


async def test_the_provider_is_asked_with_all_three_parameters(world: World) -> None:
    """RP-Initiated Logout 1.0: id_token_hint, state, post_logout_redirect_uri; by the page itself and by a link."""
    async with world.browser() as browser:
        answer = await press(browser, await enter(world, browser))
        leaving = await browser.get(answer.headers["location"])
        there = leaving.headers["refresh"].removeprefix("0; url=")
        assert there.startswith(f"{world.fc.issuer}/session/end?")
        sent = dict(parse_qsl(urlsplit(there).query))
        assert set(sent) == {"id_token_hint", "state", "post_logout_redirect_uri"}
        assert sent["post_logout_redirect_uri"] == f"{world.bed.services.base_url}/signout/back"
        assert len(sent["state"]) == 43
        assert there.replace("&", "&amp;") in leaving.text
        back = await browser.get("/signout/back", params={"state": sent["state"]})
        assert "et du service de connexion" in back.text
        again = await browser.get("/signout/back", params={"state": sent["state"]})
        assert "et du service de connexion" not in again.text


@pytest.mark.parametrize("state", ["", "x" * 43, "of another browser"])
async def test_a_way_back_nobody_began_says_nothing_of_the_provider(world: World, state: str) -> None:
    """Somebody else's state, an invented one, none: still a page, which claims no more than it knows."""
    async with world.browser() as browser, world.browser() as other:
        answer = await press(browser, await enter(world, browser))
        if state == "of another browser":
            state = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["state"]
        back = await other.get("/signout/back", params={"state": state})
    assert back.status_code == 200
    assert "et du service de connexion" not in back.text


async def test_the_way_out_belongs_to_the_browser_that_left(world: World) -> None:
    """The id_token of a session is in nobody else's page."""
    async with world.browser() as browser, world.browser() as other:
        answer = await press(browser, await enter(world, browser))
        stolen = await other.get(answer.headers["location"])
        assert (stolen.status_code, stolen.headers["location"]) == (303, "/signout")


async def test_a_provider_that_is_down_holds_nobody_in(world: World) -> None:
    """The session here is over; the page says so."""
    async with world.browser() as browser:
        token = await enter(world, browser)
        party = world.bed.services.entrance.parties["franceconnect"]
        party._published._metadata_at = 0
        world.fc.answers["openid-configuration"] = down
        answer = await press(browser, token)
        leaving = await browser.get(answer.headers["location"])
        assert (leaving.status_code, leaving.headers["location"]) == (303, "/signout")
        assert "Vous êtes déconnecté" in (await browser.get("/signout")).text


def down() -> Response:
    return Response(status_code=503)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_another_site_signs_nobody_out(world: World, site: str) -> None:
    """The form must be ours, and carry the session's own token."""
    async with world.browser() as browser:
        token, secret = await enter(world, browser), browser.cookies[NAME]
        assert (await press(browser, token, **{"Sec-Fetch-Site": site})).status_code == 403
        assert (await press(browser, "0" * 32)).status_code == 403
        assert (await browser.get("/signout")).status_code == 200
        assert await world.bed.services.sessions.find(secret, world.clock()) is not None


async def test_signing_out_twice_is_signing_out(world: World) -> None:
    """No session: the page that says so."""
    async with world.browser() as browser:
        token = await enter(world, browser)
        await press(browser, token)
        answer = await press(browser, token)
        assert (answer.status_code, answer.headers["location"]) == (303, "/signout")
