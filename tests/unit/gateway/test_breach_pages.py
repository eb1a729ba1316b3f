"""The DPO's pages of a breach: whom it reached, exactly, and nobody else's."""

import re
from collections import Counter

import pytest

from gateway.console.filters import Filter
from gateway.console.kinds import Scope
from gateway.oauth import jwks
from gateway.oversight import breach
from gateway.web.dpo.breach import WRONG
from tests.bed import Bed, professional
from tests.unit.gateway.oversight import FIELDS, browser, dpo, entries


async def test_the_radius_of_a_breach(gateway: Bed) -> None:
    """By partner, actor, key: releases, persons, fields, institutions; journaled; the list under a second factor."""
    own = await browser(gateway, dpo("siae-brume"))
    released = (await entries(gateway, "exchange.released"))[0]
    (key,) = gateway.keys["siae-brume"].jwks()["keys"]
    for what in ("siae-brume", released["actor"], jwks.thumbprint(key)):
        text = (await own.get("/dpo/breach", what=what, known="2026-11-22T10:00")).text
        assert re.search(r"Releases</dt><dd><strong>3<", text)
        assert re.search(r"Persons</dt><dd><strong>2<", text)
        assert "registration.category_code" in text
        assert "The CNIL must be told before" in text or "72 hours have been over" in text
    viewed = await entries(gateway, "console.viewed")
    assert [(each["view"], each["lines"], each["filters"]) for each in viewed] == [
        ("breach", 3, ["org"]), ("breach", 3, ["actor"]), ("breach", 3, ["org"]),
    ]  # fmt: skip
    notice = (await own.get("/dpo/breach/notice", what="siae-brume", known="2026-11-22T10:00")).text
    for said in ("article 33", "Article 34", "Number of persons concerned: 2", "Nombre de personnes concernées : 2"):
        assert said in notice
    answer = await own.post("/dpo/breach/persons", 200, what="siae-brume")
    header, *lines = answer.text.lstrip("\ufeff").split("\r\n")[:-1]
    assert header.startswith("pseudonym,")
    assert len(lines) == 2
    assert "Perrin" not in answer.text
    weak = await browser(gateway, dpo("siae-brume", strong=False))
    await weak.post("/dpo/breach/persons", 403, what="siae-brume")


async def test_a_radius_is_exact_however_it_is_read(gateway: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """One release at a time or all at once; fields, persons and times as the journal's entries have them."""
    services, scope = gateway.services, Scope("siae-brume")
    wanted = Filter(since=0, until=100_000, type="exchange.released", org="siae-brume")
    whole = await breach.radius(services, scope, wanted)
    monkeypatch.setattr(breach, "_CHUNK", 1)
    assert await breach.radius(services, scope, wanted) == whole
    released = await entries(gateway, "exchange.released")
    times = [each["time"] for each in released]
    assert (whole.releases, whole.unattributed, whole.first, whole.last) == (3, 0, min(times), max(times))
    assert whole.fields == Counter(name for each in released for name in each["commits"])
    assert whole.purposes == Counter(each["purpose"] for each in released)
    lucas, ines = [
        await services.people.resolve(partner="siae-brume", reference=f"file-{person}")
        for person in ("lucas-perrin", "ines-marchetti")
    ]
    told = {subject: (each.releases, each.fields) for subject, each in whole.persons.items()}
    assert told == {lucas: (2, set(FIELDS)), ines: (1, set())}  # the source had nothing about her
    assert whole.touched == {name: {lucas} for name in FIELDS}
    assert (whole.recipients, whole.sources) == ({"siae-brume": {lucas, ines}}, {"ft-brume": {lucas}})
    await breach.add_pseudonyms(services, scope, whole)
    assert all(each.pseudonym for each in whole.persons.values())


async def test_a_radius_too_wide_is_not_counted(gateway: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: exact or not at all; the page says what to do, and nothing was looked at."""
    own = await browser(gateway, dpo("siae-brume"))
    assert f"{breach.MOST:,}" in WRONG["wide"][1]
    assert f"{breach.MOST:,}".replace(",", " ") in WRONG["wide"][0].replace("\u202f", " ").replace("\u00a0", " ")
    monkeypatch.setattr(breach, "MOST", 2)
    assert "narrow the period" in (await own.get("/dpo/breach", 400, what="siae-brume")).text
    assert await entries(gateway, "console.viewed") == []


async def test_one_release_is_one_in_the_drafts(gateway: Bed) -> None:
    """No plural for one, in either language."""
    token = await gateway.token("ml-brume", professional=professional("conseiller"))
    pseudonym = await gateway.link(token, "lucas-perrin")
    await gateway.authorise(token, "ml-brume", pseudonym, "support.youth")
    assert (await gateway.exchange(token, pseudonym, "support.youth", ["rsa"])).status_code == 200
    await gateway.services.console.projector.catch_up()
    own = await browser(gateway, dpo("ml-brume"))
    text = (await own.get("/dpo/breach/notice", what="ml-brume")).text
    assert " 1 transmission." in text
    assert " 1 release." in text


async def test_a_breach_elsewhere_shows_nothing(gateway: Bed) -> None:
    """The DPO of an institution that neither received nor gave sees no release of others; the source sees its own."""
    other, source = await browser(gateway, dpo("ml-brume")), await browser(gateway, dpo("ft-brume"))
    assert re.search(r"Releases</dt><dd><strong>0<", (await other.get("/dpo/breach", what="siae-brume")).text)
    assert re.search(r"Releases</dt><dd><strong>3<", (await source.get("/dpo/breach", what="siae-brume")).text)
    rows = (await source.post("/dpo/breach/persons", 200, what="siae-brume")).text
    assert re.findall(r"^,", rows, re.MULTILINE)  # the source knows them by no pseudonym of its own here


@pytest.mark.parametrize(
    "query",
    [
        {"what": "somebody"}, {"what": "A" * 43}, {"what": "siae-brume", "since": "never"},
        *({"what": "siae-brume", "known": known} for known in ("9999-12-31T23:59", "0001-01-01T00:00", "never")),
        {"what": "siae-brume", "since": "2026-12-01", "until": "2026-11-01"}, {"what": "Robert'); --"},
    ],
)  # fmt: skip
async def test_a_question_that_makes_no_sense_is_told(gateway: Bed, query: dict[str, str]) -> None:
    """400 with a sentence, and nothing of what was typed is acted upon."""
    own = await browser(gateway, dpo("siae-brume"))
    assert 'role="alert"' in (await own.get("/dpo/breach", 400, **query)).text
    assert await entries(gateway, "console.viewed") == []
