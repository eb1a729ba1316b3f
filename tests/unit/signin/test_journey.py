"""A sign-in as it goes: what is sent, what is kept, and what a browser may do twice."""

import asyncio
import re
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
from gateway.web.sessions import IDLE_MS, LONGEST_MS
from tests.unit.signin.conftest import PRO, SECRET, World, signed_in

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


async def test_a_callback_serves_once(world: World) -> None:
    """Replayed, reloaded or gone back to: no second session, no second exchange; who is signed in goes home."""
    async with world.browser() as browser:
        asked = await world.leave(browser)
        assert signed_in(await world.back(browser, asked))
        again = await world.back(browser, asked)
        assert (again.status_code, again.headers["location"]) == (303, "/me")
        assert not signed_in(again)
        browser.cookies.delete(NAME)
        gone = await world.back(browser, asked)
        assert gone.status_code == 400
        assert "recommencer" in gone.text
    assert await world.sessions() == 1
    assert len([what for what, _ in world.fc.asked if what == "token"]) == 1


async def test_a_callback_raced_by_many_opens_one_session(each_world: World) -> None:
    """The pending sign-in is taken by exactly one."""
    world = each_world
    async with world.browser() as browser:
        asked = await world.leave(browser)
        answers = await asyncio.gather(*(world.back(browser, asked) for _ in range(8)))
    assert sum(signed_in(each) for each in answers) == 1
    assert await world.sessions() == 1


async def test_a_callback_in_another_browser_opens_nothing(world: World) -> None:
    """Login CSRF: an attacker's own callback, followed by a victim; and it stays good for who began it."""
    async with world.browser() as attacker, world.browser() as victim:
        asked = await world.leave(attacker)
        stolen = await world.back(victim, asked)
        assert stolen.status_code == 400
        assert not signed_in(stolen)
        await world.leave(victim)  # even with a sign-in of their own under way
        assert not signed_in(await world.back(victim, asked))
        world.fc.nonce = asked["nonce"]
        assert signed_in(await world.back(attacker, asked))


async def test_two_tabs_of_one_browser_both_come_back(world: World) -> None:
    """The second replaces the session of the first: one browser, one session."""
    async with world.browser() as browser:
        first, second = [await world.leave(browser) for _ in range(2)]
        world.fc.nonce = first["nonce"]
        assert signed_in(await world.back(browser, first))
        world.fc.nonce = second["nonce"]
        assert signed_in(await world.back(browser, second))
    assert await world.sessions() == 1
    closed = await world.last()
    assert (closed["type"], closed["reason"]) == ("session.closed", "replaced")


async def test_a_secret_known_before_the_sign_in_is_worth_nothing_after(world: World) -> None:
    """Session fixation: whatever the browser came with, it leaves with another secret, and the former is over."""
    async with world.browser() as browser:
        asked = await world.leave(browser)
        browser.cookies.set(NAME, "planted-by-somebody-else", domain="127.0.0.1")
        await world.back(browser, asked)
        first = browser.cookies[NAME]
        assert first != "planted-by-somebody-else"
        asked = await world.leave(browser)
        await world.back(browser, asked)
        sessions, now = world.bed.services.sessions, world.clock()
        assert await sessions.find("planted-by-somebody-else", now) is None
        assert await sessions.find(first, now) is None
        assert await sessions.find(browser.cookies[NAME], now) is not None


async def test_a_sign_in_left_for_ten_minutes_is_over(world: World) -> None:
    """And what was left is cleared by those that follow."""
    async with world.browser() as browser:
        asked = await world.leave(browser)
        world.clock.advance(601)
        late = await world.back(browser, asked)
        assert late.status_code == 400
        assert not signed_in(late)
        await world.leave(browser)
        world.clock.advance(1201)
        await world.leave(browser)
    query = sa.select(sa.func.count()).select_from(pending)
    assert await world.bed.services.store.read(lambda connection: connection.execute(query).scalar_one()) == 1


