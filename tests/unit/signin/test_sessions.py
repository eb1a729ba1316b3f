"""Sessions: listed and ended by their owner, over with the person; the cookie's name follows the address."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from consent.models import account
from consent.wiping import wipe
from gateway.web.cookies import NAME
from gateway.web.models import web_session
from tests.bed import bed, served
from tests.unit.signin.conftest import SECRET, Clock, World, civil
from tests.unit.signin.hostile import Hostile

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_person_ends_their_other_sessions(each_world: World) -> None:
    """One, or all; each an entry with the person's tag. Nobody ends somebody else's."""
    world, sessions = each_world, each_world.bed.services.sessions
    secrets = []
    for _ in range(3):
        async with world.browser() as browser:
            await world.back(browser, await world.leave(browser))
            secrets.append(browser.cookies[NAME])
    visitors = [await sessions.find(each, world.clock()) for each in secrets]
    first = visitors[0]
    assert first is not None
    assert {each.id for each in await sessions.listed(first.identity, world.clock())} == {
        each.session for each in visitors if each
    }
    await world.list_dpo("caf-brume", "professional")
    async with world.browser() as browser:
        await world.back(browser, await world.leave(browser, "proconnect"), "proconnect")
        stranger = await sessions.find(browser.cookies[NAME], world.clock())
    assert stranger is not None
    assert not await sessions.end(first.session, identity=stranger.identity)
    assert await sessions.end(first.session, identity=first.identity)
    assert not await sessions.end(first.session, identity=first.identity)
    assert (await world.last())["reason"] == "ended"
    assert await sessions.end_all(first.identity) == 2
    assert [await sessions.find(each, world.clock()) for each in secrets] == [None] * 3


async def test_an_erased_person_has_no_account_left(each_world: World) -> None:
    """What recognised them goes in the transaction of the erasure."""
    world = each_world
    await world.sign_in()
    services = world.bed.services
    subject = await services.people.resolve(partner="ml-brume", reference="file-amina-delorme")
    key = await services.vault.open(subject)
    query = sa.select(sa.func.count()).select_from(account).where(account.c.subject == subject)

    class UndoneError(Exception):
        pass

    def work(connection: sa.Connection) -> None:
        assert connection.execute(query).scalar_one() == 1
        wipe(connection, subject, key, now=world.clock())
        assert connection.execute(query).scalar_one() == 0
        raise UndoneError

    with pytest.raises(UndoneError):
        await services.store.write(work)


async def test_a_session_sealed_for_another_row_is_none(world: World) -> None:
    """Who can write to the database cannot give a session somebody else's content."""
    sessions, rows = world.bed.services.sessions, []
    for _ in range(2):
        async with world.browser() as browser:
            await world.back(browser, await world.leave(browser))
            rows.append(browser.cookies[NAME])
    store = world.bed.services.store
    query = sa.select(web_session.c.id, web_session.c.sealed).order_by(web_session.c.id)
    found = await store.read(lambda connection: connection.execute(query).all())
    swap = sa.update(web_session).where(web_session.c.id == found[0].id).values(sealed=found[1].sealed)
    await store.write(lambda connection: connection.execute(swap) and None)
    open_ = [each for each in rows if await sessions.find(each, world.clock()) is not None]
    assert len(open_) == 1


async def test_over_https_cookies_have_their_protected_names(tmp_path: Path) -> None:
    """`__Host-` and Secure everywhere but on this machine by plain HTTP."""
    clock: Any = Clock()
    op = Hostile(name="franceconnect", clock=clock, claims=civil("amina-delorme"))
    async with served(op.app()) as url:
        op.issuer = f"{url}/op"
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "secret").chmod(0o600)
        (tmp_path / "providers.yaml").write_text(
            f"franceconnect: {{profile: franceconnect, name: FC, issuer: '{op.issuer}', client_id: passerelle, "
            "client_secret_file: secret}"
        )
        async with bed(
            tmp_path, database_url=f"sqlite:///{tmp_path}/passerelle.db", sandbox_url="http://127.0.0.1:9", clock=clock,
            public_url="https://passerelle.example", identity_providers=str(tmp_path / "providers.yaml"),
        ) as opened:  # fmt: skip
            await opened.partner("ml-brume")
            await opened.link(await opened.token("ml-brume"), "amina-delorme")
            world = World(bed=opened, clock=clock, fc=op, pc=op)
            transport = httpx.ASGITransport(app=opened.http._transport.app)  # type: ignore[attr-defined]
            async with httpx.AsyncClient(transport=transport, base_url="https://passerelle.example") as browser:
                asked = await world.leave(browser)
                assert asked["redirect_uri"] == "https://passerelle.example/signin/franceconnect/back"
                answer = await world.back(browser, asked)
                [cookie] = answer.headers.get_list("set-cookie")
                names = sorted(browser.cookies)
    assert names == ["__Host-passerelle", "__Host-passerelle-signin"]
    for word in ("Secure", "HttpOnly", "Path=/", "SameSite=lax"):
        assert word in cookie
    assert "Domain" not in cookie
