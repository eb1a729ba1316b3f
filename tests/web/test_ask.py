"""The request screen in its three kinds, its receipt: what people see, answer and keep."""

import json
from typing import Any

import httpx
import pytest
from playwright.async_api import Page

from audit.consent_receipts import verify
from audit.errors import ReceiptInvalid
from consent.states import By
from gateway.web.cookies import NAME
from gateway.web.visitor import Identity
from tests.bed import professional
from tests.web.conftest import Portal, dpo
from tests.web.measure import check

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

HERSELF = By(kind="subject", channel="page", method="test")
YES, NO, LATER = "Oui, je suis d'accord", "Non, je refuse", "Décider plus tard"
ROLES = {
    "ml-brume": "conseiller", "siae-brume": "referent", "dept-brume": "orienteur", "caf-brume": "instructeur",
}  # fmt: skip


async def asked(
    portal: Portal, partner: str = "ml-brume", purpose: str = "support.youth", *, person: str = "lucas-perrin"
) -> tuple[Identity, str]:
    """A person with a request of this partner."""
    token = await portal.token(partner, professional=professional(ROLES[partner]))
    identity = await portal.person(person, partner=partner, token=token)
    names = await portal.bed.services.snapshots.get(partner=partner, purpose=purpose, reference=f"file-{person}")
    body = {"subject": {"pseudonym": names.pseudonym}, "purpose": purpose}
    answer = await portal.bed.post("/v1/authorisation-requests", body, token)
    assert answer.status_code == 201, answer.text
    return identity, answer.json()["id"]


async def shown(portal: Portal, identity: Identity, id_: str, **window: Any) -> Page:
    page = await portal.page(identity, **window)
    answer = await page.goto(f"{portal.url}/me/ask/{id_}")
    assert answer is not None
    assert answer.status == 200
    return page


async def state(portal: Portal, identity: Identity, id_: str) -> Any:
    return await portal.bed.services.authorisations.get(id_, subject=identity.subject)


async def test_the_parts_stand_in_their_order(portal: Portal) -> None:
    """Who asks; what for; which information; where from; how long; what a no changes; then the answer (ux.md §2)."""
    page = await shown(portal, *await asked(portal))
    text = (await page.locator("main").inner_text()).replace("\u00a0", " ")
    order = [
        "Mission locale de la Brume vous demande votre accord", "Elle aide les jeunes", "Pour quoi faire",
        "Quelles informations", "Voir un exemple avec mes informations", "D'où elles viennent",
        "Pendant combien de temps, et combien de fois", "Et si je dis non ?", "Vous gardez votre suivi.", YES, NO,
    ]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    whole = await page.locator("main").text_content() or ""
    assert "Si vous touchez le RSA" in whole
    assert "Si votre RSA est majoré" in whole
    assert await page.locator("input[type=checkbox]:checked, input[type=radio]:checked").count() == 0
    assert "Lucas" not in await page.title()


async def test_groups_open_to_the_exact_fields_without_a_script(portal: Portal) -> None:
    """Closed at first; what is reduced before it leaves says so."""
    page = await shown(portal, *await asked(portal), javascript=False)
    household = page.locator("details", has_text="Où vous habitez")
    assert not await household.locator("li").first.is_visible()
    await household.locator("summary").click()
    assert await household.locator("li").inner_text() == "Votre adresse (la commune seulement)"


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize(
    ("partner", "purpose", "person"),
    [
        ("caf-brume", "entitlement.rsa", "lucas-perrin"),
        ("dept-brume", "orientation.rsa", "lucas-perrin"),
        ("ml-brume", "support.youth", "lucas-perrin"),
        ("siae-brume", "iae.adaptation", "lucas-perrin"),
    ],
    ids=["information", "objection", "choice", "choice with special information"],
)
async def test_each_kind_is_a_page_everybody_can_use(
    portal: Portal, partner: str, purpose: str, person: str, lang: str
) -> None:
    """0 violation, 320 px, 200 % text, target sizes, language."""
    page = await shown(portal, *await asked(portal, partner, purpose, person=person), lang=lang)
    await check(page, lang=lang)
    for summary in await page.locator("summary").all():
        await summary.click()
    await check(page, lang=lang)


