"""The DPO's pages in a browser: accessible, narrow, light, by keyboard, without scripting, in both languages."""

import pytest
from playwright.async_api import Page

from tests.web.conftest import Portal, dpo
from tests.web.dpo.conftest import settle
from tests.web.dpo.test_access import index_of
from tests.web.measure import check

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

MOST_BYTES = 150_000


async def _paths(portal: Portal) -> list[str]:
    released = await index_of(portal, "exchange.released", "ml-brume")
    requested = await index_of(portal, "authorisation.requested", "ml-brume")
    return [
        "/dpo", "/dpo/search", "/dpo/search?org=ml-brume&type=exchange.decided", "/dpo/search?org=siae-brume",
        "/dpo/search?reason=nonsense", "/dpo/search/person", "/dpo/search/person?by=identity",
        f"/dpo/entries/{released}", f"/dpo/entries/{requested}", "/dpo/integrity", "/dpo/consultations", "/dpo/export",
        "/dpo/entries/999999",
    ]  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "fr"])
async def test_every_page_passes_every_measure(console: Portal, lang: str) -> None:
    """axe, 320 px, 200 % text, targets, language, nothing from elsewhere; 150 kB at most, images and style included."""
    page = await console.page(dpo("ml-brume"), width=1280, lang=lang)
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(int(answer.headers.get("content-length", 0))))
    for path in await _paths(console):
        sizes.clear()
        await page.goto(console.url + path)
        assert sum(sizes) <= MOST_BYTES
        await check(page, lang=lang)


@pytest.mark.parametrize(
    ("lang", "said"), [("fr", "Organisme\u00a0: Mission locale de la Brume retirer"), ("en", "remove")]
)
async def test_an_applied_filter_is_a_sentence_beside_its_link(console: Portal, lang: str, said: str) -> None:
    """The filter, what it says and the link that removes it are three things; each language has its colon."""
    page = await console.page(dpo("ml-brume"), lang=lang)
    await page.goto(f"{console.url}/dpo/search?org=ml-brume")
    line = await page.locator(".chosen li").inner_text()
    assert line == said or (lang == "en" and line.startswith("Organisation: ") and line.endswith(" remove"))


@pytest.mark.parametrize("lang", ["fr", "en"])
async def test_the_table_of_entries_keeps_within_its_page(console: Portal, lang: str) -> None:
    """However long a code is, the columns stay where the page's text is."""
    page = await console.page(dpo("ml-brume"), width=1280, lang=lang)
    await page.goto(f"{console.url}/dpo/search")
    table, title = [await page.locator(each).first.bounding_box() for each in ("table.stack", "main form")]
    assert table is not None
    assert title is not None
    assert table["x"] + table["width"] <= title["x"] + title["width"] + 1


async def test_the_broken_banner_passes_every_measure(console: Portal) -> None:
    """Unmistakable, and still readable by everybody."""
    from dataclasses import replace

    inspection = console.bed.services.console.integrity.inspection
    intact = inspection.finding
    inspection.finding = replace(
        intact, fault="the head is not the head of the stored entries", since=1_790_000_000_000
    )
    try:
        page = await console.page(dpo("ml-brume"), width=1280)
        await page.goto(f"{console.url}/dpo/integrity")
        assert "JOURNAL ALTÉRÉ" in await page.get_by_role("alert").inner_text()
        await check(page)
    finally:
        inspection.finding = intact


async def _reach(page: Page, name: str, *, most: int = 80) -> None:
    """Press Tab until the element of this accessible name has the focus, which must be visible."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        shown = await page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.getAttribute('aria-label') || e.textContent.trim(), s.outlineStyle,"
            " s.outlineWidth, e === document.body] }"
        )
        if shown[3]:  # the focus is on the browser itself
            continue
        assert shown[1] != "none", f"no visible focus on {shown[0]}"
        if shown[0] == name:
            return
    pytest.fail(f"{name} is not reached by Tab")


async def test_from_home_to_a_downloaded_proof_by_keyboard_and_without_scripting(console: Portal) -> None:
    """Search, open the newest release, download its proof: Tab and Enter only."""
    page = await console.page(dpo("ml-brume"), width=1280, javascript=True)
    await page.goto(f"{console.url}/dpo")
    await _reach(page, "Rechercher dans le journal")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/dpo/search")
    await page.locator("#type").focus()
    await page.keyboard.type("Mission")
    await page.locator("#type").select_option("exchange.released")
    await _reach(page, "Filtrer")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**type=exchange.released**")
    released = await index_of(console, "exchange.released", "ml-brume")
    await _reach(page, f"Entrée {released}")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/dpo/entries/{released}")
    await _reach(page, "Télécharger la preuve")
    async with page.expect_download() as download:
        await page.keyboard.press("Enter")
    assert (await download.value).suggested_filename.startswith("preuve-")


async def test_the_console_works_without_scripting(console: Portal) -> None:
    """Filter, narrow to a day by its bar, go on with « Plus », come back: links and forms alone."""
    bed = console.bed
    token = await console.token("ml-brume")
    amina = await bed.link(token, "amina-delorme")
    for _ in range(27):
        await bed.exchange(token, amina, "support.youth", ["c2s.beneficiary"])
    await settle(console)
    page = await console.page(dpo("ml-brume"), width=360, javascript=False)
    await page.goto(f"{console.url}/dpo/search")
    first = await page.locator("tbody tr").count()
    assert first == 50
    await page.get_by_role("link", name="Plus").click()
    assert "after=" in page.url
    assert await page.locator("tbody tr").count() > 0
    await page.get_by_role("link", name="Revenir au début").click()
    assert await page.locator("tbody tr").count() == 50
    await page.locator("summary").first.click()
    day = page.locator(".days a").first
    text = await day.inner_text()
    await day.click()
    assert f"since={text}&until={text}" in page.url
    await page.locator("#decision").select_option("permit")
    await page.get_by_role("button", name="Filtrer").click()
    assert "decision=permit" in page.url
    assert await page.get_by_text("accordé").count() > 0


async def test_a_bar_leads_to_its_day(console: Portal) -> None:
    """By a click on the picture; the same links stand below as a list, for the keyboard."""
    page = await console.page(dpo("ml-brume"), width=1280)
    await page.goto(f"{console.url}/dpo/search")
    await page.locator("svg.bars a").last.click(force=True)
    await page.wait_for_url("**since=**until=**")
    assert "after=" not in page.url
