"""The DPO's registers, rules, requests, breaches over a whole gateway: who sees what, may do what, what is noted.

Requests go through the application as a browser's would, cookie and form token included; no page needs a script.
"""

import io
import json
import re
import shutil
import threading
import zipfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from reportlab.platypus import BaseDocTemplate

from connectors import sandbox
from consent.rights_law import About
from consent.states import By
from gateway import rights
from gateway.console.filters import Filter
from gateway.console.kinds import Scope
from gateway.oauth import jwks
from gateway.oversight import breach
from gateway.settings import PACKAGED_CATALOGUE
from gateway.web.cookies import NAME
from gateway.web.dpo.breach import WRONG
from gateway.web.visitor import Identity
from policies.catalogue import Catalogue, load
from tests.bed import Bed, bed, professional, served

FIELDS = ["registration.status", "registration.category_code"]
COUNTER = By(kind="subject", channel="counter")


def dpo(organisation: str, *, consortium: bool = False, strong: bool = True, name: str = "", tag: str = "") -> Identity:
    return Identity(
        role="dpo",
        actor=((tag or organisation).encode().hex() + "0" * 32)[:32],
        owner=f"test:{organisation}",
        organisation=organisation,
        consortium=consortium,
        name=name or f"DPO of {organisation}",
        strong=strong,
        provider="test",
    )


HEAD = dpo("siae-brume", consortium=True)
"""The consortium's, of whom this institution is also theirs."""


class Browser:
    """Somebody's browser: a cookie, and the form token of their pages."""

    def __init__(self, gateway: Bed, secret: str, token: str, lang: str) -> None:
        self.http = gateway.http
        self.token = token
        self.headers = {"Cookie": f"{NAME}={secret}; passerelle-view={lang}"}

    async def get(self, path: str, status: int = 200, **query: str) -> httpx.Response:
        answer = await self.http.get(path, headers=self.headers, params=query or None)
        assert answer.status_code == status, answer.text
        return answer

    async def post(self, path: str, status: int = 303, **form: str) -> httpx.Response:
        data = {"form": self.token, **form}
        answer = await self.http.post(path, headers={**self.headers, "Sec-Fetch-Site": "same-origin"}, data=data)
        assert answer.status_code == status, answer.text
        return answer


async def browser(gateway: Bed, identity: Identity, *, lang: str = "en") -> Browser:
    services = gateway.services
    secret = await services.sessions.open(identity, now=services.clock(), agent="test")
    visitor = await services.sessions.find(secret, services.clock())
    assert visitor is not None
    return Browser(gateway, secret, visitor.form_token, lang)


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[Bed]:
    """An institution that was given two persons' data, three times; the journal is followed."""
    async with (
        served(sandbox.build()) as address,
        bed(tmp_path, database_url=database_url, sandbox_url=address) as found,
    ):
        services = found.services
        await services.activations.first(services.catalogue, now=services.clock())
        await found.partner("siae-brume")
        await found.partner("ml-brume")
        token = await found.token("siae-brume", professional=professional("conseiller"))
        for person in ("lucas-perrin", "ines-marchetti"):
            pseudonym = await found.link(token, person)
            await found.authorise(token, "siae-brume", pseudonym, "iae.eligibility")
            for _ in range(2 if person == "lucas-perrin" else 1):
                answer = await found.exchange(token, pseudonym, "iae.eligibility", FIELDS)
                assert answer.status_code == 200, answer.text
        await services.publisher.round(services.clock())
        await services.console.projector.catch_up()
        yield found


async def entries(gateway: Bed, kind: str) -> list[dict[str, Any]]:
    return [each for each in await gateway.journal() if each["type"] == kind]


def draft(tmp_path: Path, old: str, new: str) -> Catalogue:
    folder = tmp_path / f"draft-{len(list(tmp_path.glob('draft-*')))}"
    shutil.copytree(PACKAGED_CATALOGUE, folder)
    file = folder / "iae-eligibilite-ft.yaml"
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
    return load(folder)