async def test_yes_and_no_look_the_same(portal: Portal) -> None:
    """Same computed size, weight and colours, on a phone and on a large screen (EDPB 3/2022: no nudging)."""
    identity, id_ = await asked(portal)
    for width in (360, 1280):
        page = await shown(portal, identity, id_, width=width)
        looks = [await page.get_by_role("button", name=name, exact=True).evaluate(_LOOK) for name in (YES, NO)]
        assert looks[0] == looks[1], width
        boxes = [await page.get_by_role("button", name=name, exact=True).bounding_box() for name in (YES, NO)]
        assert boxes[0]["y"] == boxes[1]["y"] or boxes[0]["x"] == boxes[1]["x"]


_LOOK = """e => { const s = getComputedStyle(e), r = e.getBoundingClientRect();
  return [r.width, r.height, s.color, s.backgroundColor, s.borderColor, s.borderWidth, s.fontSize, s.fontWeight,
          s.textDecorationLine, s.opacity, s.boxShadow].join('|') }"""


@pytest.mark.parametrize(("button", "recorded", "title"), [
    (LATER, "deferred", "Vous répondrez plus tard"), (NO, "refused", "Vous avez dit non"),
    (YES, "given", "Vous avez dit oui"),
])  # fmt: skip
async def test_an_answer_ends_on_a_page_that_proves_it(portal: Portal, button: str, recorded: str, title: str) -> None:
    """Without a script: date and hour of Paris, a reference, what happens next; reload and back change nothing."""
    identity, id_ = await asked(portal)
    page = await shown(portal, identity, id_, javascript=False)
    await page.get_by_role("button", name=button, exact=True).click()
    assert page.url == f"{portal.url}/me/ask/{id_}/receipt"
    assert (await state(portal, identity, id_)).state == recorded
    text = await page.locator("main").inner_text()
    assert title in text
    assert "(heure de Paris)" in text
    assert " ".join(id_.upper()[place : place + 4] for place in range(0, 32, 4)) in text
    before = await portal.bed.size()
    await page.reload()
    await page.go_back()
    if recorded != "deferred":
        await page.goto(f"{portal.url}/me/ask/{id_}")
        assert page.url.endswith("/receipt")
    assert await portal.bed.size() == before


async def test_the_receipts_pages_are_usable_in_both_languages(portal: Portal) -> None:
    """After a yes and after a no."""
    identity, id_ = await asked(portal)
    page = await shown(portal, identity, id_)
    await page.get_by_role("button", name=YES, exact=True).click()
    await check(page)
    other, refused = await asked(portal, person="bruno-castel")
    page = await shown(portal, other, refused, lang="en")
    await page.get_by_role("button", name="No, I refuse", exact=True).click()
    assert "It is recorded" in await page.locator("h1").inner_text()
    assert "You said no" in await page.locator("main").inner_text()
    await check(page, lang="en")


async def test_the_same_form_sent_twice_gives_one_answer(portal: Portal) -> None:
    """Double click, a second tab with the other answer: what was recorded first stands."""
    identity, id_ = await asked(portal)
    async with signed_in(portal, identity) as http:
        form = await form_of(http, id_)
        first = await http.post(f"/me/ask/{id_}", data=form | {"answer": "yes"})
        size = await portal.bed.size()
        again = await http.post(f"/me/ask/{id_}", data=form | {"answer": "yes"})
        other = await http.post(f"/me/ask/{id_}", data=form | {"answer": "no"})
    assert {each.headers["location"] for each in (first, again, other)} == {f"/me/ask/{id_}/receipt"}
    assert {each.status_code for each in (first, again, other)} == {303}
    assert (await state(portal, identity, id_)).state == "given"
    assert await portal.bed.size() == size


