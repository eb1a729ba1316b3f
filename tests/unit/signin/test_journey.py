"""A sign-in from one end to the other: what is sent, who is found, where it ends."""

import uuid
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import sqlalchemy as sa

from consent.models import account
from gateway.signin.addresses import own_path
from gateway.signin.models import pending
from gateway.web.cookies import NAME
from gateway.web.page import see
from tests.unit.signin.conftest import SECRET, World, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

FC = {"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "acr_values"}
PC = {"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "claims"}


@pytest.mark.parametrize(("provider", "names"), [("franceconnect", FC), ("proconnect", PC)])
async def test_only_parameters_the_provider_lists_are_sent(world: World, provider: str, names: set[str]) -> None:
    """FranceConnect refuses any other, PKCE included; state and nonce have 43 characters, new ones each time."""
    async with world.browser() as browser:
        first, second = [await world.leave(browser, provider) for _ in range(2)]
    assert set(first) == names
    assert {len(each[name]) for each in (first, second) for name in ("state", "nonce")} == {43}
    assert len({each[name] for each in (first, second) for name in ("state", "nonce")}) == 4
    assert first["redirect_uri"] == f"{world.bed.services.base_url}/signin/{provider}/back"


async def test_a_first_sign_in_finds_the_person_and_the_next_knows_them(each_world: World) -> None:
    """By civil identity, then by account, sealed under the person's key; each an entry with the person's tag."""
    world = each_world
    assert (await world.sign_in()).headers["location"] == "/me"
    first = await world.last()
    rows = await world.bed.services.store.read(lambda connection: connection.execute(sa.select(account)).all())
    assert len(rows) == 1
    assert world.fc.sub.encode() not in rows[0].sealed
    assert world.fc.sub not in rows[0].blind
    world.fc.claims = {**world.fc.claims, "family_name": "AUTREMENT"}  # married or corrected: the account counts
    assert (await world.sign_in()).headers["location"] == "/me"
    second = await world.last()
    for entry in (first, second):
        assert (entry["type"], entry["provider"], entry["role"]) == ("session.opened", "franceconnect", "beneficiary")
        assert (entry["acr"], entry["strong"]) == ("eidas1", False)
        assert "actor" not in entry
    assert "first" not in second
    assert first["subject"] != second["subject"]
    store = world.bed.services.store
    await store.write(lambda connection: connection.execute(sa.delete(account)) and None)


async def test_nobody_found_is_said_plainly_and_creates_nothing(world: World) -> None:
    """A stranger leaves no row, no name, no account behind."""
    world.fc.claims = {**world.fc.claims, "family_name": "INCONNUE", "given_name_array": ["Personne"]}
    world.fc.sub = f"{uuid.uuid4().hex * 2}v1"
    people = await world.bed.services.store.read(_count)
    answer = await world.sign_in()
    assert answer.status_code == 403
    assert "Nous n&#39;avons rien sur vous" in answer.text
    assert not signed_in(answer)
    assert await world.bed.services.store.read(_count) == people
    assert (await world.last())["reason"] == "person_unknown"


def _count(connection: sa.Connection) -> tuple[int, ...]:
    from consent.models import subject

    return tuple(connection.execute(sa.select(sa.func.count()).select_from(each)).scalar_one()
                 for each in (subject, account, pending))  # fmt: skip


@pytest.mark.parametrize(
    "claims",
    [{"birthdate": "2007-03-00"}, {"birthplace": ""}, {"gender": None}, {"family_name": "李"}, {"birthdate": None}],
    ids=["a day that is not known", "born in France, nobody knows where", "no sex", "no Latin letters", "no date"],
)
async def test_an_incomplete_identity_finds_nobody(world: World, claims: dict[str, Any]) -> None:
    """What cannot be compared surely is not compared at all."""
    world.fc.claims, world.fc.sub = {**world.fc.claims, **claims}, f"{uuid.uuid4().hex * 2}v1"  # nobody's account yet
    answer = await world.sign_in()
    assert answer.status_code == 403
    assert not signed_in(answer)
    assert (await world.last())["reason"] == "identity_incomplete"


async def test_identities_partners_declare_differently_find_nobody(each_world: World) -> None:
    """Several matches is an outcome, never a guess; once the partner corrects itself the person gets in."""
    world = each_world
    bed, person = world.bed, world.bed.people["lucas-perrin"]
    if "dept-brume" not in bed.keys:
        await bed.partner("dept-brume")
    from tests.unit.signin.conftest import civil

    world.fc.claims, world.fc.sub = civil("lucas-perrin"), "1ca5" * 16 + "v1"
    mine, theirs = await bed.token("ml-brume"), await bed.token("dept-brume")
    await bed.link(mine, "lucas-perrin")
    wrong = {**person.identifiers, "pivot": {**person.pivot, "family_name": "PERIN"}}
    body = {"reference": "d-1", "identifiers": wrong}
    assert (await bed.post("/v1/subjects", body, theirs)).status_code == 200
    assert not signed_in(await world.sign_in())
    assert (await world.last())["reason"] == "person_ambiguous"
    body["identifiers"]["pivot"] = person.pivot
    assert (await bed.post("/v1/subjects", body, theirs)).status_code == 200
    assert signed_in(await world.sign_in())


@pytest.mark.parametrize("name", ["autre", "FranceConnect", "franceconnect%00"])
async def test_an_unknown_provider_is_a_page_that_is_not_there(world: World, name: str) -> None:
    """Nothing is begun."""
    async with world.browser() as browser:
        assert (await browser.get(f"/signin/{name}")).status_code == 404
        assert (await browser.get(f"/signin/{name}/back?state=x&code=y")).status_code == 404


async def test_no_code_token_or_name_is_logged(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """One line per request: the route's template, a word, numbers."""
    capsys.readouterr()
    async with world.browser() as browser:
        asked = await world.leave(browser)
        await world.back(browser, asked, code="a-very-secret-code")
        await world.back(browser, asked, code="a-very-secret-code")
    said = "".join(capsys.readouterr())
    assert "/signin/{provider}/back" in said
    for value in (asked["state"], asked["nonce"], "a-very-secret-code", SECRET, world.fc.access_token, world.fc.sub,
                  "Amina", "DELORME", browser.cookies[NAME]):  # fmt: skip
        assert value not in said


@pytest.mark.parametrize(
    "path",
    ["/me", "/me/history?org=caf-brume&page=2", "/dpo/entries/12", "/pro", "/r/abc",
     "/oauth/authorize?client_id=ml-brume&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Aabc"],
)  # fmt: skip
async def test_a_sign_in_ends_where_it_was_wanted(world: World, path: str) -> None:
    """Our own paths travel along, kept here and not in the provider's sight."""
    async with world.browser() as browser:
        answer = await browser.get("/signin/franceconnect", params={"next": path})
        asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert path not in answer.headers["location"]
        world.fc.nonce = asked["nonce"]
        assert (await world.back(browser, asked)).headers["location"] == see(path).headers["location"]


@pytest.mark.parametrize(
    "path",
    ["https://evil.example/", "//evil.example/me", "/\\evil.example", "\\\\evil.example", "/me\\..\\x", "/me/../../x",
     "/me//evil.example", "javascript:alert(1)", "/me\r\nX: 1", "/me\t", " /me", "/men", "/static/x", "/signout",
     "/me@evil.example", "/%6de", "/me/%2e%2e/x", "/me?x=\n", "/me#x", "me", "/me" + "/a" * 2000, "/mé"],
)  # fmt: skip
async def test_a_sign_in_never_ends_elsewhere(world: World, path: str) -> None:
    """Open redirects (CWE-601): what is not surely ours is forgotten."""
    assert own_path(path) == ""
    async with world.browser() as browser:
        answer = await browser.get("/signin/franceconnect", params={"next": path})
        asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        world.fc.nonce = asked["nonce"]
        assert (await world.back(browser, asked)).headers["location"] == "/me"
