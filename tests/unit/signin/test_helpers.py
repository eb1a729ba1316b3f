"""Who helps somebody: under a dated mandate, by their own sign-in, with their tag in the journal and not their name."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from consent.states import By
from gateway.web.cookies import NAME
from tests.bed import PERSON_HERSELF, professional
from tests.unit.signin.conftest import World, civil, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

HELPER = "ines-marchetti"
DIGEST = "e" * 64
OPERATOR = By(kind="operator", channel="system")


async def record(world: World, holder: Any, *, capacity: str = "aidant", days: int = 100) -> httpx.Response:
    """A professional has read the document, and a second one."""
    token = await world.bed.token("ml-brume")
    witness = await world.bed.token("ml-brume", professional=professional("referent"))
    day = datetime.fromtimestamp(world.clock() / 1000, UTC) + timedelta(days=days)
    body = {"subject": {"reference": "file-amina-delorme"}, "capacity": capacity, "digest": DIGEST,
            "until": day.date().isoformat(), "holder": holder}  # fmt: skip
    beside = {"Witness-Authorization": f"Bearer {witness}"}
    return await world.bed.post("/v1/mandates", body, token, headers=beside)


async def end(world: World, mandate: str) -> None:
    subject = await world.bed.services.people.resolve(partner="ml-brume", reference="file-amina-delorme")
    await world.bed.services.channels.mandates.end(mandate, subject=subject, by=OPERATOR, now=world.clock())


async def withdraw(world: World, authorisation: str) -> None:
    """What was given goes: the world is other tests' too."""
    subject = await world.bed.services.people.resolve(partner="ml-brume", reference="file-amina-delorme")
    held = world.bed.services.authorisations
    await held.withdraw(authorisation, subject=subject, by=PERSON_HERSELF, now=world.clock())


def as_helper(world: World) -> None:
    world.fc.claims, world.fc.sub = civil(HELPER), "4e1b" * 16 + "v1"


async def test_a_helper_opens_the_pages_of_the_person_they_help(each_world: World) -> None:
    """The mandate names them by a tag of their civil identity; the session is in the person's own list."""
    world = each_world
    as_helper(world)
    assert (await world.sign_in()).status_code == 403
    made = (await record(world, {"pivot": world.bed.people[HELPER].pivot})).json()["id"]
    async with world.browser() as browser:
        answer = await world.back(browser, await world.leave(browser))
        assert (answer.status_code, answer.headers["location"]) == (303, "/me")
        visitor = await world.bed.services.sessions.find(browser.cookies[NAME], world.clock())
        assert visitor is not None
        subject = await world.bed.services.people.resolve(partner="ml-brume", reference="file-amina-delorme")
        assert (visitor.role, visitor.subject, visitor.mandate) == ("beneficiary", subject, made)
        opened = await world.last()
        assert (opened["mandate"], opened["actor"]) == (made, visitor.actor)
        assert "subject" in opened
        await end(world, made)
        assert await world.bed.services.sessions.find(browser.cookies[NAME], world.clock()) is None
    assert not signed_in(await world.sign_in())


async def test_who_is_known_too_says_for_whom_they_come(world: World) -> None:
    """Their own pages or the other person's, whose name only this page shows; nothing chosen for them."""
    made = (await record(world, {"pivot": world.bed.people["lucas-perrin"].pivot})).json()["id"]
    await world.bed.link(await world.bed.token("ml-brume"), "lucas-perrin")
    world.fc.claims, world.fc.sub = civil("lucas-perrin"), "10ca" * 16 + "v1"
    async with world.browser() as browser:
        answer = await world.back(browser, await world.leave(browser))
        where = answer.headers["location"]
        assert where.startswith("/signin/choice?state=")
        shown = await browser.get(where)
        assert "Pour moi" in shown.text
        assert "J'aide" in shown.text
        assert "Amina DELORME" in shown.text
        form = {"state": dict(parse_qsl(urlsplit(where).query))["state"], "way": "1", "provider": "franceconnect"}
        chosen = await browser.post("/signin/choice", data=form, headers={"Sec-Fetch-Site": "same-origin"})
        assert chosen.headers["location"] == "/me"
        visitor = await world.bed.services.sessions.find(browser.cookies[NAME], world.clock())
        assert visitor is not None
        assert visitor.mandate == made
    await end(world, made)


