"""The two other ways to a request: from a partner's site and back with a code, and by a one-time link."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import Page, Route

from consent.states import By
from gateway.web.ask.landing import VISIT
from gateway.web.visitor import Identity
from tests.unit.oauth.presence import BACK, Site
from tests.web.conftest import Portal
from tests.web.measure import check
from tests.web.test_ask import NO, YES, asked

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

HERSELF = By(kind="subject", channel="page", method="test")
RETURN = "Revenir sur le site de l'organisme"


async def sent(portal: Portal, page: Page, **changes: Any) -> tuple[Site, list[str]]:
    """A partner's site that sends this browser, and the addresses it comes back to."""
    site = Site(portal.bed)
    if "ml-brume" not in portal.bed.keys:
        await site.register(BACK)
    pushed = await site.push(**changes)
    assert pushed.status_code == 201, pushed.text
    came: list[str] = []

    async def back(route: Route) -> None:
        came.append(route.request.url)
        await route.fulfill(status=200, body="<html lang=fr><title>Site</title><h1>Bonjour</h1>")

    await page.route("https://site.ml-brume.example/**", back)
    address = httpx.URL(
        f"{portal.url}/oauth/authorize",
        params={"client_id": "ml-brume", "request_uri": pushed.json()["request_uri"]},
    )
    await page.goto(str(address))
    return site, came


async def stranger(portal: Portal, person: str = "lucas-perrin") -> Identity:
    """Somebody the site's partner does not know yet."""
    return await portal.person(person, partner="caf-brume")


async def test_from_the_partners_site_to_a_yes_and_back_with_a_code(portal: Portal) -> None:
    """Signed in, asked on the same screen, the proof first, then back; the code gives a token for this person."""
    identity = await stranger(portal)
    page = await portal.page(identity)
    site, came = await sent(portal, page)
    assert urlsplit(page.url).path.startswith("/me/ask/")
    id_ = page.url.rpartition("/")[2]
    await check(page)
    await page.get_by_role("button", name=YES, exact=True).click()
    await page.wait_for_url("**/receipt")
    await check(page)
    await page.get_by_role("link", name=RETURN).click()
    await page.wait_for_url("https://site.ml-brume.example/**")
    answer = {name: value for name, (value,) in parse_qs(urlsplit(came[-1]).query).items()}
    assert (answer["state"], answer["iss"], answer["from"]) == ("s-1", portal.url, "passerelle")
    token = await site.redeem(answer["code"])
    assert token.status_code == 200, token.text
    assert token.json()["authorization_details"][0]["authorisation"] == id_
    seen = await portal.bed.post(
        "/v1/exchanges", {"purpose": "support.youth", "fields": ["rsa"]}, token.json()["access_token"]
    )
    assert seen.status_code == 200, seen.text
    await page.goto(f"{portal.url}/me/ask/{id_}/receipt")
    assert await page.get_by_role("link", name=RETURN).count() == 0


@pytest.mark.parametrize("answer", ["Décider plus tard", NO])
async def test_anything_but_yes_goes_back_as_access_denied(portal: Portal, answer: str) -> None:
    """The partner cannot tell a no from a later; without a script."""
    page = await portal.page(await stranger(portal), javascript=False)
    _, came = await sent(portal, page)
    await page.get_by_role("button", name=answer, exact=True).click()
    await page.get_by_role("link", name=RETURN).click()
    await page.wait_for_url("https://site.ml-brume.example/**")
    told = {name: value for name, (value,) in parse_qs(urlsplit(came[-1]).query).items()}
    assert told == {"from": "passerelle", "error": "access_denied", "state": "s-1", "iss": portal.url}