async def test_a_yes_covers_what_the_next_exchange_gets_and_a_refusal_nothing(portal: Portal) -> None:
    """Effective on the very next exchange."""
    identity, id_ = await asked(portal)
    token = await portal.token("ml-brume")
    name = (await portal.bed.services.snapshots.get(
        partner="ml-brume", purpose="support.youth", reference="file-lucas-perrin")).pseudonym  # fmt: skip
    assert (await portal.bed.exchange(token, name, "support.youth", ["rsa"])).status_code == 403
    page = await shown(portal, identity, id_)
    await page.get_by_role("button", name=YES, exact=True).click()
    assert (await portal.bed.exchange(token, name, "support.youth", ["rsa"])).status_code == 200
    await page.get_by_role("link", name="Changer d'avis").click()
    assert page.url.endswith(f"/me/authorisations/{id_}/stop")


async def test_special_information_needs_a_box_the_person_ticks(portal: Portal) -> None:
    """Nothing pre-ticked; a yes without it says what is missing and keeps the rest; optional stays optional."""
    identity, id_ = await asked(portal, "siae-brume", "iae.adaptation")
    page = await shown(portal, identity, id_, javascript=False)
    boxes = page.locator("input[type=checkbox]")
    assert [await each.is_checked() for each in await boxes.all()] == [False, False]
    await page.get_by_label("jusqu'à quand vous êtes reconnu").check()
    await page.get_by_role("button", name=YES, exact=True).click()
    assert "Il manque une case." in await page.locator("[role=alert]").inner_text()
    assert (await state(portal, identity, id_)).state == "requested"
    assert await page.get_by_label("jusqu'à quand vous êtes reconnu").is_checked()
    await check(await again(portal, identity, page))
    await page.get_by_label("jusqu'à quand vous êtes reconnu").uncheck()
    await page.get_by_label("si vous êtes reconnu travailleur handicapé").check()
    await page.get_by_role("button", name=YES, exact=True).click()
    record = await state(portal, identity, id_)
    assert (record.state, record.fields, record.explicit) == ("given", {"rqth.valid"}, {"rqth.valid"})


async def again(portal: Portal, identity: Identity, page: Page) -> Page:
    """The same page where scripts may measure it."""
    async with signed_in(portal, identity) as http:
        id_ = page.url.rpartition("/")[2]
        answer = await http.post(f"/me/ask/{id_}", data=(await form_of(http, id_)) | {"answer": "yes"})
        assert answer.status_code == 422
    shown_ = await portal.page(identity)
    await shown_.goto(f"{portal.url}/me/ask/{id_}")
    await shown_.get_by_role("button", name=YES, exact=True).click()
    return shown_


async def test_an_optional_field_is_left_out_unless_it_is_ticked(portal: Portal) -> None:
    """The catalogue says which fields are optional; the rest goes with a yes."""
    identity, id_ = await asked(portal, "siae-brume", "iae.eligibility")
    page = await shown(portal, identity, id_)
    box = page.get_by_label("Ajouter : depuis quand vous touchez le RSA")
    assert not await box.is_checked()
    await page.get_by_role("button", name=YES, exact=True).click()
    record = await state(portal, identity, id_)
    assert "rsa.since" not in record.fields
    assert "rsa.beneficiary" in record.fields


