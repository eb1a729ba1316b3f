"""A professional signed in here notes what a person decides; the person confirms it, and hears of it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from consent.states import By
from gateway.web.cookies import NAME
from gateway.web.visitor import Identity
from tests.web.conftest import Portal, open_portal
from tests.web.measure import check
from tests.web.test_ask import asked

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

HERSELF = By(kind="subject", channel="page", method="test")


def adviser(organisation: str) -> Identity:
    """Somebody who works there."""
    return Identity(
        role="professional", actor="ab" * 16, owner=f"test:pro:{organisation}", organisation=organisation,
        name="Lise Marchand", strong=True, provider="test",
    )  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def counter(tmp_path: Path, chromium: Browser) -> Any:
    """A portal that can send codes."""
    url = f"sqlite:///{tmp_path}/p.db"
    async with open_portal(tmp_path, chromium, database_url=url, messenger="sandbox") as opened:
        yield opened, tmp_path / "messages.jsonl"


async def state(portal: Portal, identity: Identity, id_: str) -> Any:
    return await portal.bed.services.authorisations.get(id_, subject=identity.subject)


@pytest.mark.parametrize("lang", ["en", "fr"])
async def test_its_pages_are_pages_everybody_can_use(portal: Portal, lang: str) -> None:
    """Accessible, narrow, in the reader's language; nothing of the person in an address."""
    identity, id_ = await asked(portal)
    page = await portal.page(adviser("ml-brume"), lang=lang)
    await page.goto(f"{portal.url}/pro")
    await check(page, lang=lang)
    await page.locator("#reference").fill("file-lucas-perrin")
    await page.locator("main form button").click()
    await page.wait_for_url(f"**/pro/ask/{id_}")
    await check(page, lang=lang)
    await page.locator("#present").check()
    await page.locator("button[value=no]").click()
    await page.wait_for_url("**/done")
    await check(page, lang=lang)
    assert (await state(portal, identity, id_)).state == "refused"


async def test_a_yes_needs_the_code_the_person_reads_out(counter: Any) -> None:
    """In force at once; the entry names both; the person is told; a wrong code is said. Without a script."""
    portal, messages = counter
    identity, id_ = await asked(portal)
    services = portal.bed.services
    await services.channels.contacts.declare(
        identity.subject, preference="sms", addresses={"sms": "06 39 98 00 17"}, by=HERSELF, now=services.clock()
    )
    page = await portal.page(adviser("ml-brume"), javascript=False)
    await page.goto(f"{portal.url}/pro/ask/{id_}")
    await page.get_by_role("button", name="Lui envoyer un code").click()
    digits = [json.loads(line) for line in messages.read_text().splitlines()][-1]["code"]
    await page.get_by_label("Le code que la personne vous lit").fill("000000" if digits != "000000" else "111111")
    await page.get_by_role("button", name="Noter le oui").click()
    assert "Ce code n'est pas le bon." in await page.locator("[role=alert]").inner_text()
    await page.get_by_label("Le code que la personne vous lit").fill(digits)
    await page.get_by_role("button", name="Noter le oui").click()
    assert "La personne a dit oui" in await page.locator("h1").inner_text()
    record = await state(portal, identity, id_)
    assert (record.state, record.channel, record.method) == ("given", "sms", "assisted")
    entry = next(each for each in await portal.bed.journal() if each["type"] == "authorisation.given")
    assert entry["actor"] == "ab" * 16


async def test_a_no_needs_the_person_there(portal: Portal) -> None:
    """An unticked box notes nothing; nothing is ticked beforehand."""
    identity, id_ = await asked(portal)
    page = await portal.page(adviser("ml-brume"), javascript=False)
    await page.goto(f"{portal.url}/pro/ask/{id_}")
    assert not await page.locator("#present").is_checked()
    await page.get_by_role("button", name="Noter le non").click()
    assert "Il manque une case." in await page.locator("[role=alert]").inner_text()
    assert (await state(portal, identity, id_)).state == "requested"


async def test_without_a_number_no_yes_is_taken(portal: Portal) -> None:
    """The page says so; a yes without its code is refused."""
    identity, id_ = await asked(portal)
    page = await portal.page(adviser("ml-brume"))
    await page.goto(f"{portal.url}/pro/ask/{id_}")
    await page.get_by_role("button", name="Lui envoyer un code").click()
    await page.get_by_text("Nous ne pouvons pas envoyer de code.").wait_for()
    async with httpx.AsyncClient(base_url=portal.url, cookies={NAME: await portal.secret(adviser("ml-brume"))}) as http:
        visitor = await portal.bed.services.sessions.find(http.cookies[NAME], portal.bed.services.clock())
        for more in ({}, {"code": "0" * 32, "digits": "123456"}):
            sent = await http.post(f"/pro/ask/{id_}", data={"form": visitor.form_token, "answer": "yes", **more})
            assert sent.status_code == 422
    assert (await state(portal, identity, id_)).state == "requested"


async def test_another_institutions_requests_and_persons_do_not_exist(portal: Portal) -> None:
    """Neither by the id of a request nor by a reference; other roles have no such pages."""
    identity, id_ = await asked(portal)
    async with httpx.AsyncClient(
        base_url=portal.url, cookies={NAME: await portal.secret(adviser("caf-brume"))}
    ) as http:
        visitor = await portal.bed.services.sessions.find(http.cookies[NAME], portal.bed.services.clock())
        for path in (f"/pro/ask/{id_}", f"/pro/ask/{id_}/done", "/pro/ask/" + "0" * 32):
            assert (await http.get(path)).status_code == 404
        form = {"form": visitor.form_token, "answer": "no", "present": "yes"}
        assert (await http.post(f"/pro/ask/{id_}", data=form)).status_code == 404
        assert (await http.post(f"/pro/ask/{id_}/code", data=form)).status_code == 404
        named = await http.post("/pro", data={"form": visitor.form_token, "reference": "file-lucas-perrin"})
        assert named.status_code == 422
    async with httpx.AsyncClient(base_url=portal.url, cookies={NAME: await portal.secret(identity)}) as http:
        assert (await http.get("/pro")).status_code == 403
        assert (await http.get(f"/pro/ask/{id_}")).status_code == 403
