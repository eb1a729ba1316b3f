"""The pages over HTTP, as a browser without scripts asks for them: every state, easy words, for the person alone."""

import re

import pytest

from gateway.web.cookies import NAME
from gateway.web.me.asking import OFFERS
from gateway.web.visitor import Identity
from tests.web.reading import problems, read

from .conftest import Life
from .visits import TAG, Visit, database_url, main_part, titles, visit

__all__ = ["database_url"]
LIGHT = 20_000  # bytes of HTML: with the style sheet far below the 60 kB a first load may weigh


def pages_of(life: Life) -> list[str]:
    """Every page there is to open, in this state."""
    ids = list(life.ids.values())
    ones = [f"/me/authorisations/{id_}{part}" for id_ in ids for part in ("", "/stop")]
    return [
        "/me", "/me/authorisations", "/me/history", "/me/history?all=1", "/me/history?org=caf-brume&month=2020-01",
        "/me/who", "/me/who?by=information", "/me/who/preview", "/me/data", "/me/rights", "/me/rights/new",
        *(f"/me/rights/new?right={right}" for right in OFFERS), "/me/rights/new?right=rectification&source=caf-brume",
        "/me/connections", "/me/help", "/me/words", *ones,
        *(f"/me/who/preview?authorisation={id_}" for id_ in ids),
    ]  # fmt: skip


@pytest.mark.parametrize("simple", ["0", "1"])
async def test_every_full_page_is_easy_to_read_light_and_not_kept(full: Life, simple: str) -> None:
    """Rule (ux.md §5): Kandel-Moles, sentences, words not to use; no store; no personal value in title or address."""
    me = await visit(full)
    hard: list[str] = []
    for path in pages_of(full):
        answer = await me.get(f"{path}{'&' if '?' in path else '?'}simple={simple}")
        hard += [f"{path}: {each}" for each in problems(read(answer.text, names=titles(full)))]
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.content) <= LIGHT, path
        title = re.search(r"<title>(.*?)</title>", answer.text)
        assert title is not None
        assert "Lucas" not in title[1] + "".join(re.findall(r'href="([^"]*)"', answer.text))
    assert hard == []


async def test_every_empty_page_is_easy_to_read_and_honest(life: Life) -> None:
    """Rule: nobody sees anything, said so plainly; no empty list, no table of nothing."""
    await life.known("ml-brume")
    me = await visit(life)
    for path in pages_of(life):
        answer = await me.get(path)
        assert problems(read(answer.text, names=titles(life))) == [], path
    home = (await me.get("/me")).text
    assert "Personne ne voit vos informations en ce moment." in home
    assert "Personne n&#39;a demandé vos informations." in home or "Personne n'a demandé vos informations." in home
    assert "On vous demande" not in home


async def test_every_page_is_complete_in_english(full: Life) -> None:
    """Rule: `lang` right, and no French sentence of ours left."""
    me = await visit(full)
    for path in pages_of(full):
        text = (await me.get(path, lang="en")).text
        assert '<html lang="en">' in text, path
        assert not re.search(r"\b(?:Vous|Voici|Votre|Personne|partage|informations)\b", main_part(text)), path


async def test_home_answers_three_questions_without_a_click(full: Life) -> None:
    """Rule: each organisation with what for, until when and how to stop; the last three accesses; one request."""
    waits = await full.requests("outil-commun")
    text = (await (await visit(full)).get("/me")).text
    assert text.count('/stop"') == 2
    assert len(re.findall(r"/me/history/\d+/report", text)) == 3
    for name in ("CAF du Val-de-Brume", "Mission locale de la Brume", "Département du Val-de-Brume"):
        assert name in text
    assert text.count("On vous demande") == 1
    assert f"/me/ask/{waits}" in text
    assert re.search(r"Jusqu(?:'|&#39;)au \d+ ", text)


async def test_the_three_kinds_are_never_mixed(full: Life) -> None:
    """Rule: a choice is stopped, a public task objected to, a legal obligation has no button and no form."""
    me = await visit(full)
    texts = {name: main_part((await me.get(f"/me/authorisations/{id_}/stop")).text) for name, id_ in full.ids.items()}
    assert "Oui, arrêter" in texts["ml-brume"]
    assert re.search(r"Oui, je m(?:'|&#39;)oppose", texts["dept-brume"])
    assert "Oui, arrêter" not in texts["dept-brume"]
    assert "<form" not in texts["caf-brume"]
    assert "L.262-27" in texts["caf-brume"]
    await me.post(f"/me/authorisations/{full.ids['caf-brume']}/stop", status=409)
    assert await full.asks("caf-brume", "registration.status") == 200


