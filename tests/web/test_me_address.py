"""Protecting one's address in a real browser, scripts off: found, done by one button, said, under a neutral title."""

import pytest

from tests.web.conftest import Portal
from tests.web.measure import check
from tests.web.test_me_pages import lucas

pytestmark = [pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize(("width", "lang", "line", "button", "done"), [
    (360, "fr", "Votre adresse", "Protéger mon adresse", "Votre adresse est protégée"),
    (1280, "en", "Your address", "Protect my address", "Your address is protected"),
])  # fmt: skip
async def test_one_button_protects_it_for_everybody(
    portal: Portal, width: int, lang: str, line: str, button: str, done: str
) -> None:
    """From the home page, without scripts; both pages pass every measure; back and reload change nothing."""
    him = await lucas(portal)
    page = await portal.page(him.identity, width=width, lang=lang, javascript=False)
    scripted = await portal.page(him.identity, width=width, lang=lang)
    await page.goto(f"{portal.url}/me")
    await page.get_by_role("link", name=line, exact=True).click()
    await scripted.goto(page.url)
    await check(scripted, lang=lang)
    assert await page.locator("main button").count() == 1
    title = await page.title()
    await page.get_by_role("button", name=button).click()
    assert await page.locator("h1").inner_text() == done
    assert (await page.title(), page.url) == (title, f"{portal.url}/me/address")
    assert await page.locator("main button").count() == 0
    await scripted.reload()
    await check(scripted, lang=lang)
    for name, purpose in (("ml-brume", "support.youth"), ("dept-brume", "orientation.rsa")):
        told = await portal.bed.exchange(him.tokens[name], him.names[name], purpose, ["household"])
        assert (told.status_code, told.json()["reasons"]) == (403, ["withheld"])
    size = await portal.bed.size()
    await page.reload()
    await page.go_back()
    await page.go_forward()
    assert await page.locator("h1").inner_text() == done
    assert await portal.bed.size() == size
