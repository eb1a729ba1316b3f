"""The banner on top of every page really checks: a running gateway whose database is tampered with says so."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.async_api import Browser

from audit.models import audit_entry
from tests.tampering import tamper
from tests.web.conftest import Portal, dpo, open_portal
from tests.web.dpo.conftest import exchanges, settle

pytestmark = [pytest.mark.asyncio(loop_scope="session")]


async def _change(portal: Portal, index: int) -> None:
    store, mine = portal.bed.services.store, audit_entry.c.index == index
    query = sa.select(audit_entry.c.leaf).where(mine)
    leaf = await store.read(lambda connection: bytes(connection.execute(query).scalar_one()))
    await tamper(store, sa.update(audit_entry).where(mine).values(leaf=leaf.replace(b"ml-brume", b"mx-brume")))


async def test_a_changed_entry_breaks_the_banner_of_every_page(
    database_url: str, tmp_path: Path, chromium: Browser
) -> None:
    """One word of one entry: the row is marked at once, and at the next check every page says who to call."""
    contact = "Astreinte sécurité, 01 99 00 00 00"
    async with open_portal(tmp_path, chromium, database_url=database_url, incident_contact=contact) as portal:
        await exchanges(portal)
        await settle(portal)
        page = await portal.page(dpo("ml-brume"))
        await page.goto(f"{portal.url}/dpo")
        banner = page.locator("#integrity")
        assert "Journal intact" in await banner.inner_text()
        assert await page.get_by_role("alert").count() == 0
        released = next(n for n, e in enumerate(await portal.bed.journal()) if e["type"] == "exchange.released")
        await _change(portal, released)
        await page.goto(f"{portal.url}/dpo/search")
        assert await page.get_by_text("ALTÉRÉE").count() == 1
        await page.goto(f"{portal.url}/dpo/entries/{released}")
        assert "ALTÉRÉE" in await page.locator("main").inner_text()
        await page.goto(f"{portal.url}/dpo/integrity")
        await portal.bed.services.console.integrity.inspection.round(whole=True)
        for path in ("/dpo", "/dpo/search", "/dpo/integrity", "/dpo/consultations"):
            await page.goto(portal.url + path)
            said = await page.get_by_role("alert").inner_text()
            assert "JOURNAL ALTÉRÉ" in said
            assert contact in said
        await page.get_by_role("alert").get_by_role("link").click()
        assert page.url == f"{portal.url}/dpo/integrity"
