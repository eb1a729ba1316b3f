"""Protecting one's address oneself: at once, for everybody, on a page that says what it does; never by a helper."""

import json
import re
from typing import Any

import pytest

from gateway.archive.told import who
from gateway.situations import kept_back
from tests.web.reading import problems, read

from .conftest import YOUTH, Life
from .test_helpers import helper
from .test_pages import LIGHT
from .visits import titles, visit

PAGE = "/me/address"
SAID = "votre adresse est protégée"


async def household(life: Life, partner: str = "ml-brume", purpose: str = YOUTH) -> Any:
    """What an exchange gives of where the person lives."""
    return await life.bed.exchange(life.tokens[partner], life.names[partner], purpose, ["household"])


async def flagged(life: Life) -> list[dict[str, Any]]:
    return [each for each in await life.bed.journal() if each["type"] == "subject.flagged"]


async def test_the_very_next_exchange_gives_no_address(life: Life) -> None:
    """Rule: one button, once; a second click, or the page of another window, changes nothing more."""
    await life.shares("ml-brume")
    before = await household(life)
    assert before.json()["datasets"]["household"]["state"] == "released"
    me = await visit(life)
    assert "Protéger mon adresse" in (await me.get(PAGE)).text
    for _ in range(2):
        assert (await me.post(PAGE)).headers["location"] == PAGE
    after = await household(life)
    assert (after.status_code, after.json()["reasons"]) == (403, ["withheld"])
    (entry,) = await flagged(life)
    assert (entry["flag"], entry["set"], entry["actor"]) == ("protected_address", True, "subject")
    assert not {"org", "reason"} & set(entry)


async def test_the_page_then_says_so_and_who_lifts_it(life: Life) -> None:
    """Rule: since when, with a reference, in words the history has too; no button takes it back."""
    await life.shares("ml-brume")
    me = await visit(life)
    await me.get(PAGE)
    await me.post(PAGE)
    text = (await me.get(PAGE)).text
    place = next(i for i, each in enumerate(await life.bed.journal()) if each["type"] == "subject.flagged")
    assert "<h1>Votre adresse est protégée</h1>" in text
    assert f'<span class="code">{place}</span>' in text
    assert f'action="{PAGE}"' not in text
    await me.post(PAGE, present="false")
    assert (await household(life)).status_code == 403
    history = (await me.get("/me/history?all=1")).text
    assert f'Une situation a été notée : {SAID}. <span class="soft">(vous)</span>' in " ".join(history.split())
    await life.services.people.flag(life.subject, "protected_address", present=False, org="operator", now=life.now)
    assert "Protéger mon adresse" in (await me.get(PAGE)).text
    assert (await household(life)).status_code == 200


async def test_nobody_is_said_to_see_it_any_more(life: Life) -> None:
    """Rule: who sees what follows the situation at once; in a helper's reading it changes nothing."""
    await life.shares("ml-brume")
    where = "Où vous habitez"
    me, found = await visit(life), await helper(life, capacity="guardian")
    assert where in (await me.get("/me/who")).text
    theirs = (await found.get("/me/who")).text.partition("<main")[2]
    await me.get(PAGE)
    await me.post(PAGE)
    for path in ("/me/who", "/me/who?by=information"):
        text = (await me.get(path)).text
        assert where not in text
        assert "Votre quotient familial" in text
    assert (await found.get("/me/who")).text.partition("<main")[2] == theirs


async def test_who_else_noted_it_makes_no_difference(life: Life) -> None:
    """Rule: a partner's word is shown alike; the person's after it writes nothing."""
    await life.shares("ml-brume")
    await life.services.people.flag(life.subject, "protected_address", present=True, org="ml-brume", now=life.now)
    me = await visit(life)
    assert "<h1>Votre adresse est protégée</h1>" in (await me.get(PAGE)).text
    await me.post(PAGE)
    assert [each.get("org") for each in await flagged(life)] == ["ml-brume"]


@pytest.mark.parametrize("lang", ["fr", "en"])
async def test_both_pages_are_neutral_easy_and_light(life: Life, lang: str) -> None:
    """Rule: nothing in title or address says that somebody hides; measured as every page is."""
    await life.shares("ml-brume")
    me = await visit(life)
    for protected in (False, True):
        answer = await me.get(PAGE, lang=lang)
        title = re.search(r"<title>(.*?)</title>", answer.text)
        assert title is not None
        assert title[1].startswith({"fr": "Votre adresse ", "en": "Your address "}[lang])
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.content) <= LIGHT
        for number in ("17", "3919"):
            assert f'href="tel:{number}"' in answer.text
        for field in {"fr": ("votre adresse", "votre commune"), "en": ("your address", "your town")}[lang]:
            assert answer.text.count(f"<li>{field}</li>") == 1
        if lang == "fr":
            assert problems(read(answer.text, names=titles(life))) == []
        else:
            assert "adresse" not in answer.text.partition("<main")[2].replace("/me/address", "")
        if not protected:
            await me.post(PAGE)


