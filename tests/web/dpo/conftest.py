"""A portal whose partners have exchanged, been refused, and whose journal is published, followed and inspected."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser

from tests.bed import professional
from tests.web.conftest import Portal, chromium, open_portal

__all__ = ["chromium"]


async def settle(portal: Portal) -> None:
    """What the running gateway does each second and each minute, now."""
    services = portal.bed.services
    await services.publisher.round(services.clock())
    await services.console.projector.catch_up()
    await services.console.integrity.inspection.round()


async def exchanges(portal: Portal) -> None:
    """Two partners: one that is served, one that is refused."""
    bed = portal.bed
    ml = await portal.token("ml-brume")
    amina = await bed.link(ml, "amina-delorme")
    await bed.authorise(ml, "ml-brume", amina, "support.youth")
    answer = await bed.exchange(ml, amina, "support.youth", ["rsa", "c2s.beneficiary"])
    assert answer.status_code == 200, answer.text
    siae = await portal.token("siae-brume", professional=professional("accueil"))
    lucas = await bed.link(siae, "lucas-perrin")
    refused = await bed.exchange(siae, lucas, "iae.eligibility", ["registration"])
    assert refused.status_code == 403, refused.text


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def console(tmp_path_factory: Any, chromium: Browser) -> AsyncIterator[Portal]:
    """One for all tests that only read, on SQLite."""
    home: Path = tmp_path_factory.mktemp("console")
    async with open_portal(
        home, chromium, database_url=f"sqlite:///{home}/passerelle.db", incident_contact="Astreinte, 01 99 00 00 00"
    ) as portal:
        await exchanges(portal)
        await settle(portal)
        yield portal