async def test_a_session_ends_when_idle_and_in_any_case_after_twelve_hours(world: World) -> None:
    """30 minutes without a page; 12 hours in all."""
    async with world.browser() as browser:
        await world.back(browser, await world.leave(browser))
        secret, sessions, opened = browser.cookies[NAME], world.bed.services.sessions, world.clock()
    assert await sessions.find(secret, opened + IDLE_MS) is None
    at = opened
    while at < opened + LONGEST_MS:
        assert await sessions.find(secret, at) is not None
        at += IDLE_MS - 1
    assert await sessions.find(secret, opened + LONGEST_MS) is None


async def test_neither_state_nor_cookie_nor_secret_stands_in_the_database(world: World) -> None:
    """Digests and sealed rows only."""
    async with world.browser() as browser:
        asked = await world.leave(browser)
        cookie = browser.cookies["passerelle-signin"]
        rows = await world.bed.services.store.read(lambda connection: connection.execute(sa.select(pending)).all())
        await world.back(browser, asked)
        secret = browser.cookies[NAME]
        from gateway.web.models import web_session

        rows += await world.bed.services.store.read(lambda connection: connection.execute(sa.select(web_session)).all())
    text = repr([tuple(row) for row in rows])
    for value in (asked["state"], asked["nonce"], cookie, secret, "Amina", "DELORME", world.fc.sub):
        assert value not in text


async def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(world: World) -> None:
    """HttpOnly, SameSite=Lax, whole site; the name and Secure follow the address (`gateway/web/cookies.py`)."""
    async with world.browser() as browser:
        begun = await browser.get("/signin/franceconnect")
        [cookie] = begun.headers.get_list("set-cookie")
        assert re.fullmatch(r"passerelle-signin=[\w-]{43}; HttpOnly; Max-Age=600; Path=/; SameSite=lax", cookie)


async def test_one_address_does_not_begin_without_end(world: World) -> None:
    """Each beginning is a row: sixty at once, then ten a second; a page says so."""
    async with world.browser() as browser:
        statuses = [(await browser.get("/signin/franceconnect")).status_code for _ in range(62)]
        assert set(statuses) == {303, 429}
        world.clock.advance(60)
        assert (await browser.get("/signin/franceconnect")).status_code == 303


async def test_a_head_uses_nothing_up(world: World) -> None:
    """Previews of links send it."""
    async with world.browser() as browser:
        assert (await browser.head("/signin/franceconnect")).status_code == 405
        asked = await world.leave(browser)
        assert (await browser.head("/signin/franceconnect/back", params=asked)).status_code == 405
        assert signed_in(await world.back(browser, asked))


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


async def test_a_lists_dpo_signs_in_with_a_second_factor_only(each_world: World) -> None:
    """By address and SIRET the first time; a password alone gets a page that offers more, and an entry."""
    world = each_world
    await world.list_dpo()
    answer = await world.sign_in("proconnect")
    assert answer.status_code == 403
    assert "/signin/proconnect?strong=1" in answer.text
    refusal = await world.last()
    assert (refusal["type"], refusal["reason"], refusal["role"]) == ("signin.refused", "second_factor", "dpo")
    world.pc.acr = "eidas1-mfa"
    answer = await world.sign_in("proconnect", "?strong=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/dpo")
    opened = await world.last()
    assert (opened["role"], opened["org"], opened["acr"], opened["strong"]) == ("dpo", "caf-brume", "eidas1-mfa", True)
    assert opened["actor"] == refusal["actor"]
    assert "subject" not in opened


async def test_methods_count_as_a_second_factor_too(world: World) -> None:
    """`amr` with `mfa`, at a level that does not say so."""
    await world.list_dpo()
    world.pc.amr = ["pwd", "totp", "mfa"]
    assert signed_in(await world.sign_in("proconnect"))


async def test_step_up_asks_for_levels_that_have_one(world: World) -> None:
    """By an essential claim, which the provider must reach or refuse."""
    async with world.browser() as browser:
        asked = await world.leave(browser, "proconnect", "?strong=1")
    assert '"acr":{"essential":true,"values":["eidas1-mfa","eidas2","eidas3"]}' in asked["claims"]