async def test_a_request_opens_once_and_never_leads_elsewhere(portal: Portal) -> None:
    """Used, invented or incomplete: a page of ours with a reference, in both languages; no redirection."""
    identity = await stranger(portal)
    page = await portal.page(identity)
    site, _ = await sent(portal, page)
    pushed = (await site.push()).json()["request_uri"]
    query = {"client_id": "ml-brume", "request_uri": pushed}
    async with httpx.AsyncClient(base_url=portal.url) as http:
        assert (await http.head("/oauth/authorize", params=query)).status_code == 405
        first = await http.get("/oauth/authorize", params=query)
        assert first.status_code == 303
        assert first.headers["location"].startswith("/me/ask/from/")
        for params in (query, {}, {**query, "request_uri": "urn:x"}, {"redirect_uri": "https://elsewhere.example/"}):
            answer = await http.get("/oauth/authorize", params=params)
            assert answer.status_code == 404
            assert "location" not in answer.headers
            assert "https://elsewhere" not in answer.text
    for lang in ("en", "fr"):
        window = await portal.page(lang=lang)
        await window.goto(f"{portal.url}/oauth/authorize?client_id=ml-brume")
        await check(window, lang=lang)


async def test_somebody_else_signed_in_sees_nothing_of_a_flow(portal: Portal) -> None:
    """A flow belongs to the first who signs in."""
    page = await portal.page(await stranger(portal))
    site, _ = await sent(portal, page)
    pushed = (await site.push()).json()["request_uri"]
    async with httpx.AsyncClient(base_url=portal.url) as http:
        there = (await http.get("/oauth/authorize", params={"client_id": "ml-brume", "request_uri": pushed})).headers
    await page.goto(portal.url + there["location"])
    assert "/me/ask/" in page.url
    other = await portal.page(await stranger(portal, "bruno-castel"))
    answer = await other.goto(portal.url + there["location"])
    assert answer is not None
    assert answer.status == 404


async def test_signed_out_the_way_leads_through_the_sign_in(portal: Portal) -> None:
    """Only a path of ours travels along."""
    page = await portal.page(await stranger(portal))
    site, _ = await sent(portal, page)
    pushed = (await site.push()).json()["request_uri"]
    async with httpx.AsyncClient(base_url=portal.url) as http:
        first = await http.get("/oauth/authorize", params={"client_id": "ml-brume", "request_uri": pushed})
        then = await http.get(first.headers["location"])
    assert then.status_code == 303
    assert then.headers["location"].startswith("/signin?next=%2Fme%2Fask%2Ffrom%2F")


async def link(portal: Portal, identity: Identity, id_: str) -> str:
    services = portal.bed.services
    record = await services.authorisations.get(id_, subject=identity.subject)
    return (await services.channels.invitations.issue(record, now=services.clock())).token


async def test_a_link_is_not_used_up_by_looking_at_it(portal: Portal) -> None:
    """Mail scanners follow links: a GET says that something waits, no more; opening takes a button."""
    identity, id_ = await asked(portal)
    token = await link(portal, identity, id_)
    async with httpx.AsyncClient(base_url=portal.url) as http:
        pages = {(await http.get(f"/r/{token}")).text.replace(token, "") for _ in range(2)}
        unknown = (await http.get("/r/" + "x" * 43)).text.replace("x" * 43, "")
        assert pages == {unknown}, "a link that exists looks like one that does not"
        assert (await http.get(f"/demandes/{token}")).headers["location"] == f"/r/{token}"
    page = await portal.page(javascript=False)
    await page.goto(f"{portal.url}/r/{token}")
    await page.get_by_role("button", name="Ouvrir la demande").click()
    assert page.url == f"{portal.url}/r/here"
    assert "Mission locale de la Brume" in await page.locator("h1").inner_text()
    text = await page.locator("main").inner_text()
    assert "Lucas" not in text
    assert "Voir un exemple" not in text
    await page.go_back()
    await page.get_by_role("button", name="Ouvrir la demande").click()
    assert page.url == f"{portal.url}/r/here"


