"""The person's pages in a real browser, scripts off: accessible, narrow, light, by keyboard alone, in every state."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Page

from gateway.web.visitor import Identity
from tests.bed import LISE, professional
from tests.web.conftest import Portal
from tests.web.measure import check

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

WHO: dict[str, Any] = {
    "ml-brume": ("support.youth", LISE),
    "dept-brume": ("orientation.rsa", professional("orienteur")),
    "caf-brume": ("entitlement.rsa", professional("instructeur")),
    "outil-commun": ("support.shared_diagnosis", professional("referent")),
}
FIRST_LOAD, REQUESTS = 60_000, 6


@dataclass(slots=True, kw_only=True)
class Lucas:
    """Somebody whom four organisations know: three may see, one asks."""

    identity: Identity
    tokens: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)


async def lucas(portal: Portal) -> Lucas:
    """Make him, with accesses and a refusal."""
    bed = portal.bed
    tokens = {name: await portal.token(name, professional=who) for name, (_, who) in WHO.items()}
    found = Lucas(identity=await portal.person("lucas-perrin", token=tokens["ml-brume"]), tokens=tokens)
    for name, (purpose, _) in WHO.items():
        found.names[name] = await bed.link(tokens[name], "lucas-perrin")
        if name == "outil-commun":
            body = {"subject": {"pseudonym": found.names[name]}, "purpose": purpose}
            found.ids[name] = (await bed.post("/v1/authorisation-requests", body, tokens[name])).json()["id"]
            continue
        found.ids[name] = await bed.authorise(tokens[name], name, found.names[name], purpose)
    for name, fields in (
        ("dept-brume", ["rsa", "household"]), ("ml-brume", ["rsa", "household", "registration", "quotient_familial"]),
        ("ml-brume", ["aah.beneficiary"]), ("caf-brume", ["registration.status"]),
    ):  # fmt: skip
        await bed.exchange(tokens[name], found.names[name], WHO[name][0], fields)
    return found


def paths(him: Lucas) -> list[str]:
    """Every page, forms and proofs included."""
    choice, task, law = (him.ids[name] for name in ("ml-brume", "dept-brume", "caf-brume"))
    return [
        "/me", "/me/authorisations", f"/me/authorisations/{choice}", f"/me/authorisations/{choice}/stop",
        f"/me/authorisations/{choice}/narrow", f"/me/authorisations/{task}/stop", f"/me/authorisations/{law}/stop",
        "/me/history", "/me/history?all=1", "/me/who", "/me/who?by=information", "/me/who/preview",
        f"/me/who/preview?authorisation={choice}", "/me/data", "/me/rights", "/me/rights/new",
        "/me/rights/new?right=rectification&source=caf-brume", "/me/rights/new?right=restriction",
        "/me/rights/new?right=objection", "/me/connections", "/me/help", "/me/words", "/me/address",
    ]  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "fr"])
async def test_every_page_passes_every_measure(portal: Portal, lang: str) -> None:
    """Axe, 320 px, 200 % text, targets, language, nothing from elsewhere; one heading, no script but the warning."""
    him = await lucas(portal)
    page = await portal.page(him.identity, lang=lang)
    for path in paths(him):
        await _open(page, portal, path)
        await check(page, lang=lang)
    await page.set_viewport_size({"width": 1280, "height": 900})
    for path in ("/me/who", "/me/who?by=information", "/me/history"):
        await _open(page, portal, path)
        await check(page, lang=lang)


async def test_empty_pages_and_errors_pass_too(portal: Portal) -> None:
    """Nobody sees anything; a form sent back; a page that does not exist; simple version."""
    page = await portal.page(await portal.person("lucas-perrin"))
    for path in (
        "/me",
        "/me/history",
        "/me/who",
        "/me/who/preview",
        "/me/rights",
        "/me/authorisations",
        "/me?simple=1",
    ):
        await _open(page, portal, path)
        await check(page)
    await _open(page, portal, f"/me/authorisations/{'0' * 32}", status=404)
    await check(page)
    await _open(page, portal, "/me/words")
    await page.get_by_label("Par e-mail").check()
    await page.get_by_role("button", name="Enregistrer").click()
    assert await page.locator("[role=alert]").count() == 1
    await check(page)


async def test_stopping_by_keyboard_alone_without_scripts(portal: Portal) -> None:
    """Tab and Enter from the home page to the proof: focus always visible, two activations, then reload and back."""
    him = await lucas(portal)
    page = await portal.page(him.identity, javascript=False)
    await _open(page, portal, "/me")
    await _reach(page, "Arrêter : Mission locale de la Brume")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/stop$"))
    await _reach(page, "Oui, arrêter")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/stopped$"))
    assert await page.locator("h1").inner_text() == "C'est arrêté"
    refused = await portal.bed.exchange(him.tokens["ml-brume"], him.names["ml-brume"], "support.youth", ["rsa.since"])
    assert refused.status_code == 403
    size = await portal.bed.size()
    await page.reload()
    await page.go_back()
    await page.go_forward()
    assert await portal.bed.size() == size
    assert await page.locator("h1").inner_text() == "C'est arrêté"


async def test_reporting_by_keyboard_alone_without_scripts(portal: Portal) -> None:
    """From the last access on the home page: one activation opens the form, arrows choose, Enter sends."""
    him = await lucas(portal)
    page = await portal.page(him.identity, javascript=False)
    await _open(page, portal, "/me")
    await _reach(page, re.compile("^Ce n'est pas normal"))
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/report$"))
    await _reach(page, "Je ne connais pas cet organisme.")
    await page.keyboard.press("Space")
    await _reach(page, "Si vous voulez, dites-en plus")
    await page.keyboard.type("Je n'y suis jamais allé.")
    await _reach(page, "Envoyer")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/reported$"))
    assert "jamais allé" in await page.inner_text("main")


async def test_a_request_by_keyboard_alone_without_scripts(portal: Portal) -> None:
    """Restriction, chosen and sent; its own page has a reference, and everything is stopped."""
    him = await lucas(portal)
    page = await portal.page(him.identity, javascript=False)
    await _open(page, portal, "/me/rights/new?right=restriction")
    await _reach(page, re.compile("^Une information semble fausse"))
    await page.keyboard.press("Space")
    await _reach(page, "Envoyer ma demande")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/me/rights/[0-9a-f]{32}$"))
    await check(await _scripted(portal, him, page.url))
    answer = await portal.bed.exchange(him.tokens["caf-brume"], him.names["caf-brume"], "entitlement.rsa",
                                       ["registration.status"])  # fmt: skip
    assert answer.status_code == 403


async def test_a_first_load_is_light(portal: Portal) -> None:
    """At most 60 kB and 6 requests, all from here; who has seen is on the home page itself."""
    him = await lucas(portal)
    page = await portal.page(him.identity)
    loaded: list[tuple[str, int]] = []
    page.on("response", lambda answer: loaded.append((answer.url, int(answer.headers.get("content-length", "0")))))
    await _open(page, portal, "/me")
    await page.wait_for_load_state("networkidle")
    assert len(loaded) <= REQUESTS
    assert sum(size for _, size in loaded) <= FIRST_LOAD
    assert all(url.startswith(portal.url) for url, _ in loaded)
    assert await page.locator("h2:has-text('Qui les a vues') + ul > li").count() == 3


async def test_saying_no_is_as_visible_as_saying_yes(portal: Portal) -> None:
    """Equal buttons on the stop page: same size of text, weight and colours; nothing ticked when sharing less."""
    him = await lucas(portal)
    page = await portal.page(him.identity)
    await _open(page, portal, f"/me/authorisations/{him.ids['ml-brume']}/stop")
    styles = await page.locator("main .actions .button").evaluate_all(
        "all => all.map(e => { const s = getComputedStyle(e);"
        " return [s.fontSize, s.fontWeight, s.color, s.backgroundColor, s.borderColor, s.minHeight].join() })"
    )
    assert len(styles) == 2
    assert len(set(styles)) == 1
    await _open(page, portal, f"/me/authorisations/{him.ids['ml-brume']}/narrow")
    assert await page.locator("input:checked").count() == 0


async def test_the_choice_of_language_and_of_simple_words_keeps_the_page(portal: Portal) -> None:
    """Each is one link, on every page, and lasts."""
    him = await lucas(portal)
    page = await portal.page(him.identity)
    await _open(page, portal, "/me/history?org=ml-brume")
    await page.get_by_role("link", name="Version simple").click()
    assert "org=ml-brume" in page.url
    assert await page.get_by_role("link", name="Version complète").count() == 1
    await page.get_by_role("link", name="English").click()
    assert await page.locator("h1").inner_text() == "Who has seen your information?"
    assert await page.get_by_label("Organisation").input_value() == "ml-brume"


async def _open(page: Page, portal: Portal, path: str, *, status: int = 200) -> None:
    answer = await page.goto(portal.url + path)
    assert answer is not None
    assert answer.status == status, path


async def _scripted(portal: Portal, him: Lucas, url: str) -> Page:
    """The same page where it can be measured."""
    page = await portal.page(him.identity)
    await page.goto(url)
    return page


async def _reach(page: Page, name: str | re.Pattern[str]) -> None:
    """Tab until the element of this name has the focus, visibly."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if await focused.count() == 0:
            continue
        label = (await _name(focused)).strip().replace("\u00a0", " ")
        if re.search(name, label) if isinstance(name, re.Pattern) else label == name:
            box = await focused.bounding_box()
            assert box is not None
            assert box["width"] > 0
            return
    pytest.fail(f"{name} is not reached by Tab")


async def _name(focused: Any) -> str:
    label = await focused.get_attribute("aria-label")
    if label:
        return str(label)
    id_ = await focused.get_attribute("id")
    found = focused.page.locator(f"label[for='{id_}']") if id_ else None
    if found is not None and await found.count():
        return str(await found.inner_text())
    return str(await focused.inner_text())