@pytest.mark.parametrize("path", ["/me", "/me/help"])
async def test_it_is_one_quiet_line_away(life: Life, path: str) -> None:
    """Rule: found from the settings and from the page of helpers, whatever the state."""
    await life.shares("ml-brume")
    me = await visit(life)
    await me.get(PAGE)
    lines = [(await me.get(path)).text.count(f'href="{PAGE}"')]
    await me.post(PAGE)
    assert [*lines, (await me.get(path)).text.count(f'href="{PAGE}"')] == [1, 1]


@pytest.mark.parametrize("capacity", ["aidant", "parent", "guardian"])
@pytest.mark.parametrize("protected", [False, True])
async def test_who_helps_neither_reads_nor_does_it(life: Life, capacity: str, *, protected: bool) -> None:
    """Rule: the answer is the same whether it is protected; nothing is written."""
    await life.shares("ml-brume")
    if protected:
        await life.services.people.flag(life.subject, "protected_address", present=True, now=life.now)
    found = await helper(life, capacity=capacity)
    assert PAGE not in (await found.get("/me")).text
    for answer in (await found.get(PAGE, status=403), await found.post(PAGE, status=403)):
        assert "Cette page est personnelle" in answer.text
        assert "protég" not in answer.text
    assert len(await flagged(life)) == protected


@pytest.mark.parametrize("capacity", ["aidant", "parent", "guardian"])
async def test_nothing_a_helper_reads_tells_it(life: Life, capacity: str) -> None:
    """Rule: no line, no reason, no file, no gap in numbers; the person reads all of it."""
    one = await life.shares("ml-brume")
    me = await visit(life)
    await me.get(PAGE)
    await me.post(PAGE)
    await household(life)
    paths = ["/me", "/me/history", "/me/history?all=1", f"/me/authorisations/{one}", "/me/who",
             f"/me/who/preview?authorisation={one}"]  # fmt: skip
    whole = capacity != "aidant"
    found = await helper(life, capacity=capacity)
    for lang in ("fr", "en"):
        for path in [*paths, *(["/me/data"] if whole else [])]:
            text = (await found.get(path, lang=lang)).text
            for word in (SAID, "address is protected", "Votre situation l", "Your situation", "N° "):
                assert word not in text, (path, word)
    assert "Votre situation l" in (await me.get(paths[1])).text
    assert SAID in (await me.get("/me/data")).text
    if whole:
        theirs, mine = [json.loads((await each.get("/me/data.json")).content) for each in (found, me)]
        assert "protected_address" not in json.dumps(theirs)
        assert not {"denied_by_flag", "need_unmet"} & {code for each in theirs["entries"] for code in
                                                       each["withheld"].values()}  # fmt: skip
        assert mine["person"]["flags"] == ["protected_address"]
        assert "denied_by_flag" in {code for each in mine["entries"] for code in each["withheld"].values()}
        for path in ("/me/data.pdf", "/me/data.csv"):
            await found.get(path)


async def test_a_form_from_elsewhere_or_of_another_session_protects_nothing(life: Life) -> None:
    """Rule: as every page that changes something."""
    await life.shares("ml-brume")
    me = await visit(life)
    await me.post(PAGE, form="0" * 64, status=403)
    me.cookies = {}
    await me.post(PAGE, status=401)
    assert await flagged(life) == []


async def test_what_is_said_to_stay_is_what_the_rules_keep_back(life: Life) -> None:
    """Rule: of what leaves to somebody, exactly what no line gives any more."""
    assert kept_back(life.services.catalogue) == (
        "household.address", "household.children", "household.commune", "household.postcode",
    )  # fmt: skip


def test_who_did_it_is_told() -> None:
    """Rule: on our pages « vous »; on an organisation's, whose."""
    entry = {"type": "subject.flagged", "actor": "subject"}
    assert (who(entry, "fr"), who(entry, "en")) == ("vous", "you")
    assert who({**entry, "org": "ml-brume"}, "fr") == "vous, sur le site de l'organisme"
