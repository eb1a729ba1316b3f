"""Signing in and out in a real browser, through the simulated FranceConnect and ProConnect."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from connectors import sandbox
from gateway.serve import write_providers
from gateway.signin.roles import Named
from gateway.web.cookies import NAME
from tests.bed import served
from tests.web.conftest import Portal, open_portal
from tests.web.measure import check

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

CAF = {"mail": "camille.vernier@professionnels.example", "siret": "99900103500016"}
SIAE = {"mail": "ismael.diarra@professionnels.example", "siret": "99900004500016"}


@pytest_asyncio.fixture(loop_scope="session")
async def doors(tmp_path: Path, chromium: Browser) -> AsyncIterator[Portal]:
    """A portal whose providers are those of the sandbox, on a socket of their own."""
    file = tmp_path / "providers.yaml"
    async with served(sandbox.build()) as providers_url:
        write_providers(file, providers_url)
        async with open_portal(
            tmp_path, chromium, database_url=f"sqlite:///{tmp_path}/passerelle.db", identity_providers=str(file)
        ) as opened:
            for role, org, named in (("dpo", "caf-brume", CAF), ("dpo", "siae-brume", SIAE)):
                roles, parties = opened.bed.services.entrance.roles, opened.bed.services.entrance.parties
                issuer = parties["proconnect"].provider.issuer
                await roles.give(
                    role, org, Named(issuer=issuer, **named), provider="proconnect", now=opened.bed.services.clock()
                )
            yield opened


async def enter(page: Page, button: str, who: str, *, decision: str = "Continuer") -> None:
    """From the sign-in page through the provider, and back."""
    await page.get_by_role("link", name=button).click()
    if decision == "Continuer":
        await page.check(f'input[value="{who}"]')
    await page.get_by_role("button", name=decision).click()


async def signed_in(page: Page) -> bool:
    return any(cookie["name"] == NAME for cookie in await page.context.cookies())


@pytest.mark.parametrize("lang", ["en", "fr"])
async def test_the_ways_in_are_a_page_everybody_can_use(doors: Portal, lang: str) -> None:
    """One button per provider, in its own name, what it tells, and a way without any."""
    page = await doors.page(lang=lang)
    await page.goto(f"{doors.url}/signin")
    await check(page, lang=lang)
    assert await page.get_by_role("link", name="FranceConnect (bac à sable)").count() == 1
    assert await page.locator("img").count() == 0
    for path in ("/signout", "/signin/choice?state=x"):
        await page.goto(doors.url + path)
        await check(page, lang=lang)


@pytest.mark.parametrize("javascript", [False, True])
async def test_a_person_signs_in_and_out(doors: Portal, javascript: bool) -> None:  # noqa: FBT001  parametrised
    """To where they wanted to go; out here and at the provider; the back button shows nothing of theirs."""
    await doors.person("amina-delorme")
    page = await doors.page(javascript=javascript)
    await page.goto(f"{doors.url}/me/history")
    assert page.url == f"{doors.url}/signin?next=%2Fme%2Fhistory"
    await enter(page, "FranceConnect", "amina-delorme")
    assert page.url == f"{doors.url}/me/history"
    assert await signed_in(page)
    await page.get_by_role("button", name="Se déconnecter").click()
    await page.wait_for_url(f"{doors.url}/signout/back?state=*")
    assert await page.locator("h1").inner_text() == "Vous êtes déconnecté"
    assert "du service de connexion" in await page.locator("main").inner_text()
    if javascript:  # what measures is a script
        await check(page)
    assert not await signed_in(page)
    await page.goto(f"{doors.url}/me/history")
    assert page.url.startswith(f"{doors.url}/signin")
    types = [entry["type"] for entry in await doors.bed.journal()]
    assert types[-2:] == ["session.opened", "session.closed"]


async def test_somebody_nobody_knows_is_told_so(doors: Portal) -> None:
    """Plain words, what to do, a reference; no session."""
    page = await doors.page()
    await page.goto(f"{doors.url}/signin")
    await enter(page, "FranceConnect", "lucas-perrin")
    assert await page.locator("h1").inner_text() == "Nous n'avons rien sur vous"
    await check(page)
    assert not await signed_in(page)


async def test_who_refuses_at_the_provider_comes_back_to_a_page(doors: Portal) -> None:
    """And may begin again."""
    page = await doors.page()
    await page.goto(f"{doors.url}/signin")
    await enter(page, "FranceConnect", "", decision="Refuser")
    assert await page.locator("h1").inner_text() == "Vous n'êtes pas connecté"
    await check(page)
    await page.get_by_role("link", name="Se connecter").click()
    assert page.url == f"{doors.url}/signin"


async def test_a_dpo_signs_in_with_a_second_factor(doors: Portal) -> None:
    """The list knows the address and the SIRET; ProConnect says how they proved it."""
    page = await doors.page(width=1280)
    await page.goto(f"{doors.url}/signin?next=/dpo")
    await enter(page, "ProConnect", "camille-vernier")
    assert page.url == f"{doors.url}/dpo"
    entry = [each for each in await doors.bed.journal() if each["type"] == "session.opened"][-1]
    assert (entry["role"], entry["org"], entry["strong"]) == ("dpo", "caf-brume", True)


async def test_a_dpo_without_a_second_factor_stays_outside(doors: Portal) -> None:
    """Offered to try again with one; the provider cannot, and says so; nobody is signed in."""
    page = await doors.page()
    await page.goto(f"{doors.url}/signin?next=/dpo")
    await enter(page, "ProConnect", "ismael-diarra")
    assert await page.locator("h1").inner_text() == "Il faut un second moyen de connexion"
    await check(page)
    await enter(page, "Recommencer avec un second moyen", "ismael-diarra")
    assert await page.locator("h1").inner_text() == "Vous n'êtes pas connecté"
    assert not await signed_in(page)
    reasons = [each["reason"] for each in await doors.bed.journal() if each["type"] == "signin.refused"]
    assert reasons == ["second_factor"]


async def test_the_providers_page_sent_again_opens_nothing_twice(doors: Portal) -> None:
    """Gone back to it and sent once more, it brings a new code to an address that has served: home, no new session."""
    await doors.person("amina-delorme")
    page = await doors.page()
    await page.goto(f"{doors.url}/signin")
    await page.get_by_role("link", name="FranceConnect").click()
    there = page.url
    for _ in range(2):
        await page.check('input[value="amina-delorme"]')
        await page.get_by_role("button", name="Continuer").click()
        await page.wait_for_url(f"{doors.url}/me")
        await page.goto(there)
    opened = [each for each in await doors.bed.journal() if each["type"] == "session.opened"]
    assert len(opened) == 1
