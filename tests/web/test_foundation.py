"""Errors, help, languages, cookies, foreign forms: what every page shares."""

import re

import httpx
import pytest

from gateway.web.cookies import NAME
from gateway.web.visitor import Identity
from tests.web.conftest import Portal, dpo
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


@pytest.mark.parametrize("path", ["/help", "/docs/guides"])
async def test_the_icon_is_ours_and_the_policy_of_pages_refuses_nothing(portal: Portal, path: str) -> None:
    """No violation is logged on any page, and no browser asks for an icon elsewhere."""
    page = await portal.page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(portal.url + path)
    icon = await page.get_attribute("link[rel=icon]", "href")
    assert icon is not None
    assert icon.startswith("/static/")
    async with httpx.AsyncClient(base_url=portal.url) as http:
        answer = await http.get(icon)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert len(answer.content) < 400
    assert said == []


@pytest.mark.parametrize("lang", ["en", "fr"])
async def test_an_operator_comes_to_a_page_that_works(portal: Portal, lang: str) -> None:
    """From the start, not round in a ring; what it names opens, and nobody else gets it."""
    operator = Identity(role="operator", actor="0" * 32, owner="test:op", provider="test")
    page = await portal.page(operator, lang=lang)
    answer = await page.goto(portal.url)
    assert answer is not None
    assert (answer.status, page.url) == (200, f"{portal.url}/operator")
    await check(page, lang=lang)
    assert await page.get_by_role("button", name="Se déconnecter" if lang == "fr" else "Sign out").count() == 1
    async with httpx.AsyncClient(base_url=portal.url) as http:
        for link in await page.locator("main a").all():
            assert (await http.get(await link.get_attribute("href") or "")).status_code in {200, 503}
        other = await portal.secret(dpo("gi-brume"))
        assert (await http.get("/operator", headers={"Cookie": f"{NAME}={other}"})).status_code == 403


async def test_the_other_language_of_an_address_is_never_on_another_site(portal: Portal) -> None:
    """A path of two slashes is another site's to a browser; the filters stay, once each."""
    async with httpx.AsyncClient(base_url=portal.url) as http:
        for path in ("//evil.example/x?a=1&b=%26", "/help?a=1&lang=fr&b=%26"):
            answer = await http.get(portal.url + path)
            assert re.findall('href="([^"]*)" lang="en"', answer.text) == ["?a=1&amp;b=%26&amp;lang=en"]


async def test_help_names_only_who_can_be_reached(portal: Portal) -> None:
    """Without a number and a desk in the settings nobody is told to call or come, and no list is empty."""
    async with httpx.AsyncClient(base_url=portal.url) as http:
        help_ = (await http.get("/help")).text
    assert "Vous pouvez en parler à l'organisme qui vous suit." in help_
    assert "nous appeler" not in help_
    assert "<ul>\n</ul>" not in help_


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
