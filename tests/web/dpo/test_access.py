"""What a DPO may see and do, over HTTP: scope, forged addresses, what the journal says of it."""

import json
import re
from typing import Any

import httpx
import pytest

from audit.evidence import verify_paths
from audit.trust import read_trust
from gateway.web.cookies import NAME
from gateway.web.visitor import Identity
from tests.web.conftest import Portal, dpo
from tests.web.dpo.conftest import settle

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

PAGES = ("/dpo", "/dpo/search", "/dpo/integrity", "/dpo/consultations", "/dpo/export", "/dpo/search/person")


async def client(portal: Portal, identity: Identity | None) -> httpx.AsyncClient:
    """HTTP as this identity."""
    cookies = {} if identity is None else {NAME: await portal.secret(identity)}
    return httpx.AsyncClient(base_url=portal.url, cookies=cookies, headers={"Accept-Language": "fr"})


async def index_of(portal: Portal, kind: str, org: str) -> int:
    """Where the first entry of this type and institution stands."""
    entries = await portal.bed.journal()
    return next(n for n, each in enumerate(entries) if each["type"] == kind and each.get("org") == org)


def token_in(page: str) -> str:
    """The form token of a page."""
    found = re.search(r'name="form" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def post(http: httpx.AsyncClient, path: str, page: str, **values: Any) -> httpx.Response:
    """Send a form of a page."""
    token = token_in((await http.get(page)).text)
    return await http.post(path, data={"form": token, **values}, headers={"Origin": str(http.base_url).rstrip("/")})


@pytest.mark.parametrize("path", PAGES)
async def test_only_a_dpo_opens_these_pages(console: Portal, path: str) -> None:
    """Nobody signs in by an address; a beneficiary or a professional is refused."""
    async with await client(console, None) as http:
        answer = await http.get(path)
        assert (answer.status_code, answer.headers["location"][:8]) == (303, "/signin?")
    others = [
        Identity(role=role, actor="subject", owner=f"test:{role}", organisation="ml-brume", provider="test")  # type: ignore[arg-type]
        for role in ("beneficiary", "professional", "operator")
    ]
    for other in others:
        async with await client(console, other) as http:
            assert (await http.get(path)).status_code == 403


async def test_an_entry_of_another_institution_is_as_if_it_did_not_exist(console: Portal) -> None:
    """Source and recipient see an exchange; another institution gets the same answer as for an index nobody has."""
    released = await index_of(console, "exchange.released", "ml-brume")
    given = {}
    for org in ("caf-brume", "dept-brume", "ml-brume", "siae-brume"):
        async with await client(console, dpo(org)) as http:
            for path in (f"/dpo/entries/{released}", f"/dpo/entries/{released}/proof"):
                given[org, path.count("/")] = (await http.get(path)).status_code
            nobody = await http.get("/dpo/entries/999999")
            assert nobody.status_code == 404
            if org == "dept-brume":
                other = await http.get(f"/dpo/entries/{released}")
                strip = re.compile(rf"[0-9a-f]{{32}}|/dpo/entries/({released}|999999)")
                assert strip.sub("", other.text) == strip.sub("", nobody.text)
    assert given == {
        ("caf-brume", 3): 200, ("caf-brume", 4): 200, ("dept-brume", 3): 404, ("dept-brume", 4): 404,
        ("ml-brume", 3): 200, ("ml-brume", 4): 200, ("siae-brume", 3): 404, ("siae-brume", 4): 404,
    }  # fmt: skip
    async with await client(console, dpo("gi-brume", consortium=True)) as http:
        assert (await http.get(f"/dpo/entries/{released}")).status_code == 200


async def test_no_filter_widens_what_an_institution_sees(console: Portal) -> None:
    """Naming another institution, its agent or its purposes gives nothing; the consortium's DPO finds it."""
    for path in ("/dpo/search?org=siae-brume", "/dpo/search?decision=deny", "/dpo/search?purpose=iae.eligibility"):
        async with await client(console, dpo("ml-brume")) as http:
            assert '<h2 id="results">0 entrée</h2>' in (await http.get(path)).text
        async with await client(console, dpo("gi-brume", consortium=True)) as http:
            assert '<h2 id="results">0 entrée</h2>' not in (await http.get(path)).text


@pytest.mark.parametrize(
    "query",
    [
        "org=nobody",
        "since=2026-13-01",
        "type=<script>",
        "actor=Lise",
        "person=x",
        "reason='",
        "since=2026-12-01&until=2026-01-01",
    ],
)
async def test_a_word_outside_the_lists_is_refused_and_not_echoed(console: Portal, query: str) -> None:
    """400, the page still works, and nothing typed into the address comes back."""
    async with await client(console, dpo("ml-brume")) as http:
        answer = await http.get(f"/dpo/search?{query}")
        assert answer.status_code == 400
        assert "<script>" not in answer.text.replace("&lt;script&gt;", "")
        assert "Un filtre n" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/dpo/entries/-1",
        "/dpo/entries/1e3",
        "/dpo/entries/%20",
        "/dpo/search?after=x",
        f"/dpo/search?after={10**30}",
        f"/dpo/search?after={'9' * 5000}",
        f"/dpo/consultations?after={10**30}",
        f"/dpo/consultations?after={'9' * 5000}",
        "/dpo/export/0",
        f"/dpo/export/{'0' * 32}",
        f"/dpo/search?person={'0' * 32}",
    ],
)
async def test_invented_addresses_open_nothing(console: Portal, path: str) -> None:
    """404, whatever is invented."""
    async with await client(console, dpo("ml-brume")) as http:
        assert (await http.get(path)).status_code == 404