async def test_a_register_is_the_institutions_own(gateway: Bed) -> None:
    """A DPO sees what their institution takes part in, the consortium's all of it, on the page and in each download."""
    own, everybody = await browser(gateway, dpo("siae-brume")), await browser(gateway, dpo("gi-brume", consortium=True))
    mine = (await own.get("/dpo/registers.json")).json()
    assert mine["catalogue"] == gateway.services.catalogue.digest
    assert {each["id"] for each in mine["activities"]} < set(gateway.services.catalogue.counted)
    assert all("siae-brume" in {each["controller"], *each["recipients"]} for each in mine["activities"])
    whole = (await everybody.get("/dpo/registers.json")).json()
    assert {each["id"] for each in whole["activities"]} == set(gateway.services.catalogue.counted)
    for path in ("/dpo/registers", "/dpo/registers/print"):
        text = (await own.get(path)).text
        assert "iae-eligibilite-ft@" in text
        assert "orientation-rsa-caf@" not in text
    lines = (await own.get("/dpo/registers.csv")).text
    assert lines.startswith("\ufeffexchange,")
    assert "orientation-rsa-caf" not in lines
    await own.get("/dpo/registers", 404, version="0" * 64)
    assert await entries(gateway, "console.viewed") == []  # nothing of a person


async def test_two_dpos_sign_a_widening_and_the_consortiums_activates(gateway: Bed, tmp_path: Path) -> None:
    """One without a second factor may not; the same human twice may not; an institution's DPO does not activate."""
    services, after = gateway.services, draft(tmp_path, "10/month", "11/month")
    await services.activations.register(after, now=services.clock())
    path = f"/dpo/policies/{after.digest}"
    whole = dpo("dept-brume", consortium=True)
    first, second, head = [await browser(gateway, each) for each in (dpo("siae-brume"), dpo("ft-brume"), whole)]
    assert after.digest[:24] in (await first.get("/dpo/policies")).text
    page = (await first.get(path)).text
    assert "permits more" in page
    assert "0 of 2" in page
    weak = await browser(gateway, dpo("ml-brume", strong=False))
    await weak.post(f"{path}/sign", 403)
    await first.post(f"{path}/sign")
    assert "somebody else must sign" in (await first.post(f"{path}/sign", 409)).text.lower()
    await head.post(f"{path}/activate", 409)
    await second.post(f"{path}/sign")
    await second.post(f"{path}/activate", 403)
    assert "Bring into force" in (await head.get(path)).text
    await head.post(f"{path}/activate")
    entry = (await entries(gateway, "catalogue.activated"))[-1]
    assert (entry["catalogue"], entry["widening"], entry["by"]) == (after.digest, True, "dpo")
    assert len(await entries(gateway, "catalogue.approved")) == 2
    await first.get("/dpo/policies/" + "0" * 64, 404)


async def test_a_replay_on_the_page_counts_and_is_noted(gateway: Bed, tmp_path: Path) -> None:
    """Decisions and persons as numbers; another institution has none of them; no name, no pseudonym."""
    services = gateway.services
    after = draft(tmp_path, "  registration.category_code: {release: clear}\n", "")
    await services.activations.register(after, now=services.clock())
    own, other = await browser(gateway, dpo("siae-brume")), await browser(gateway, dpo("caf-brume"))
    text = (await own.get(f"/dpo/policies/{after.digest}", last="100")).text
    assert "would close" in text
    assert re.search(r"Persons touched</dt><dd><strong>2<", text)
    assert re.search(r"That would change</dt><dd><strong>3<", text)
    assert "Persons touched</dt><dd><strong>0<" in (await other.get(f"/dpo/policies/{after.digest}", last="100")).text
    viewed = await entries(gateway, "console.viewed")
    assert [(each["view"], each["lines"], each["org"]) for each in viewed] == [
        ("policies", 3, "siae-brume"), ("policies", 0, "caf-brume"),
    ]  # fmt: skip
    assert "passerelle policy replay catalogue-next/ --last 10000" in text
    for last in ("7", "10000"):  # a page answers what it can at once; the command goes further
        await own.get(f"/dpo/policies/{after.digest}", 404, last=last)


async def asked(gateway: Bed, right: str = "access", about: About | None = None) -> str:
    subject = await gateway.services.people.resolve(partner="siae-brume", reference="file-lucas-perrin")
    found = await rights.receive(
        gateway.services, subject, right, by=COUNTER, now=gateway.services.clock(), about=about
    )
    return found.id


