"""What every page must pass, measured in the browser itself."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}}
_CUT = """() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"""
_SMALL = """() => {
  const shown = (e) => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0 && r.right > 0 };
  const inText = (e) => e.tagName === 'A' && !e.classList.contains('button')
    && e.closest('p, dd, td, li, summary, h1, h2, h3');
  return [...document.querySelectorAll('a, button, summary, input:not([type=hidden]), select, textarea')]
    .filter(e => !e.closest('[aria-hidden=true]'))  // the same links stand elsewhere on the page (2.5.8, equivalent)
    .filter(shown).filter(e => !inText(e) || e.closest('nav, header, footer'))
    .map(e => { const r = e.getBoundingClientRect(); const main = e.classList.contains('button');
      return [e.outerHTML.slice(0, 120), Math.round(r.width), Math.round(r.height), main ? 44 : 24] })
    .filter(([, w, h, least]) => w < least - 0.5 || h < least - 0.5).map(x => x.join(' '))
}"""


@dataclass(slots=True)
class Transfers:
    """What a page loaded: addresses and bytes of bodies."""

    urls: list[str]
    size: int


async def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is shown."""
    found = (await Axe().run(page, options=_OPTIONS)).response["violations"]
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


async def too_wide(page: Page, *, width: int = 320, text: int = 100) -> int:
    """By how many pixels the page must be moved sideways at this width (and size of text in percent)."""
    before = page.viewport_size
    await page.set_viewport_size({"width": width, "height": 800})
    await page.evaluate("size => { document.documentElement.style.fontSize = size + '%' }", text)
    cut = await page.evaluate(_CUT)
    await page.evaluate("() => { document.documentElement.style.fontSize = '' }")
    if before is not None:
        await page.set_viewport_size(before)
    return int(cut)


async def small_targets(page: Page) -> list[str]:
    """Main actions below 44 px and other targets below 24 px (links inside a sentence are free, WCAG 2.2 2.5.8)."""
    return list(await page.evaluate(_SMALL))


async def check(page: Page, *, lang: str = "fr") -> None:
    """All of it: accessibility, 320 px, 200 % text, on a phone too, targets, language, nothing from elsewhere."""
    found = await violations(page)
    assert not found, found
    assert await too_wide(page, width=320) == 0, "320 px: the page must be moved sideways"
    assert await too_wide(page, width=640, text=200) == 0, "200 % text: the page must be moved sideways"
    assert await too_wide(page, width=360, text=200) == 0, "a phone with 200 % text: the page must be moved sideways"
    assert await small_targets(page) == []
    assert await page.get_attribute("html", "lang") == lang
    assert await page.locator("h1").count() == 1
    assert await page.locator("script:not([src$='/idle.js'])").count() == 0  # docs/adr/0030
    own = urlsplit(page.url).netloc
    loaded = await page.evaluate("() => performance.getEntriesByType('resource').map(e => e.name)")
    assert {urlsplit(url).netloc for url in loaded if not url.startswith("data:")} <= {own}
