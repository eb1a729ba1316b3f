"""What a browser may do twice during a sign-in and what it may not, what is kept meanwhile, and for how long."""

import asyncio
import re

import pytest
import sqlalchemy as sa

from gateway.signin.models import pending
from gateway.web.cookies import NAME
from gateway.web.sessions import IDLE_MS, LONGEST_MS
from tests.unit.signin.conftest import World, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