async def test_a_request_goes_from_received_to_answered(gateway: Bed) -> None:
    """Identity, collection, archive for the person, answer, letter: each by a named human in the journal."""
    id_ = await asked(gateway)
    own = await browser(gateway, HEAD)
    assert id_ in (await own.get("/dpo/rights")).text
    path = f"/dpo/rights/{id_}"
    await own.post(path, 409, step="collected")
    await own.get(f"{path}/archive.zip", 409)
    await own.post(path, step="identity_checked")
    await own.post(path, step="collected")
    packed = zipfile.ZipFile(io.BytesIO((await own.get(f"{path}/archive.zip")).content))
    assert {"archive.json", "proof.json", "mes-informations.html", "SHA256SUMS"} <= set(packed.namelist())
    archive = json.loads(packed.read("archive.json"))
    assert any(each["entry"]["type"] == "exchange.released" for each in archive["entries"])
    read = (await entries(gateway, "log.read"))[-1]
    assert (read["what"], read["org"], read["actor"]) == ("archive", "siae-brume", HEAD.actor)
    weak = await browser(gateway, dpo("siae-brume", consortium=True, strong=False))
    await weak.get(f"{path}/archive.zip", 403)
    await own.post(path, step="extended", reason="complexity")
    await own.post(path, 409, step="extended", reason="complexity")
    await own.post(path, step="answered")
    await own.post(path, 409, step="answered")
    text = (await own.get(f"{path}/letter")).text
    assert "Your request is granted" in text
    assert "Ateliers de la Brume" in text
    assert "Perrin" not in text
    staged = await entries(gateway, "rights.staged")
    assert [each["stage"] for each in staged] == ["identity_checked", "collected", "extended", "answered"]
    assert {(each["org"], each["actor"]) for each in staged} == {("siae-brume", HEAD.actor)}
    assert id_ not in (await own.get("/dpo/rights")).text
    assert id_ in (await own.get("/dpo/rights?closed=1")).text
    assert {each["view"] for each in await entries(gateway, "console.viewed")} == {"rights"}