async def test_an_objection_needs_no_reason_and_keeps_one_sealed(portal: Portal) -> None:
    """GDPR 21: stops at once; the words are readable to nobody who holds the database."""
    identity, id_ = await asked(portal, "dept-brume", "orientation.rsa")
    page = await shown(portal, identity, id_, javascript=False)
    text = await page.locator("main").inner_text()
    catalogue = portal.bed.services.catalogue
    assert catalogue.basis_sentence("public_task", "fr") in text
    assert catalogue.action_sentence("object_to", "fr") in text
    await page.get_by_label("Vous voulez dire pourquoi ?").fill("Mon ex-mari y travaille, rue Canari.")
    await page.get_by_role("button", name="Je m'oppose").click()
    assert (await state(portal, identity, id_)).state == "objection_lodged"
    text = await page.locator("main").inner_text()
    assert "Vous vous êtes opposé" in text
    assert "Vous aurez une réponse avant le" in text
    words = portal.bed.services.said_words
    assert await words.read(id_, subject=identity.subject) == "Mon ex-mari y travaille, rue Canari."
    (request,) = await portal.bed.services.rights.of(identity.subject)
    for organisation, status in (("dept-brume", 200), ("ml-brume", 404)):
        async with signed_in(portal, dpo(organisation)) as http:
            answer = await http.get(f"/dpo/rights/{request.id}")
            assert answer.status_code == status, organisation
            assert ("rue Canari" in answer.text) == (status == 200)
    held = await portal.bed.services.store.read(_dump)
    assert "Canari" not in held
    await check(await _window(portal, identity, page.url))


async def _window(portal: Portal, identity: Identity, url: str) -> Page:
    page = await portal.page(identity)
    await page.goto(url)
    return page


def _dump(connection: Any) -> str:
    import sqlalchemy as sa

    from consent.models import said_words

    return repr(connection.execute(sa.select(said_words)).all())


async def test_what_the_law_imposes_has_no_button_that_does_nothing(portal: Portal) -> None:
    """Which text, who to contact; no form in the page itself, and a form sent by hand changes nothing."""
    identity, id_ = await asked(portal, "caf-brume", "entitlement.rsa")
    page = await shown(portal, identity, id_)
    text = await page.locator("main").inner_text()
    assert "CASF art. L.262-27" in text
    assert portal.bed.services.catalogue.action_sentence("explain", "fr") in text
    assert "contact@caf-brume.example" in text
    assert await page.locator("main form, main button").count() == 0
    async with signed_in(portal, identity) as http:
        token = (await portal.bed.services.sessions.find(http.cookies[NAME], portal.bed.services.clock())).form_token
        for answer in ("yes", "no", "object"):
            sent = await http.post(f"/me/ask/{id_}", data={"form": token, "answer": answer})
            assert sent.status_code == 400
    assert (await state(portal, identity, id_)).state == "active"


async def test_with_the_keyboard_alone(portal: Portal) -> None:
    """Tab reaches everything in reading order with a visible focus; Enter in the form answers nothing by accident."""
    identity, id_ = await asked(portal)
    page = await shown(portal, identity, id_)
    seen: list[str] = []
    for _ in range(60):
        await page.keyboard.press("Tab")
        seen.append(await page.evaluate("() => document.activeElement.innerText.trim()"))
        if seen[-1] == NO:
            break
    assert seen.index(YES) < seen.index(NO)
    outline = await page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    await page.keyboard.press("Space")
    await page.wait_for_url("**/receipt")
    assert (await state(portal, identity, id_)).state == "refused"


async def test_nobody_reads_or_answers_somebody_elses_request(portal: Portal) -> None:
    """The same page as for a request that does not exist; signed out, only the way to sign in."""
    _, id_ = await asked(portal)
    other = await portal.person("bruno-castel")
    async with signed_in(portal, other) as http:
        form = {"form": await token_of(portal, http), "answer": "yes"}
        for path in (f"/me/ask/{id_}", f"/me/ask/{id_}/receipt", f"/me/ask/{id_}/receipt.pdf",
                     f"/me/ask/{id_}/receipt.json", f"/me/ask/{id_}/return", f"/me/ask/{'0' * 32}"):  # fmt: skip
            assert (await http.get(path)).status_code == 404, path
        assert (await http.post(f"/me/ask/{id_}", data=form)).status_code == 404
    async with httpx.AsyncClient(base_url=portal.url) as http:
        answer = await http.get(f"/me/ask/{id_}")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/signin?next=%2Fme%2Fask%2F{id_}"
        assert (await http.post(f"/me/ask/{id_}", data={"answer": "yes"})).status_code == 401