async def test_what_a_dpo_was_shown_is_in_the_journal_without_any_value(console: Portal) -> None:
    """One entry per view, with classes of filters and a number of lines."""
    before = len(await console.bed.journal())
    async with await client(console, dpo("caf-brume")) as http:
        await http.get("/dpo/search?org=ml-brume&dataset=rsa")
        released = await index_of(console, "exchange.released", "ml-brume")
        await http.get(f"/dpo/entries/{released}")
        await http.get("/dpo")
    told = [each for each in (await console.bed.journal())[before:] if each["type"].startswith("console.")]
    assert [(each["view"], each.get("filters"), each["lines"]) for each in told] == [
        ("search", ["org", "dataset"], 3),  # the request, the decision, the release
        ("entry", None, 1),
    ]
    assert {each["org"] for each in told} == {"caf-brume"}
    assert told[1]["entry"] == released
    assert set(told[0]) == {"v", "type", "id", "time", "actor", "org", "view", "filters", "lines"}


async def test_consultations_are_seen_by_the_dpos_of_the_institution_and_by_the_consortium(console: Portal) -> None:
    """A colleague sees them, another institution does not."""
    mine = dpo("dept-brume")
    async with await client(console, mine) as http:
        await http.get("/dpo/search?type=exchange.decided")
        await settle(console)
        page = (await http.get("/dpo/consultations")).text
        assert ">vous<" in page.replace("\n", "")
        assert "événement" in page
    colleague = Identity(
        role="dpo", actor="c" * 32, owner="test:colleague", organisation="dept-brume", name="Noé", provider="test"
    )
    async with await client(console, colleague) as http:
        page = (await http.get("/dpo/consultations")).text
        assert mine.actor[:8] in page
    async with await client(console, dpo("gi-brume", consortium=True)) as http:
        assert mine.actor[:8] in (await http.get("/dpo/consultations")).text
    async with await client(console, dpo("siae-brume")) as http:
        assert mine.actor[:8] not in (await http.get("/dpo/consultations")).text