@pytest.mark.parametrize("lang", ["en", "fr"])
async def test_the_pages_of_a_link_are_pages_everybody_can_use(portal: Portal, lang: str) -> None:
    """Before, open, and over: accessible, narrow, in the reader's language."""
    identity, id_ = await asked(portal)
    token = await link(portal, identity, id_)
    page = await portal.page(lang=lang)
    open_ = "Ouvrir la demande" if lang == "fr" else "Open the request"
    await page.goto(f"{portal.url}/r/{token}")
    await check(page, lang=lang)
    await page.get_by_role("button", name=open_).click()
    await page.wait_for_url("**/r/here")
    await check(page, lang=lang)
    other = await portal.page(lang=lang)
    await other.goto(f"{portal.url}/r/{token}")
    await other.get_by_role("button", name=open_).click()
    await other.wait_for_load_state()
    assert await other.locator("h1").inner_text() in {"Ce lien ne marche plus", "This link no longer works"}
    await check(other, lang=lang)
    await other.goto(f"{portal.url}/r/here")
    await check(other, lang=lang)


async def test_what_a_link_opened_is_closed_by_a_button(portal: Portal) -> None:
    """The page says so, the browser holds nothing any more, and going back shows nothing; another site closes none."""
    identity, id_ = await asked(portal)
    page = await portal.page()
    await page.goto(f"{portal.url}/r/{await link(portal, identity, id_)}")
    await page.get_by_role("button", name="Ouvrir la demande").click()
    await page.wait_for_url("**/r/here")
    (cookie,) = [each for each in await page.context.cookies() if each["name"] == VISIT]
    headers = {"Cookie": f"{VISIT}={cookie['value']}"}
    async with httpx.AsyncClient(base_url=portal.url, headers=headers) as http:
        foreign = await http.post("/r/here/close", data={"x": "y"}, headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        assert (await http.get("/r/here")).status_code == 200
        await page.get_by_role("button", name="Fermer").click()
        await page.wait_for_url("**/r/here/closed")
        assert await page.context.cookies() == []
        await check(page)
        assert (await http.get("/r/here")).status_code == 404
    answer = await page.goto(f"{portal.url}/r/here")
    assert answer is not None
    assert answer.status == 404
    english = await portal.page(lang="en")
    await english.goto(f"{portal.url}/r/here/closed")
    await check(english, lang="en")


async def test_signing_out_closes_what_a_link_opened(portal: Portal) -> None:
    """With a session and without one: the page then says that nobody sees anything here any more."""
    identity, id_ = await asked(portal)
    for signed_in in (True, False):
        page = await portal.page(identity if signed_in else None, javascript=False)
        await page.goto(f"{portal.url}/r/{await link(portal, identity, id_)}")
        await page.get_by_role("button", name="Ouvrir la demande").click()
        (visit,) = [each["value"] for each in await page.context.cookies() if each["name"] == VISIT]
        if signed_in:
            await page.get_by_role("button", name="Se déconnecter").click()
            assert "Plus personne ne peut voir vos pages" in await page.inner_text("main")
            assert VISIT not in {each["name"] for each in await page.context.cookies()}
        async with httpx.AsyncClient(base_url=portal.url, headers={"Cookie": f"{VISIT}={visit}"}) as http:
            if not signed_in:
                out = await http.post("/signout", data={"x": "y"}, headers={"Sec-Fetch-Site": "same-origin"})
                assert out.headers["location"] == "/signout"
            assert (await http.get("/r/here")).status_code == 404


async def test_a_link_answers_nothing_by_itself(portal: Portal) -> None:
    """Without a code or a sign-in, no answer is taken; somebody else's sign-in opens nothing."""
    identity, id_ = await asked(portal)
    token = await link(portal, identity, id_)
    async with httpx.AsyncClient(base_url=portal.url) as http:
        opened = await http.post(f"/r/{token}", data={"x": "y"})
        assert opened.headers["location"] == "/r/here"
        for body in ({"answer": "yes"}, {"answer": "no", "digits": "123456"}, {"answer": "no", "digits": "+12 34"}):
            answer = await http.post("/r/here?code=" + "0" * 32, data=body)
            assert answer.status_code == 422
        assert (await http.get("/r/here/receipt")).headers["location"] == "/r/here"
        assert (
            await http.post(f"/r/{token}", data={"x": "y"}, headers={"Sec-Fetch-Site": "cross-site"})
        ).status_code == 403
        unsent = await http.post("/r/here/code", data={"x": "y"})
        assert unsent.headers["location"] == "/r/here?sent=no"
    record = await portal.bed.services.authorisations.get(id_, subject=identity.subject)
    assert record.state == "requested"
    async with httpx.AsyncClient(base_url=portal.url) as http:
        assert (await http.get("/r/here")).status_code == 404


async def test_with_a_code_on_their_own_phone_a_person_answers_without_an_account(tmp_path: Any, chromium: Any) -> None:
    """The digits are asked for in the same form as the answer; a wrong one is told; the receipt follows."""
    from tests.web.conftest import open_portal

    url = f"sqlite:///{tmp_path}/p.db"
    async with open_portal(tmp_path, chromium, database_url=url, messenger="sandbox") as portal:
        identity, id_ = await asked(portal)
        services = portal.bed.services
        await services.channels.contacts.declare(
            identity.subject, preference="sms", addresses={"sms": "06 39 98 00 17"}, by=HERSELF, now=services.clock()
        )
        page = await portal.page(javascript=False)
        await page.goto(f"{portal.url}/r/{await link(portal, identity, id_)}")
        await page.get_by_role("button", name="Ouvrir la demande").click()
        await page.get_by_role("button", name="Recevoir un code par SMS").click()
        digits = [json.loads(line) for line in (tmp_path / "messages.jsonl").read_text().splitlines()][-1]["code"]
        await page.get_by_label("Le code reçu par SMS").fill("000000" if digits != "000000" else "111111")
        await page.get_by_role("button", name=YES, exact=True).click()
        assert "Ce code n'est pas le bon." in await page.locator("[role=alert]").inner_text()
        await page.get_by_label("Le code reçu par SMS").fill(digits)
        await page.get_by_label("Le code reçu par SMS").press("Enter")
        assert "Choisissez oui ou non." in await page.locator("[role=alert]").inner_text()
        await page.get_by_label("Le code reçu par SMS").fill(digits)
        await page.get_by_role("button", name=NO, exact=True).click()
        assert page.url == f"{portal.url}/r/here/receipt"
        assert "Vous avez dit non" in await page.locator("main").inner_text()
        record = await services.authorisations.get(id_, subject=identity.subject)
        assert (record.state, record.channel, record.method) == ("refused", "link", "sms_code")


async def test_a_link_does_not_show_that_somebody_answers_later(portal: Portal) -> None:
    """Nor when they said so: whoever made the link may open it."""
    identity, id_ = await asked(portal)
    token, services = await link(portal, identity, id_), portal.bed.services
    by = By(kind="subject", channel="page")
    await services.authorisations.defer(id_, subject=identity.subject, by=by, now=services.clock())
    async with httpx.AsyncClient(base_url=portal.url) as http:
        await http.post(f"/r/{token}", data={"x": "y"})
        assert (await http.get("/r/here/receipt")).headers["location"] == "/r/here"


async def test_an_answer_given_elsewhere_is_not_shown_to_who_holds_a_link(portal: Portal) -> None:
    """The link reads what is asked; what the person answered after signing in is theirs."""
    identity, id_ = await asked(portal)
    token = await link(portal, identity, id_)
    async with httpx.AsyncClient(base_url=portal.url) as http:
        await http.post(f"/r/{token}", data={"x": "y"})
        services = portal.bed.services
        await services.authorisations.refuse(id_, subject=identity.subject, by=HERSELF, now=services.clock())
        for path in ("/r/here/receipt", "/r/here/receipt.pdf", "/r/here/receipt.json"):
            assert (await http.get(path)).status_code == 404
        answer = await http.get("/r/here")
        assert answer.headers["location"] == f"/me/authorisations/{id_}"