async def test_another_sites_form_and_a_form_without_its_token_are_refused(portal: Portal) -> None:
    """Forged requests: Sec-Fetch-Site, Origin, form token; each alone is enough to refuse."""
    identity, id_ = await asked(portal)
    async with signed_in(portal, identity) as http:
        form = await form_of(http, id_) | {"answer": "yes"}
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
            assert (await http.post(f"/me/ask/{id_}", data=form, headers=headers)).status_code == 403
        assert (await http.post(f"/me/ask/{id_}", data=form | {"form": "0" * 32})).status_code == 403
        assert (await http.post(f"/me/ask/{id_}", data={"answer": "yes"})).status_code == 403
    assert (await state(portal, identity, id_)).state == "requested"


async def test_the_receipt_can_be_printed_and_checked_without_us(portal: Portal) -> None:
    """PDF; JSON with the signed receipt, verified with the published key; one changed byte fails."""
    identity, id_ = await asked(portal)
    await portal.bed.services.authorisations.give(
        id_, subject=identity.subject, fields=frozenset({"rsa.beneficiary"}), by=HERSELF,
        now=portal.bed.services.clock(),
    )  # fmt: skip
    async with signed_in(portal, identity) as http:
        printed = await http.get(f"/me/ask/{id_}/receipt.pdf")
        signed = await http.get(f"/me/ask/{id_}/receipt.json")
    assert printed.content.startswith(b"%PDF-")
    assert printed.headers["content-type"] == "application/pdf"
    assert printed.headers["cache-control"] == signed.headers["cache-control"] == "no-store"
    assert "attachment" in signed.headers["content-disposition"]
    content = json.loads(signed.content)
    keys = portal.bed.services.keys.receipt.vkeys
    says = verify(content["receipt"], *keys)
    assert says == content["says"]
    assert says["record"]["header"]["record_id"] == id_
    head, body, signature = content["receipt"].split(".")
    broken = ".".join((head, body[:-2] + ("A" if body[-2] != "A" else "B") + body[-1], signature))
    with pytest.raises(ReceiptInvalid):
        verify(broken, *keys)


async def test_a_refusal_has_nothing_signed_but_a_page_to_print(portal: Portal) -> None:
    """Nothing was given: nothing to sign; the printed page says what was recorded."""
    identity, id_ = await asked(portal)
    page = await shown(portal, identity, id_)
    await page.get_by_role("button", name=NO, exact=True).click()
    await page.get_by_role("link", name="PDF").wait_for()
    assert await page.get_by_role("link", name="JSON").count() == 0
    async with signed_in(portal, identity) as http:
        assert (await http.get(f"/me/ask/{id_}/receipt.pdf")).status_code == 200
        assert (await http.get(f"/me/ask/{id_}/receipt.json")).status_code == 404


class signed_in:  # noqa: N801  used as a function
    """Requests without a browser, with this person's cookie."""

    def __init__(self, portal: Portal, identity: Identity) -> None:
        self.portal, self.identity = portal, identity

    async def __aenter__(self) -> httpx.AsyncClient:
        secret = await self.portal.secret(self.identity)
        self.http = httpx.AsyncClient(base_url=self.portal.url, cookies={NAME: secret})
        return self.http

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()


async def token_of(portal: Portal, http: httpx.AsyncClient) -> str:
    visitor = await portal.bed.services.sessions.find(http.cookies[NAME], portal.bed.services.clock())
    assert visitor is not None
    return visitor.form_token


async def form_of(http: httpx.AsyncClient, id_: str) -> dict[str, str]:
    """The hidden fields of the request's form."""
    text = (await http.get(f"/me/ask/{id_}")).text
    return {"form": text.split('<form method="post" action="/me/ask/')[1].split('name="form" value="')[1].split('"')[0]}