async def test_a_person_is_searched_by_what_an_institution_knows_them_by(console: Portal) -> None:
    """By file number; the address holds the number of the search, the journal an entry about the person."""
    async with await client(console, dpo("ml-brume")) as http:
        answer = await post(http, "/dpo/search/person", "/dpo/search/person", by="reference", org="ml-brume",
                            name="file-amina-delorme")  # fmt: skip
        assert answer.status_code == 303
        address = answer.headers["location"]
        assert re.fullmatch(r"/dpo/search\?person=[0-9a-f]{32}", address)
        shown = (await http.get(address)).text
        assert "/dpo/entries/" in shown
        assert "amina" not in shown.lower()
        theirs = await post(http, "/dpo/search/person", "/dpo/search/person", by="reference", org="siae-brume",
                            name="file-lucas-perrin")  # fmt: skip
        assert theirs.status_code == 404
    said = [each for each in await console.bed.journal() if each["type"] == "console.searched"]
    assert (said[-1]["by"], said[-1]["found"], "subject" in said[-1]) == ("reference", True, True)
    async with await client(console, dpo("caf-brume")) as http:
        assert (await http.get(address)).status_code == 404  # another DPO's search


async def test_an_identity_is_searched_for_a_case_only(console: Portal) -> None:
    """Without the number of a case nothing is looked up, nor journaled; with it the case is in the journal."""
    pivot = console.bed.people["amina-delorme"].pivot
    identity = {
        "family_name": pivot["family_name"], "given_names": " ".join(pivot["given_names"]), "sex": pivot["sex"],
        "birth_date": pivot["birth_date"], "birth_country": pivot["birth_country"],
        "birth_place": pivot["birth_place"],
    }  # fmt: skip
    page = "/dpo/search/person?by=identity"
    async with await client(console, dpo("ml-brume")) as http:
        before = len(await console.bed.journal())
        refused = await post(http, "/dpo/search/person", page, by="identity", case="parce que", **identity)
        assert refused.status_code == 400
        for typed in (*identity.values(), "parce que"):
            assert f'value="{typed}"' in refused.text  # nothing typed is lost, and nothing of it is in the address
        assert pivot["family_name"] not in str(refused.url)
        assert len(await console.bed.journal()) == before
        found = await post(http, "/dpo/search/person", page, by="identity", case="DOS-2026-12", **identity)
        assert found.status_code == 303
        nobody = await post(http, "/dpo/search/person", page, by="identity", case="DOS-2026-13",
                            **{**identity, "family_name": "Inconnue"})  # fmt: skip
        assert nobody.status_code == 404
    said = [each for each in await console.bed.journal() if each["type"] == "console.searched"][-2:]
    assert [(each["case"], each["found"]) for each in said] == [("DOS-2026-12", True), ("DOS-2026-13", False)]


async def test_a_proof_is_verified_offline_and_no_byte_of_it_may_change(console: Portal, tmp_path: Any) -> None:
    """What the page downloads is what `passerelle audit verify` accepts; each byte changed in turn, it does not."""
    released = await index_of(console, "exchange.released", "ml-brume")
    async with await client(console, dpo("ml-brume")) as http:
        proof = (await http.get(f"/dpo/entries/{released}/proof")).content
        (tmp_path / "log.vkey").write_bytes((await http.get("/dpo/keys")).content)
    file = tmp_path / "proof.json"
    trust = read_trust([tmp_path / "log.vkey"])
    file.write_bytes(proof)
    assert [each.ok for each in verify_paths([file], trust)] == [True]
    assert json.loads(proof)["entry"].startswith("{")
    for place in range(len(proof)):
        file.write_bytes(proof[:place] + bytes([proof[place] ^ 1]) + proof[place + 1 :])
        assert not _holds(file, trust), f"byte {place}: {proof[max(0, place - 20) : place + 20]!r}"


def _holds(file: Any, trust: Any) -> bool:
    from audit.errors import NothingToVerify

    try:
        return all(each.ok for each in verify_paths([file], trust))
    except NothingToVerify:
        return False
