"""The warning before an idle session ends: one button, nothing lost; nothing of it without a script."""

import httpx
import pytest
import sqlalchemy as sa
from playwright.async_api import Page

from gateway.web.models import web_session
from gateway.web.sessions import WARNED_MS
from gateway.web.visitor import Identity
from tests.web.conftest import Portal
from tests.web.measure import check

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

BEFORE = WARNED_MS - 120_000


async def _seen(portal: Portal, identity: Identity) -> int:
    services = portal.bed.services
    return (await services.sessions.listed(identity, services.clock()))[0].seen_at


async def _older(portal: Portal) -> None:
    """As if the last page was opened ten minutes ago."""
    earlier = sa.update(web_session).values(seen_at=web_session.c.seen_at - 600_000)
    await portal.bed.services.store.write(lambda connection: connection.execute(earlier) and None)


async def _writing(portal: Portal, identity: Identity, lang: str = "fr") -> Page:
    page = await portal.page(identity, lang=lang)
    await page.clock.install()
    await page.goto(f"{portal.url}/me/words")
    await page.locator("#email").fill("a@b.example")
    return page


async def test_the_warning_comes_and_one_button_goes_on(portal: Portal) -> None:
    """Not before its time; what was typed stays, the session's last use moves, the clock starts again."""
    identity = await portal.person("lucas-perrin")
    page = await _writing(portal, identity)
    banner = page.locator("#idle")
    await page.clock.fast_forward(BEFORE - 1_000)
    assert not await banner.is_visible()
    await page.clock.fast_forward(2_000)
    assert await banner.is_visible()
    assert "Dans 2 minutes, nous vous déconnectons." in await banner.inner_text()
    typed = page.locator(":focus")
    assert await typed.input_value() == "a@b.example", "focus stays where the person types"
    await _older(portal)
    before = await _seen(portal, identity)
    async with page.expect_response("**/stay") as answered:
        await banner.get_by_role("button", name="Continuer").click()
    assert (await answered.value).status == 204
    await banner.wait_for(state="hidden")
    assert await _seen(portal, identity) >= before + 600_000
    assert await page.locator("#email").input_value() == "a@b.example"
    await page.clock.fast_forward(BEFORE + 1_000)
    assert await banner.is_visible()


@pytest.mark.parametrize("lang", ["en", "fr"])
async def test_the_warning_passes_every_measure_and_takes_the_focus_of_nobody_who_types(
    portal: Portal, lang: str
) -> None:
    """Shown, it is accessible and narrow; the button has the focus of whoever only reads; Enter goes on."""
    page = await portal.page(await portal.person("lucas-perrin"), lang=lang)
    await page.clock.install()
    await page.goto(f"{portal.url}/me")
    await page.clock.fast_forward(BEFORE + 1_000)
    assert await page.locator("#idle button:focus").count() == 1
    await page.clock.resume()
    await page.evaluate("() => scrollTo(0, document.body.scrollHeight)")  # above, it lies over what scrolling uncovers
    await check(page, lang=lang)
    await page.locator("#idle button").focus()
    await page.keyboard.press("Enter")
    await page.locator("#idle").wait_for(state="hidden")


async def test_a_session_that_is_over_is_said(portal: Portal) -> None:
    """The button of a session ended elsewhere says so, and keeps the page with what was typed."""
    identity = await portal.person("lucas-perrin")
    page = await _writing(portal, identity)
    await page.clock.fast_forward(BEFORE + 1_000)
    await portal.bed.services.sessions.end_all(identity)
    await page.locator("#idle button").click()
    await page.locator("[data-over]").wait_for(state="visible")
    assert page.url.endswith("/me/words")


async def test_without_scripts_nothing_of_it_shows(portal: Portal) -> None:
    """The page is the same; signed out, there is neither script nor leave for one."""
    page = await portal.page(await portal.person("lucas-perrin"), javascript=False)
    answer = await page.goto(f"{portal.url}/me")
    assert answer is not None
    assert not await page.locator("#idle").is_visible()
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'; connect-src 'self'" in policy
    assert "unsafe" not in policy
    async with httpx.AsyncClient(base_url=portal.url) as http:
        for path in ("/help", "/signin"):
            signed_out = await http.get(path)
            assert "<script" not in signed_out.text
            assert "script-src" not in signed_out.headers["content-security-policy"]
        script = await http.get(portal.bed.services.pages.script_path)
        assert len(script.content) < 1_500
        assert "immutable" in script.headers["cache-control"]
        assert (await http.get("/static/0000/idle.js")).status_code == 404


async def test_only_our_own_pages_keep_a_session(portal: Portal) -> None:
    """Another site's page, a wrong token, nobody signed in: refused; and it is no page to open."""
    secret = await portal.secret(await portal.person("lucas-perrin"))
    cookie = {"cookie": f"passerelle={secret}"}
    async with httpx.AsyncClient(base_url=portal.url) as http:
        elsewhere = await http.post("/stay", data={"form": "x"}, headers={**cookie, "sec-fetch-site": "cross-site"})
        wrong = await http.post("/stay", data={"form": "x"}, headers={**cookie, "sec-fetch-site": "same-origin"})
        nobody = await http.post("/stay", data={"form": "x"}, headers={"sec-fetch-site": "same-origin"})
        assert {elsewhere.status_code, wrong.status_code, nobody.status_code} <= {401, 403, 409, 422}
        assert (await http.get("/stay", headers=cookie)).status_code == 405
