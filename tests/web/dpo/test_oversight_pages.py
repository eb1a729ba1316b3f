"""Registers, rules, requests, breaches, watch list and gaps in a real browser: measured, by keyboard, no script."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from consent.rights_law import About
from consent.states import By
from gateway import rights
from gateway.settings import PACKAGED_CATALOGUE
from policies.catalogue import load
from tests.web.conftest import Portal, chromium, dpo, open_portal
from tests.web.dpo.conftest import exchanges, settle
from tests.web.measure import check

__all__ = ["chromium"]

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

HOME = dpo("siae-brume")
HEAD = dpo("dept-brume", consortium=True)
PAGES = [
    "/dpo/registers", "/dpo/registers/print", "/dpo/registers/difference?before={now}&after={now}", "/dpo/policies",
    "/dpo/policies/{draft}", "/dpo/policies/{draft}?last=100", "/dpo/rights", "/dpo/rights?closed=1",
    "/dpo/rights/{request}", "/dpo/rights/{elsewhere}", "/dpo/rights/{request}/letter",
    "/dpo/breach", "/dpo/breach?what=nobody",
    "/dpo/breach?what=ml-brume&known=2026-11-22T10:00", "/dpo/breach/notice?what=ml-brume&known=2026-11-22T10:00",
    "/dpo/watch", "/dpo/watch/{alert}", "/dpo/reconciliation",
]  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def watched(tmp_path_factory: Any, chromium: Browser) -> AsyncIterator[tuple[Portal, dict[str, str]]]:
    """Exchanges, twenty refusals, a draft that permits more, a request: something on every page."""
    home: Path = tmp_path_factory.mktemp("oversight")
    async with open_portal(home, chromium, database_url=f"sqlite:///{home}/passerelle.db") as portal:
        services = portal.bed.services
        await services.activations.first(services.catalogue, now=services.clock())
        await exchanges(portal)
        folder = home / "draft"
        shutil.copytree(PACKAGED_CATALOGUE, folder)
        file = folder / "iae-eligibilite-ft.yaml"
        changed = file.read_text("utf-8").replace("10/month", "11/month")
        file.write_text(
            changed.replace("registration.status: {release: clear}\n", "registration.since: {release: clear}\n")
        )
        draft = load(folder)
        await services.activations.register(draft, now=services.clock())
        token = await portal.token("ml-brume")
        unasked = await portal.bed.link(token, "zoe-figurant")
        for _ in range(20):
            await portal.bed.exchange(token, unasked, "support.youth", ["rsa"])
        subject = await portal.bed.subject("ml-brume", unasked)
        by = By(kind="subject", channel="counter")
        asked = await rights.receive(services, subject, "access", by=by, now=services.clock())
        about = About(fields=frozenset({"registration.status"}), source="ft-brume")
        elsewhere = await rights.receive(services, subject, "rectification", by=by, now=services.clock(), about=about)
        await settle(portal)
        from gateway.console.kinds import Scope
        from gateway.oversight.watch import watched as alerts

        (alert, *_) = await alerts(services, Scope(None), now=services.clock())
        names = {"draft": draft.digest, "now": services.catalogue.digest, "request": asked.id, "alert": alert.alert.id,
                 "elsewhere": elsewhere.id}  # fmt: skip
        yield portal, names


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_measured(watched: tuple[Portal, dict[str, str]], path: str, lang: str) -> None:
    """axe, 320 px, 200 % text, targets, language; at most 150 kB; nothing from elsewhere; no script is needed."""
    portal, names = watched
    page = await portal.page(HEAD, lang=lang, width=1280)
    size = 0

    async def count(response: Any) -> None:
        nonlocal size
        size += len(await response.body())

    page.on("response", count)
    answer = await page.goto(portal.url + path.format(**names))
    assert answer is not None
    assert answer.status == (400 if "nobody" in path else 200)
    await page.wait_for_load_state("networkidle")
    assert size <= 150_000
    await check(page, lang=lang)
    await page.context.close()


async def press(page: Page, text: str) -> None:
    """Reach a button or link with the Tab key alone, its focus visible, and use it."""
    await page.locator("body").focus()
    for _ in range(200):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if await focused.count() and (await focused.first.inner_text()).strip() == text:
            outline = await focused.first.evaluate("e => getComputedStyle(e).outlineStyle")
            assert outline != "none", "the focus cannot be seen"
            async with page.expect_navigation():
                await page.keyboard.press("Enter")
            return
    pytest.fail(f"« {text} » cannot be reached with the keyboard")


async def test_a_widening_is_signed_and_activated_with_the_keyboard(watched: tuple[Portal, dict[str, str]]) -> None:
    """Two people, no mouse, no script; sending a form again by going back changes nothing."""
    portal, names = watched
    for who in (HOME, dpo("ft-brume")):
        page = await portal.page(who if who is HOME else _named(who), javascript=False)
        await page.goto(f"{portal.url}/dpo/policies/{names['draft']}")
        await press(page, "Signer ce projet")
        assert "Vous avez signé." in await page.inner_text("main")
        await page.go_back()
        await page.reload()
        await page.context.close()
    page = await portal.page(HEAD, javascript=False)
    await page.goto(f"{portal.url}/dpo/policies/{names['draft']}")
    assert "Signatures\u00a0: 2 sur 2" in await page.inner_text("main")
    await press(page, "Mettre en vigueur")
    services = portal.bed.services
    assert (await services.activations.versions())[0].digest == names["draft"]
    await page.reload()
    assert len(await services.activations.versions()) == 2
    await page.context.close()


def _named(identity: Any) -> Any:
    from dataclasses import replace

    return replace(identity, name="Karim Belkacem")


async def test_a_request_is_handled_with_the_keyboard(watched: tuple[Portal, dict[str, str]]) -> None:
    """Identity, collection, answer; the page after each step proves it."""
    portal, names = watched
    page = await portal.page(HEAD, javascript=False)
    await page.goto(f"{portal.url}/dpo/rights/{names['request']}")
    await press(page, "L'identité est vérifiée")
    await press(page, "Rassembler les informations")
    assert await page.locator("a[href$='archive.zip']").count() == 1
    await press(page, "La réponse est donnée")
    assert "acceptée" in await page.inner_text("main")
    await page.context.close()
