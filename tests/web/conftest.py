"""A gateway on a real socket, people of the sandbox linked to it, and a real browser in front of it."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from connectors import sandbox
from gateway.app import build_app
from gateway.processes import free_port
from gateway.web.cookies import NAME
from gateway.web.visitor import Identity
from tests.bed import Bed, bed, served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium: `make test` installs it."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is missing: `make test` installs it, or run `apt-get install chromium`")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@dataclass(slots=True, kw_only=True)
class Portal:
    """A served gateway: `bed` for what partners do, `page` for what people see."""

    bed: Bed
    url: str
    browser: Browser
    contexts: list[BrowserContext]

    async def page(
        self, identity: Identity | None = None, *, width: int = 360, lang: str = "fr", javascript: bool = True
    ) -> Page:
        """A new browser window, signed in as this identity."""
        context = await self.browser.new_context(
            viewport={"width": width, "height": 800}, locale=lang, java_script_enabled=javascript
        )
        context.set_default_timeout(10_000)
        self.contexts.append(context)
        if identity is not None:
            await context.add_cookies([{"name": NAME, "value": await self.secret(identity), "url": self.url}])
        return await context.new_page()

    async def secret(self, identity: Identity) -> str:
        """The cookie of a new session, for requests without a browser."""
        services = self.bed.services
        return await services.sessions.open(identity, now=services.clock(), agent="test")

    async def person(self, name: str, *, partner: str = "ml-brume", token: str | None = None) -> Identity:
        """A person of the sandbox, linked to this partner, as a beneficiary who signed in."""
        token = token or await self.token(partner)
        pseudonym = await self.bed.link(token, name)
        subject = await self.bed.subject(partner, pseudonym)
        shown = self.bed.people[name].pivot
        first = str(shown.get("given_names", shown.get("given_name", name))[0])
        return Identity(
            role="beneficiary", actor="subject", owner=f"test:{subject}", subject=subject, name=first, provider="test"
        )

    async def token(self, partner: str, **more: Any) -> str:
        """A token of this partner, which is registered first when it is not yet."""
        if partner not in self.bed.keys:
            await self.bed.partner(partner)
        return await self.bed.token(partner, **more)


def dpo(organisation: str, *, consortium: bool = False, strong: bool = True) -> Identity:
    """The DPO of an institution."""
    return Identity(
        role="dpo",
        actor=f"{abs(hash(organisation)):032x}"[-32:],
        owner=f"test:dpo:{organisation}",
        organisation=organisation,
        consortium=consortium,
        name="Camille Vernier",
        strong=strong,
        provider="test",
    )


@contextlib.asynccontextmanager
async def open_portal(tmp_path: Path, browser: Browser, *, database_url: str, **settings: Any) -> AsyncIterator[Portal]:
    """A gateway with its sandbox, both on sockets of this machine."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with (
        served(sandbox.build()) as sandbox_url,
        bed(tmp_path, database_url=database_url, sandbox_url=sandbox_url, public_url=url, **settings) as opened,
        served(build_app(opened.services), port=port),
    ):
        portal = Portal(bed=opened, url=url, browser=browser, contexts=[])
        yield portal
        for context in portal.contexts:
            await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def portal(tmp_path: Path, chromium: Browser) -> AsyncIterator[Portal]:
    """A fresh one for a test, on SQLite."""
    async with open_portal(tmp_path, chromium, database_url=f"sqlite:///{tmp_path}/passerelle.db") as opened:
        yield opened
