"""The DPO's registers and rules over a whole gateway: who sees what, may do what, what is noted."""

import re
import shutil
from pathlib import Path

import pytest

from gateway.settings import PACKAGED_CATALOGUE
from gateway.web.visitor import Identity
from policies.catalogue import Catalogue, load
from tests.bed import Bed
from tests.unit.gateway.oversight import browser, dpo, entries


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
