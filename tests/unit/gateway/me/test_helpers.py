"""What somebody reads of the person they help: what their mandate is for, and never what is the person's alone."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from markupsafe import escape

from consent.models import mandate
from consent.representatives import Checked
from gateway.web.me.acting import shows
from gateway.web.visitor import Visitor
from tests.web.reading import problems, read

from .conftest import ORIENTATION, YOUTH, Life
from .test_asking import visitor
from .visits import AGENT, TAG, Visit, database_url, titles, visit

__all__ = ["database_url"]

WORDS = "Mon ex-mari travaille là."
PERSONAL = "Votre mandat ne va pas jusqu&#39;à cette page."
DATA = ["/me/data", "/me/data.pdf", "/me/data.json", "/me/data.csv"]


async def helper(life: Life, *purposes: str, capacity: str = "aidant", **more: Any) -> Visit:
    """Signed in under a mandate for these purposes, or for all."""
    until, noted = life.now + 10_000_000, "guardian" if capacity == "parent" else capacity  # the person is of age
    seen = Checked(holder=TAG, capacity=noted, digest="e" * 64, until=until, purposes=frozenset(purposes))
    made = await life.services.channels.mandates.record(life.subject, seen, by=AGENT, now=life.now)
    change = sa.update(mandate).where(mandate.c.id == made.id).values(capacity=capacity)
    await life.services.store.write(lambda connection: connection.execute(change))
    return await visit(life, actor=TAG, mandate=made.id, owner=f"t:{capacity}", **more)


def main_of(text: str) -> str:
    """What the page says, without the choices of its filters, which name every organisation."""
    before, _, rest = text[text.index("<main") : text.index("</main>")].partition('class="filters"')
    return before + rest.partition("</form>")[2]


async def reported(life: Life) -> str:
    """The person reports the last access of the Département, in words."""
    me = await visit(life)
    text = (await me.get("/me/history?org=dept-brume")).text
    path = text[text.index("/me/history/") :].partition('"')[0]
    await me.get(path)
    return (await me.post(path, reason="not_asked", text=WORDS)).headers["location"]


@pytest.mark.parametrize("path", DATA)
@pytest.mark.parametrize(
    ("capacity", "purposes"), [("aidant", ()), ("aidant", (YOUTH,)), ("guardian", (YOUTH,)), ("parent", (YOUTH,))]
)
async def test_what_is_held_is_not_for_who_helps(life: Life, path: str, capacity: str, purposes: Any) -> None:
    """Rule: numbers, pseudonyms and everything that happened: no aidant's, and nobody's under a limited mandate."""
    await life.shares("ml-brume")
    found = await helper(life, *purposes, capacity=capacity)
    size = await life.bed.size()
    assert PERSONAL in (await found.get(path, status=403)).text
    assert await life.bed.size() == size
    assert 'href="/me/data' not in (await found.get("/me")).text
    assert 'href="/me/data' not in (await found.get("/me/rights/new?right=access")).text


@pytest.mark.parametrize("capacity", ["guardian", "parent"])
async def test_who_the_law_puts_in_the_persons_place_reads_it(life: Life, capacity: str) -> None:
    """Rule (GDPR 15): a guardian, a parent under a whole mandate; the history says who downloaded."""
    await life.shares("ml-brume")
    found = await helper(life, capacity=capacity)
    assert 'href="/me/data' in (await found.get("/me")).text
    content = json.loads((await found.get("/me/data.json")).content)
    assert content["entries"][-1]["sentence"]["fr"] == "Une personne qui vous aide a téléchargé vos informations."
    text = (await (await visit(life)).get("/me/history?all=1")).text
    assert "Une personne qui vous aide a téléchargé vos informations." in text
    assert "y travaille" not in text


@pytest.mark.parametrize(("capacity", "purposes"), [("aidant", (ORIENTATION,)), ("aidant", ()), ("guardian", ())])
async def test_what_was_reported_stays_the_persons(full: Life, capacity: str, purposes: Any) -> None:
    """Rule: neither the words nor that there is a report; a helper's own report answers without telling."""
    place = await reported(full)
    found = await helper(full, *purposes, capacity=capacity)
    answer = await found.get(place, status=403)
    assert PERSONAL in answer.text
    assert "ex-mari" not in answer.text
    for path in ("/me", "/me/history", "/me/history?all=1"):
        text = (await found.get(path)).text
        assert "signalé" not in text
        assert place not in text
    form = place.replace("reported", "report")
    assert "ex-mari" not in (await found.get(form)).text
    sent = await found.post(form, reason="other", text="")
    assert sent.headers["location"] == "/me/history?done=reported"
    assert "Si cette ligne était déjà signalée" in (await found.get("/me/history?done=reported")).text
    assert WORDS in (await (await visit(full)).get(place)).text


