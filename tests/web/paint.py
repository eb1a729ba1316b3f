"""`python -m tests.web.paint`: how long until the largest element of a page is painted, on a line like slow 3G.

400 kbit/s, 400 ms there and back, an empty cache. Prints a table; a busy machine is slower, so no test asserts it.
"""

import asyncio
import logging
import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from gateway.web.visitor import Identity
from tests.web.conftest import Portal, dpo, open_portal
from tests.web.dpo.conftest import settle
from tests.web.test_me_pages import lucas

_LINE = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
_LARGEST = """() => new Promise(done => new PerformanceObserver(list => done(list.getEntries().at(-1).startTime))
  .observe({type: 'largest-contentful-paint', buffered: true}))"""
_TIMES = 3


async def largest(portal: Portal, who: Identity | None, path: str) -> float:
    """Median of three openings, in milliseconds, each in a new window."""
    found = []
    for _ in range(_TIMES):
        page = await portal.page(who)
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.emulateNetworkConditions", _LINE)
        await page.goto(portal.url + path)
        found.append(float(await page.evaluate(_LARGEST)))
        await page.context.close()
        portal.contexts.pop()
    return statistics.median(found)


async def main() -> None:
    """Measure what people open first, and the DPO's search."""
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            async with open_portal(home, browser, database_url=f"sqlite:///{home}/passerelle.db") as portal:
                him = await lucas(portal)
                await settle(portal)
                rows = [("/signin", None), ("/me", him.identity), (f"/me/ask/{him.ids['outil-commun']}", him.identity),
                        ("/me/history", him.identity), ("/dpo/search", dpo("gi-brume", consortium=True))]  # fmt: skip
                for path, who in rows:
                    print(f"{path.split('/ask/')[0]:20} {await largest(portal, who, path):6.0f} ms", flush=True)  # noqa: T201
        await browser.close()


if __name__ == "__main__":
    logging.disable()
    asyncio.run(main())
