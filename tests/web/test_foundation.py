"""Errors, help, languages, cookies, foreign forms: what every page shares."""

import httpx
import pytest

from gateway.web.cookies import NAME
from tests.web.conftest import Portal
from tests.web.measure import check

pytestmark = [pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("lang", ["en", "fr"])
async def test_help_and_errors_are_pages_everybody_can_use(portal: Portal, lang: str) -> None:
    """Accessible, narrow, in the reader's language, with a reference to quote."""
    page = await portal.page(lang=lang)
    for path, status in (("/help", 200), ("/me/nothing-here", 404)):
        answer = await page.goto(portal.url + path)
        assert answer is not None
        assert answer.status == status
        await check(page, lang=lang)
    assert len(await page.locator(".code").inner_text()) == 32


async def test_language_is_kept_from_page_to_page(portal: Portal) -> None:
    """Changing it keeps the page, and the next page is in it too."""
    page = await portal.page()
    await page.goto(f"{portal.url}/help")
    await page.get_by_role("link", name="English").click()
    assert page.url.startswith(f"{portal.url}/help")
    assert await page.locator("h1").inner_text() == "Help"
    await page.goto(f"{portal.url}/help")
    assert await page.locator("h1").inner_text() == "Help"


async def test_signed_out_is_sent_to_sign_in_and_back(portal: Portal) -> None:
    """Only a path of ours travels along."""
    async with httpx.AsyncClient(base_url=portal.url) as http:
        answer = await http.get("/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin")


async def test_a_page_is_not_kept_framed_or_mixed_with_others(portal: Portal) -> None:
    """No store, no frame, nothing inline, nothing from elsewhere."""
    async with httpx.AsyncClient(base_url=portal.url) as http:
        answer = await http.get("/help")
        headers = answer.headers
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers.get_list("referrer-policy") == ["same-origin"]
        style = await http.get(answer.text.split('rel="stylesheet" href="')[1].split('"')[0])
        assert style.status_code == 200
        assert len(style.content) <= 12_000


async def test_a_session_ends_when_idle_or_when_its_secret_is_not_ours(portal: Portal) -> None:
    """An invented secret opens nothing."""
    identity = await portal.person("lucas-perrin")
    sessions, now = portal.bed.services.sessions, portal.bed.services.clock()
    secret = await portal.secret(identity)
    assert await sessions.find(secret, now) is not None
    assert await sessions.find(secret + "x", now) is None
    assert await sessions.find(secret, now + 31 * 60_000) is None
    rotated = await sessions.open(identity, now=now, former=secret)
    assert await sessions.find(secret, now) is None
    assert [each.id for each in await sessions.listed(identity, now)] == [(await sessions.find(rotated, now)).session]
    assert await sessions.end_all(identity) == 1
    assert await sessions.find(rotated, now) is None
    assert NAME == "passerelle"