async def test_who_is_not_on_the_list_gets_nothing(world: World) -> None:
    """Whatever the provider says of them; nor does somebody of another employer, or the next owner of an address."""
    assert not signed_in(await world.sign_in("proconnect"))
    assert (await world.last())["reason"] == "not_listed"
    await world.list_dpo("caf-brume", "professional")
    world.pc.claims = {**PRO, "siret": "99900101900010"}
    assert not signed_in(await world.sign_in("proconnect"))
    world.pc.claims = PRO
    assert signed_in(await world.sign_in("proconnect"))
    world.pc.sub = "somebody-else-with-this-address"
    assert not signed_in(await world.sign_in("proconnect"))
    assert (await world.last())["reason"] == "not_listed"


async def test_who_changes_employer_loses_the_role(world: World) -> None:
    """The SIRET of the line is asked for each time, for a bound account too."""
    await world.list_dpo("caf-brume", "professional")
    assert signed_in(await world.sign_in("proconnect"))
    world.pc.claims = {**PRO, "siret": "99900101900010"}
    assert not signed_in(await world.sign_in("proconnect"))


async def test_taking_a_role_away_ends_its_sessions_at_once(each_world: World) -> None:
    """In the same transaction as its entry."""
    world = each_world
    line = await world.list_dpo("caf-brume", "professional")
    async with world.browser() as browser:
        await world.back(browser, await world.leave(browser, "proconnect"), "proconnect")
        secret = browser.cookies[NAME]
    sessions = world.bed.services.sessions
    assert await sessions.find(secret, world.clock()) is not None
    assert await world.bed.services.entrance.roles.remove(line, now=world.clock()) == 1
    assert await sessions.find(secret, world.clock()) is None
    entry = await world.last()
    assert (entry["type"], entry["line"], entry["org"]) == ("role.removed", line, "caf-brume")
    assert not signed_in(await world.sign_in("proconnect"))


async def test_a_role_taken_away_during_the_sign_in_opens_nothing(world: World) -> None:
    """The line is looked at again in the transaction that opens the session."""
    await world.list_dpo("caf-brume", "professional")
    await world.list_dpo("caf-brume", "operator")
    world.pc.amr = ["mfa"]
    async with world.browser() as browser:
        chosen = await world.back(browser, await world.leave(browser, "proconnect"), "proconnect")
        await world.no_roles()
        answer = await _choose(world, browser, chosen.headers["location"], 0)
        assert answer.status_code == 403
        assert not signed_in(answer)


async def test_who_holds_several_roles_says_which(world: World) -> None:
    """Nothing is chosen for them, and the choice serves once, in that browser."""
    await world.list_dpo("caf-brume", "professional")
    world.clock.advance(1)
    await world.list_dpo("caf-brume", "dpo")
    world.pc.amr = ["pwd", "mfa"]
    async with world.browser() as browser, world.browser() as other:
        chosen = await world.back(browser, await world.leave(browser, "proconnect"), "proconnect")
        assert not signed_in(chosen)
        where = chosen.headers["location"]
        shown = await browser.get(where)
        assert "Délégué à la protection des données" in shown.text
        assert "checked" not in shown.text
        assert (await other.get(where)).status_code == 400
        assert (await _choose(world, other, where, 1)).status_code == 400
        for place in (-1, 2, 99, "x", ""):
            assert not signed_in(await _choose(world, browser, where, place)), place
            where = (await world.back(browser, await world.leave(browser, "proconnect"), "proconnect")).headers[
                "location"
            ]
        answer = await _choose(world, browser, where, 1)
        assert (answer.status_code, answer.headers["location"]) == (303, "/dpo")
        assert (await _choose(world, browser, where, 0)).status_code == 400


async def _choose(world: World, browser: Any, where: str, place: Any, **headers: str) -> Any:
    state = dict(parse_qsl(urlsplit(where).query))["state"]
    form = {"state": state, "way": str(place), "provider": "proconnect"}
    return await browser.post("/signin/choice", data=form, headers={"Sec-Fetch-Site": "same-origin", **headers})


async def test_a_choice_made_by_another_site_is_none(world: World) -> None:
    """The browser says where a form comes from."""
    async with world.browser() as browser:
        answer = await _choose(world, browser, "/signin/choice?state=x", 0, **{"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