async def test_a_professional_helps_under_their_own_account(world: World) -> None:
    """The holder is the partner's professional, by their `sub`; being listed alone opens nobody's pages."""
    made = (await record(world, {"professional": world.pc.sub})).json()["id"]
    await world.list_dpo("ml-brume", "professional")
    async with world.browser() as browser:
        answer = await world.back(browser, await world.leave(browser, "proconnect"), "proconnect")
        shown = await browser.get(answer.headers["location"])
    assert "Professionnel" in shown.text
    assert "Amina DELORME" in shown.text
    await end(world, made)
    assert (await world.sign_in("proconnect")).headers["location"] == "/pro"


@pytest.mark.parametrize("case", ["another person", "a curator", "seen only"])
async def test_a_mandate_that_does_not_let_anybody_in(world: World, case: str) -> None:
    """Of somebody else; of a curator, who acts with the person; of a holder known by sight."""
    as_helper(world)
    pivot = world.bed.people[HELPER].pivot
    holder, capacity = {
        "another person": ({"pivot": {**pivot, "birth_date": "1990-02-03"}}, "aidant"),
        "a curator": ({"pivot": pivot}, "curator"),
        "seen only": ({}, "aidant"),
    }[case]
    made = await record(world, holder, capacity=capacity)
    assert made.status_code == 201, made.text
    assert not signed_in(await world.sign_in())
    await end(world, made.json()["id"])


async def test_a_session_under_a_mandate_ends_with_it(world: World) -> None:
    """Whatever the session's own twelve hours say."""
    as_helper(world)
    recorded = (await record(world, {"pivot": world.bed.people[HELPER].pivot}, days=2)).json()
    made, midnight = recorded["id"], int(datetime.fromisoformat(recorded["until"]).timestamp() * 1000)
    world.clock.advance((midnight - world.clock()) / 1000 - 60)
    async with world.browser() as browser:
        await world.back(browser, await world.leave(browser))
        secret = browser.cookies[NAME]
    sessions = world.bed.services.sessions
    assert await sessions.find(secret, midnight - 1) is not None
    assert await sessions.find(secret, midnight) is None
    await end(world, made)


@pytest.mark.parametrize(
    ("holder", "pointer"),
    [
        ({"pivot": {"family_name": "X"}}, "/holder/pivot"),
        ({"pivot": {}, "professional": "x"}, "/holder"),
        ({"name": "Inès"}, "/holder"),
        ({"professional": ""}, "/holder/professional"),
    ],
)
async def test_a_holder_that_cannot_be(world: World, holder: Any, pointer: str) -> None:
    """422, where and why, never what."""
    answer = await record(world, holder)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert "Inès" not in answer.text


async def test_what_a_helper_does_says_so_in_the_persons_history(world: World) -> None:
    """The entry names the mandate, the person reads that they were helped, the recipient that the person answered."""
    bed = world.bed
    token = await bed.token("ml-brume")
    body = {"subject": {"reference": "file-amina-delorme"}, "purpose": "support.youth"}
    asked = await bed.post("/v1/authorisation-requests", body, token)
    assert asked.status_code == 201, asked.text
    made = (await record(world, {"pivot": bed.people[HELPER].pivot})).json()["id"]
    as_helper(world)
    async with world.browser() as browser:
        await world.back(browser, await world.leave(browser))
        assert "Vous aidez une autre personne" in (await browser.get("/me")).text
        page = f"/me/ask/{asked.json()['id']}"
        form = re.search(r'name="form" value="(\w+)"', (await browser.get(page)).text)
        assert form
        said = await browser.post(
            page,
            data={"form": form[1], "answer": "yes"},
            headers={"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"},
        )
        assert said.status_code == 303, said.text
    entry = [each for each in await bed.journal() if each["type"] == "authorisation.given"][-1]
    assert (entry["by"], entry["capacity"], entry["mandate"]) == ("representative", "aidant", made)
    where = f"/v1/authorisations/{asked.json()['id']}"
    read = (await bed.http.get(where, headers={"Authorization": f"Bearer {token}"})).json()["record"]
    assert read["event"]["entity_id"] == {"kind": "subject", "ref": None}
    assert read["notice"]["language"] == "en"
    world.fc.claims, world.fc.sub = civil("amina-delorme"), "f00d" * 16 + "v1"
    async with world.browser() as browser:
        await world.back(browser, await world.leave(browser))
        assert "fait avec l&#39;aide de quelqu&#39;un" in (await browser.get("/me/history?all=1")).text
    await end(world, made)
    await withdraw(world, asked.json()["id"])