async def test_another_persons_pages_do_not_exist(full: Life) -> None:
    """Rule (IDOR): authorisation, entry, report, request, session of somebody else: the same page as for nothing."""
    me = await visit(full)
    index = re.findall(r"/me/history/(\d+)/report", (await me.get("/me/history")).text)[0]
    await me.post(f"/me/history/{index}/report", reason="other", text="x")
    right = (await me.post("/me/rights/new", right="access")).headers["location"]
    name = await full.known("ml-brume", "zoe-figurant")
    zoe = await visit(full, await full.bed.subject("ml-brume", name))
    nothing = _without_reference((await zoe.get(f"/me/authorisations/{'0' * 32}", status=404)).text)
    id_ = full.ids["ml-brume"]
    for path in (
        f"/me/authorisations/{id_}", f"/me/authorisations/{id_}/stop", f"/me/authorisations/{id_}/stopped",
        f"/me/authorisations/{id_}/narrow", f"/me/authorisations/{id_}/renew", f"/me/history/{index}/report",
        f"/me/history/{index}/reported", f"/me/who/preview?authorisation={id_}", right,
    ):  # fmt: skip
        assert _without_reference((await zoe.get(path, status=404)).text) == nothing, path
    await zoe.get("/me/words")
    for path, form in (
        (f"/me/authorisations/{id_}/stop", {}), (f"/me/authorisations/{id_}/pause", {}),
        (f"/me/authorisations/{id_}/resume", {}), (f"/me/authorisations/{id_}/narrow", {"field": "rsa.since"}),
        (f"/me/authorisations/{id_}/renew", {"answer": "yes"}), (f"/me/history/{index}/report", {"reason": "other"}),
        ("/me/rights/new", {"right": "objection", "authorisation": full.ids["dept-brume"]}),
    ):  # fmt: skip
        await zoe.post(path, status=404, **form)
    mine = (await full.services.sessions.find(me.cookies[NAME], full.now)).session
    await zoe.post("/me/connections", session=mine)
    await me.get("/me")
    assert await full.asks("ml-brume", "rsa.since") == 200
    assert "Lucas" not in (await zoe.get("/me/history?all=1")).text


async def test_history_filters_and_pages(full: Life) -> None:
    """Rule: filters stay in the address, foreign words in it change nothing, older lines are one link away."""
    me = await visit(full)
    for _ in range(22):
        await full.asks("ml-brume", "rsa.since")
    text = (await me.get("/me/history?org=ml-brume")).text
    assert len(re.findall(r"/me/history/\d+/report", text)) == 20
    older = re.search(r'href="(/me/history\?before=[^"]+)"', text)
    assert older is not None
    assert "org=ml-brume" in older[1]
    rest = (await me.get(older[1].replace("&amp;", "&"))).text
    assert len(re.findall(r"/me/history/\d+/report", rest)) == 4
    for odd in ("?org=<b>", "?month=9", "?before=-1", "?before=99999999999999999999", "?under=x", "?all=2"):
        await me.get(f"/me/history{odd}")


async def test_downloads_are_files_for_the_person_alone(full: Life) -> None:
    """Rule: saved, not shown, not kept on the way; each is an entry of the journal."""
    me = await visit(full)
    for path, kind in (
        ("/me/data.pdf", "application/pdf"), ("/me/data.json", "application/json"), ("/me/data.csv", "text/csv"),
    ):  # fmt: skip
        answer = await me.get(path)
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["cache-control"] == "no-store"
        assert (await full.bed.journal())[-1]["what"] == "archive"


async def test_the_receipt_is_one_link_away(full: Life) -> None:
    """Rule: « Télécharger mon reçu » of a detail opens, whatever the basis."""
    me = await visit(full)
    for partner in ("ml-brume", "dept-brume", "caf-brume"):
        text = (await me.get(f"/me/authorisations/{full.ids[partner]}")).text
        found = re.search(r'href="(/me/ask/[0-9a-f]{32}/receipt\.pdf)"', text)
        assert found is not None, partner
        assert (await me.get(found[1])).content.startswith(b"%PDF-")


async def test_another_site_has_nothing_fetched_or_written(full: Life) -> None:
    """Rule: a link from elsewhere to a download or a preview leads to the page before it; no entry, no call."""
    me = await visit(full)
    size = await full.bed.size()
    for path in (
        "/me/data.pdf",
        "/me/data.json",
        "/me/data.csv",
        f"/me/who/preview?authorisation={full.ids['ml-brume']}",
    ):
        answer = await me._sent("GET", path, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == (200 if "preview" in path else 303)
        assert "2026-" not in answer.text
    assert await full.bed.size() == size


async def test_looking_too_often_is_a_plain_sentence(full: Life) -> None:
    """Rule: 429, what to do, nothing fetched."""
    me = await visit(full)
    for _ in range(12):
        full.services.looks.allows(str(full.subject), full.now)
    answer = await me.get(f"/me/who/preview?authorisation={full.ids['ml-brume']}", status=429)
    assert problems(read(answer.text, names=titles(full))) == []


@pytest.mark.parametrize("path", ["/me", "/me/data.pdf", "/me/history", "/me/who/preview"])
async def test_nobody_else_opens_a_page_of_a_person(full: Life, path: str) -> None:
    """Rule: signed out leads to sign-in, another role to a refusal."""
    out = Visit(full, "invented")
    assert (await out.get(path, status=303)).headers["location"].startswith("/signin?next=")
    dpo = Identity(role="dpo", actor=TAG, owner="t:dpo", organisation="ml-brume", name="C", provider="test")
    inside = Visit(full, await full.services.sessions.open(dpo, now=full.now))
    await inside.get(path, status=403)


def _without_reference(text: str) -> str:
    return re.sub(r"[0-9a-f]{32}", "", re.sub(r'href="[^"]*"', "", text))