async def test_an_archive_is_written_beside_the_loop(gateway: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's exchange waits for the two documents in it."""
    id_ = await asked(gateway)
    own = await browser(gateway, HEAD)
    for step in ("identity_checked", "collected"):
        await own.post(f"/dpo/rights/{id_}", step=step)
    build, threads = BaseDocTemplate.build, list[int]()

    def noted(*given: Any, **named: Any) -> None:
        threads.append(threading.get_ident())
        build(*given, **named)

    monkeypatch.setattr(BaseDocTemplate, "build", noted)
    await own.get(f"/dpo/rights/{id_}/archive.zip")
    assert len(threads) == 2
    assert threading.get_ident() not in threads


async def test_a_list_of_requests_is_read_at_once(gateway: Bed) -> None:
    """As many statements for three requests as for one."""
    own, statements = await browser(gateway, HEAD), list[str]()

    def note(*given: Any) -> None:
        statements.append(given[2])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        ids, counts = [], []
        for right in ("access", "portability", "erasure"):
            ids.append(await asked(gateway, right))
            statements.clear()
            text = (await own.get("/dpo/rights")).text
            counts.append(len([each for each in statements if "consent_right" in each]))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert len(set(counts)) == 1, counts
    assert sorted(re.findall(r"/dpo/rights/([0-9a-f]{32})", text)) == sorted(ids)


async def test_a_refusal_has_one_of_the_laws_reasons(gateway: Bed) -> None:
    """Another word is no reason; the letter says which and where to complain."""
    id_ = await asked(gateway)
    own = await browser(gateway, HEAD, lang="fr")
    await own.post(f"/dpo/rights/{id_}", 400, step="refused", reason="because")
    await own.post(f"/dpo/rights/{id_}", 400, step="forgotten")
    await own.post(f"/dpo/rights/{id_}", step="refused", reason="identity_not_confirmed")
    text = (await own.get(f"/dpo/rights/{id_}/letter")).text
    assert "on n&#39;a pas pu savoir que c&#39;était vous" in text
    assert "CNIL" in text


async def test_what_is_the_consortiums_no_institution_finds(gateway: Bed) -> None:
    """IDOR: list, page, step, archive and letter, also of somebody the institution knows; nothing is written."""
    ids = [await asked(gateway, right) for right in ("access", "portability", "erasure")]
    ids.append(await asked(gateway, "restriction", About(reason="unlawful")))
    knows, other = await browser(gateway, dpo("siae-brume")), await browser(gateway, dpo("ml-brume"))
    head, size = await browser(gateway, HEAD), await gateway.size()
    for who in (knows, other):
        for id_ in ids:
            for way in ("", "/letter", "/archive.zip"):
                await who.get(f"/dpo/rights/{id_}{way}", 404)
            await who.post(f"/dpo/rights/{id_}", 404, step="identity_checked")
    assert await gateway.size() == size
    for who in (knows, other):
        assert "/dpo/rights/" not in (await who.get("/dpo/rights")).text
    for id_ in ids:
        assert "Next step" in (await head.get(f"/dpo/rights/{id_}")).text


async def test_a_correction_is_its_sources(gateway: Bed) -> None:
    """It linked nobody; the recipient that did finds nothing; the consortium's DPO sees that it exists, no more."""
    about = About(fields=frozenset({"registration.status"}), source="ft-brume")
    await elsewhere(gateway, await asked(gateway, "rectification", about), "registration.status")
    source = await browser(gateway, dpo("ft-brume"))
    (correction,) = re.findall(r"/dpo/rights/([0-9a-f]{32})", (await source.get("/dpo/rights")).text)
    assert "registration.status" in (await source.get(f"/dpo/rights/{correction}")).text
    await source.post(f"/dpo/rights/{correction}", step="sent")


async def test_an_objection_is_its_recipients_and_so_are_its_words(gateway: Bed) -> None:
    """Rule: what the person wrote is read by who examines it; others are told neither it nor to what they objected."""
    services = gateway.services
    token = await gateway.token("ml-brume")
    await gateway.partner("dept-brume")
    theirs = await gateway.token("dept-brume", professional=professional("orienteur"))
    for each in (token, theirs):
        name = await gateway.link(each, "lucas-perrin")
    record = await gateway.authorise(theirs, "dept-brume", name, "orientation.rsa")
    id_ = await asked(gateway, "objection", About(authorisation=record))
    subject = await gateway.subject("dept-brume", name)
    await services.said_words.keep(record, "Mon ex-mari y travaille.", subject=subject, now=services.clock())
    await elsewhere(gateway, id_, "Mon ex-mari")
    own = await browser(gateway, dpo("dept-brume"))
    assert "Mon ex-mari y travaille." in (await own.get(f"/dpo/rights/{id_}")).text
    for step in ("identity_checked", "answered"):
        await own.post(f"/dpo/rights/{id_}", step=step)
    assert (await services.authorisations.get(record, subject=subject)).state == "upheld"


async def elsewhere(gateway: Bed, id_: str, hidden: str) -> None:
    """Whoever is not in charge: institutions find nothing, the consortium's DPO its kind, state and dates."""
    size = await gateway.size()
    for org in ("siae-brume", "ml-brume", "caf-brume"):
        other = await browser(gateway, dpo(org))
        for way in ("", "/letter", "/archive.zip"):
            await other.get(f"/dpo/rights/{id_}{way}", 404)
        await other.post(f"/dpo/rights/{id_}", 404, step="answered")
    head = await browser(gateway, HEAD)
    for step in ("identity_checked", "collected", "sent", "extended", "answered", "refused"):
        await head.post(f"/dpo/rights/{id_}", 403, step=step, reason="identity_not_confirmed")
    for way in ("/letter", "/archive.zip"):
        await head.get(f"/dpo/rights/{id_}{way}", 403)
    kinds = [each["type"] for each in (await gateway.journal(size))]
    assert set(kinds) <= {"session.opened"}
    text = (await head.get(f"/dpo/rights/{id_}")).text
    assert "Another DPO answers this request." in text
    assert hidden not in text
    assert f'action="/dpo/rights/{id_}"' not in text
    assert id_ in (await head.get("/dpo/rights")).text


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


PAGES = ["/dpo/registers", "/dpo/registers.csv", "/dpo/registers.json", "/dpo/registers/print", "/dpo/policies",
         "/dpo/rights", "/dpo/breach"]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_else_gets_in(gateway: Bed, path: str) -> None:
    """A visitor signs in first; a beneficiary is refused; a DPO of no institution too."""
    answer = await gateway.http.get(path)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/signin")
    person = Identity(role="beneficiary", actor="subject", owner="test:x", name="x", provider="test")
    await (await browser(gateway, person)).get(path, 403)
    nobody = Identity(role="dpo", actor="0" * 32, owner="test:y", name="y", provider="test")
    await (await browser(gateway, nobody)).get(path, 403)


FORMS = ["/dpo/breach/persons", "/dpo/policies/{0}/activate", "/dpo/policies/{0}/sign", "/dpo/rights/{0}",
         "/dpo/watch/{0}"]  # fmt: skip


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_from_elsewhere_does_nothing(gateway: Bed, path: str) -> None:
    """Another site's page, a form without this session's token or with another: 403, and no entry."""
    head = await browser(gateway, dpo("dept-brume", consortium=True))
    address, size = path.format("0" * 64), await gateway.size()
    for headers, form in (
        ({"Sec-Fetch-Site": "cross-site"}, {"form": head.token}),
        ({}, {"form": "x"}),
        ({}, {"a": "b"}),
    ):
        answer = await gateway.http.post(address, headers={**head.headers, **headers}, data=form)
        assert answer.status_code == 403
    assert await gateway.size() == size