@pytest.mark.parametrize("capacity", ["aidant", "guardian"])
async def test_the_persons_situation_is_not_in_what_a_helper_reads(full: Life, capacity: str) -> None:
    """Rule: who helps may be whom the address is protected from; the person reads it."""
    await full.services.people.flag(full.subject, "protected_address", present=True, now=full.now)
    for who, reads in ((await helper(full, capacity=capacity), False), (await visit(full), True)):
        text = (await who.get("/me/history?all=1")).text
        assert ("votre adresse est protégée" in text) is reads


async def test_a_mandate_for_a_purpose_shows_that_purpose(full: Life) -> None:
    """Rule: on every page the other sharings do not exist, nor lines of the history that are of no purpose."""
    me = await visit(full)
    others = [full.ids["dept-brume"], full.ids["caf-brume"]]
    await me.get("/me")
    await me.post(f"/me/authorisations/{others[0]}/stop")
    names = [escape(full.services.catalogue.parties[each].name["fr"]) for each in ("dept-brume", "caf-brume")]
    found = await helper(full, YOUTH)
    for path in ("/me", "/me/authorisations", "/me/history", "/me/history?all=1", "/me/who", "/me/who/preview",
                 "/me/rights", "/me/rights/new?right=objection", "/me/history?org=dept-brume"):  # fmt: skip
        text = (await found.get(path)).text
        assert "Vous ne voyez que ce qui est dans votre mandat." in text
        shown = main_of(text)
        assert not [each for each in others if each in shown], path
        assert not [each for each in names if each in shown], path
    mine = main_of((await found.get("/me/history?all=1")).text)
    assert "Mission locale de la Brume" in mine
    for hidden in ("connecté", "a relié", "N°", "a ouvert vos pages", "peut agir"):
        assert hidden not in mine, hidden
    assert problems(read((await found.get("/me/history")).text, names=titles(full))) == []
    line = next(i for i, each in enumerate(await full.bed.journal())
                if each["type"] == "exchange.released" and each["org"] == "dept-brume")  # fmt: skip
    for path in (f"/me/history/{line}/report", f"/me/history/{line}/reported"):
        await found.get(path, status=403 if path.endswith("reported") else 404)
    for id_ in others:
        for way in ("", "/stop", "/stopped", "/narrow", "/renew"):
            await found.get(f"/me/authorisations/{id_}{way}", status=404)
        for way in ("", "/receipt", "/receipt.json", "/receipt.pdf"):
            await found.get(f"/me/ask/{id_}{way}", status=404)
        await found.get(f"/me/who/preview?authorisation={id_}", status=404)
        await found.post(f"/me/authorisations/{id_}/stop", status=404)
    await found.get(f"/me/authorisations/{full.ids['ml-brume']}")
    (asked,) = await full.services.rights.of(full.subject)
    await found.get(f"/me/rights/{asked.id}", status=404)
    whole = await helper(full)
    assert "dans votre mandat" not in (await whole.get("/me")).text
    assert names[0] in (await whole.get("/me/history?all=1")).text
    await whole.get(f"/me/rights/{asked.id}")


async def test_how_the_person_is_reached_is_shown_to_nobody_else(life: Life) -> None:
    """Rule: telephone, address and other helpers are the person's own, whatever the mandate."""
    await life.shares("ml-brume")
    me = await visit(life)
    await me.post("/me/words", preference="sms", sms="06 39 98 00 01", lang="fr")
    for capacity in ("aidant", "guardian"):
        found = await helper(life, capacity=capacity)
        for path in ("/me/words", "/me/help"):
            answer = await found.get(path, status=403)
            assert PERSONAL in answer.text
            assert "39980001" not in answer.text
            assert path not in (await found.get("/me")).text


async def test_a_page_of_history_is_filled_with_what_may_be_read(full: Life) -> None:
    """Rule: what is left out leaves no short page, and the next one begins where this one ended."""
    for _ in range(12):
        await full.asks("ml-brume", "rsa.since")
        await full.asks("dept-brume", "rsa.since")
    found = await helper(full, YOUTH)
    first = (await found.get("/me/history?all=1")).text
    assert first.count('<li class="card">') == 20
    assert "before=" in first


def test_a_mandate_that_was_not_read_shows_nothing() -> None:
    """Rule: fail closed."""
    unknown: Visitor = visitor("s", actor=TAG, mandate="1" * 32)
    assert unknown.purposes == frozenset()
    assert not unknown.entire
    assert not shows(unknown, {"type": "exchange.decided", "purpose": YOUTH})
    assert shows(visitor("s"), {"type": "session.opened"})
