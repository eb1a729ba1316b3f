"""The DPO's pages of what people ask: received, answered, refused, and whose it is."""

import io
import json
import re
import threading
import zipfile
from typing import Any

import pytest
import sqlalchemy as sa
from reportlab.platypus import BaseDocTemplate

from consent.rights_law import About
from consent.states import By
from gateway import rights
from tests.bed import Bed, professional
from tests.unit.gateway.oversight import HEAD, browser, dpo, entries

COUNTER = By(kind="subject", channel="counter")


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
