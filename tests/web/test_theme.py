"""An operator's look: tokens, a logo and a template of their own, as accessible as ours."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.web.conftest import Portal, open_portal
from tests.web.measure import check

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

TOKENS = """:root{--ink:#000;--soft:#222;--line:#444;--paper:#fffbe6;--wash:#fff3c4;--main:#5b2a86;--on-main:#fff;
--font:serif}"""
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><circle cx="16" cy="16" r="12"/></svg>'
HELP = '{% extends "base.html" %}{% block title %}Aide{% endblock %}{% block main %}<h1>Chez nous</h1>{% endblock %}'


@pytest_asyncio.fixture(loop_scope="session")
async def themed(tmp_path: Path, chromium: Browser) -> AsyncIterator[Portal]:
    theme = tmp_path / "theme"
    (theme / "templates").mkdir(parents=True)
    (theme / "tokens.css").write_text(TOKENS, "utf-8")
    (theme / "logo.svg").write_text(LOGO, "utf-8")
    (theme / "templates" / "help.html").write_text(HELP, "utf-8")
    url = f"sqlite:///{tmp_path}/passerelle.db"
    async with open_portal(
        tmp_path, chromium, database_url=url, theme=str(theme), portal_name="Cap vers l'emploi"
    ) as it:
        yield it


async def test_an_operators_look_is_as_accessible_as_ours(themed: Portal) -> None:
    """Contrasting tokens: the person's start, the sign-in page and an error."""
    page = await themed.page(await themed.person("lucas-perrin"))
    for path in ("/me", "/me/history", "/me/nothing-here"):
        await page.goto(themed.url + path)
        await check(page)
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 251, 230)"
    assert "Cap vers l'emploi" in await page.title()


async def test_logo_and_templates_are_the_operators(themed: Portal) -> None:
    page = await themed.page()
    await page.goto(f"{themed.url}/help")
    assert await page.locator("h1").inner_text() == "Chez nous"
    assert await page.evaluate("document.querySelector('.brand img').naturalWidth") == 32


async def test_without_a_theme_there_is_no_logo(portal: Portal) -> None:
    async with httpx.AsyncClient(base_url=portal.url) as http:
        assert (await http.get("/static/logo.svg")).status_code == 404
        assert (await http.get("/static/0000/style.css")).status_code == 404
