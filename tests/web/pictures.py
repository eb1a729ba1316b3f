"""`python -m tests.web.pictures`: every page as a picture, at 360 and 1280 px, in both languages, into docs/pictures.

For people to look at. Refuses to say whether a page is good: the tests beside it do.
"""

import asyncio
import io
import logging
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from gateway.web.visitor import Identity
from tests.web.conftest import Portal, dpo, open_portal
from tests.web.dpo.conftest import settle
from tests.web.test_me_pages import Lucas, lucas

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
WIDTHS, LANGS = (360, 1280), ("fr", "en")
_TALLEST = 4_000


def of_everybody() -> dict[str, str]:
    return {"help": "/help", "error": "/me/nothing-here", "signin": "/signin"}


def of_the_person(him: Lucas) -> dict[str, str]:
    choice, task, law, open_ = (him.ids[name] for name in ("ml-brume", "dept-brume", "caf-brume", "outil-commun"))
    return {
        "me": "/me", "me-request-choice": f"/me/ask/{open_}", "me-request-objection": f"/me/ask/{task}",
        "me-request-information": f"/me/ask/{law}", "me-receipt": f"/me/ask/{choice}/receipt",
        "me-detail": f"/me/authorisations/{choice}", "me-stop": f"/me/authorisations/{choice}/stop",
        "me-object": f"/me/authorisations/{task}/stop", "me-history": "/me/history", "me-who": "/me/who",
        "me-preview": f"/me/who/preview?authorisation={choice}", "me-data": "/me/data", "me-rights": "/me/rights",
        "me-rights-new": "/me/rights/new", "me-connections": "/me/connections", "me-help": "/me/help",
        "me-words": "/me/words", "me-address": "/me/address",
    }  # fmt: skip


def of_the_dpo(index: int) -> dict[str, str]:
    return {
        "dpo": "/dpo", "dpo-search": "/dpo/search", "dpo-entry": f"/dpo/entries/{index}",
        "dpo-integrity": "/dpo/integrity", "dpo-export": "/dpo/export", "dpo-consultations": "/dpo/consultations",
        "dpo-registers": "/dpo/registers", "dpo-rights": "/dpo/rights", "dpo-breach": "/dpo/breach",
        "dpo-watch": "/dpo/watch", "dpo-reconciliation": "/dpo/reconciliation", "dpo-policies": "/dpo/policies",
    }  # fmt: skip


async def take(portal: Portal, who: Identity | None, pages: dict[str, str]) -> None:
    """One window per width and language."""
    for width in WIDTHS:
        for lang in LANGS:
            page = await portal.page(who, width=width, lang=lang)
            for name, path in pages.items():
                await page.goto(portal.url + path)
                await keep(page, FOLDER / f"{name}-{width}-{lang}.webp")


async def keep(page: Page, path: Path) -> None:
    """Write the picture, cut where nobody would scroll."""
    image = Image.open(io.BytesIO(await page.screenshot(full_page=True))).convert("RGB")
    image.crop((0, 0, image.width, min(image.height, _TALLEST))).save(path, "WEBP", quality=25, method=6)


async def main() -> None:
    """Make them all anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            async with open_portal(home, browser, database_url=f"sqlite:///{home}/passerelle.db") as portal:
                him = await lucas(portal)
                await settle(portal)
                released = await portal.bed.size() - 1
                await take(portal, None, of_everybody())
                await take(portal, him.identity, of_the_person(him))
                await take(portal, dpo("gi-brume", consortium=True), of_the_dpo(released))
        await browser.close()


if __name__ == "__main__":
    logging.disable()
    asyncio.run(main())
