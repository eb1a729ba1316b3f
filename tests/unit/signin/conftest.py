"""A gateway in front of two identity providers over real sockets, which a test turns hostile."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
import yaml

from connectors.sandbox.people import load
from gateway.pace import Pace
from gateway.signin.models import pending
from gateway.signin.roles import Named
from gateway.web.cookies import NAME
from gateway.web.models import web_session
from tests.bed import Bed, bed, served
from tests.unit.oauth.presence import BACK
from tests.unit.signin.hostile import Hostile

NOON = 1_795_348_800_000
SECRET = "a-secret-of-the-test-of-forty-characters"
PRO = {"given_name": "Camille", "usual_name": "VERNIER", "email": "camille.vernier@pro.example",
       "siret": "99900103500016"}  # fmt: skip


class Clock:
    """Milliseconds a test moves."""

    now = NOON

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


def civil(name: str) -> dict[str, Any]:
    """What FranceConnect tells of a person of the sandbox."""
    pivot = load()[name].pivot
    return {
        "given_name": " ".join(pivot["given_names"]),
        "given_name_array": pivot["given_names"],
        "family_name": pivot["family_name"],
        "birthdate": str(pivot["birth_date"]),
        "birthplace": pivot["birth_place"] or "",
        "birthcountry": pivot["birth_country"],
        "gender": "female" if pivot["sex"] == "F" else "male",
    }


@dataclass(kw_only=True)
class World:
    """The gateway, its two providers, and browsers."""

    bed: Bed
    clock: Clock
    fc: Hostile
    pc: Hostile

    def browser(self) -> httpx.AsyncClient:
        """One that follows nothing."""
        transport = httpx.ASGITransport(app=self.bed.http._transport.app)  # type: ignore[attr-defined]
        return httpx.AsyncClient(transport=transport, base_url=self.bed.services.base_url)

    def of(self, provider: str) -> Hostile:
        return {"franceconnect": self.fc, "proconnect": self.pc}[provider]

    async def leave(
        self, browser: httpx.AsyncClient, provider: str = "franceconnect", query: str = ""
    ) -> dict[str, str]:
        """Begin; gives the parameters of the authorization request."""
        answer = await browser.get(f"/signin/{provider}{query}")
        assert answer.status_code == 303, answer.text
        asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        self.of(provider).nonce = asked["nonce"]
        return asked

    async def back(
        self, browser: httpx.AsyncClient, asked: dict[str, str], provider: str = "franceconnect", **change: Any
    ) -> httpx.Response:
        """Come back with a code."""
        returned = {"code": "a-code", "state": asked["state"]}
        if self.of(provider).returns_issuer:
            returned["iss"] = self.of(provider).issuer
        returned = {name: each for name, each in {**returned, **change}.items() if each is not ...}
        return await browser.get(f"/signin/{provider}/back", params=returned)

    async def sign_in(self, provider: str = "franceconnect", query: str = "", **change: Any) -> httpx.Response:
        """All of it, in a new browser."""
        async with self.browser() as browser:
            return await self.back(browser, await self.leave(browser, provider, query), provider, **change)

    async def sessions(self) -> int:
        """How many there are."""
        query = sa.select(sa.func.count()).select_from(web_session)
        return await self.bed.services.store.read(lambda connection: connection.execute(query).scalar_one())

    async def last(self) -> dict[str, Any]:
        """The newest entry of the journal."""
        return (await self.bed.journal(await self.bed.size() - 1))[0]

    async def noted(self, before: int) -> list[tuple[str, ...]]:
        """What the journal says of refusals since: entries, then what was counted."""
        await self.bed.services.server.ledger.settle(self.clock())
        entries = await self.bed.journal(before)
        refused = [
            ("refused", each["reason"], each["provider"]) for each in entries if each["type"] == "signin.refused"
        ]
        noise = [each["counts"] for each in entries if each["type"] == "token.noise"]
        return refused + [(kind, str(times)) for each in noise for kind, times in each.items()]

    async def list_dpo(self, organisation: str = "caf-brume", role: Any = "dpo", **named: Any) -> str:
        """A line of the allow-list."""
        named = named or {"mail": PRO["email"], "siret": PRO["siret"]}
        return await self.bed.services.entrance.roles.give(
            role, organisation, Named(issuer=self.pc.issuer, **named), provider="proconnect", now=self.clock()
        )

    async def no_roles(self) -> None:
        """An empty list again."""
        roles = self.bed.services.entrance.roles
        for line in await roles.lines():
            await roles.remove(line.id, now=self.clock())


@contextlib.asynccontextmanager
async def open_world(home: Path, url: str) -> AsyncIterator[World]:
    clock = Clock()
    fc = Hostile(name="franceconnect", clock=clock, claims=civil("amina-delorme"))
    pc = Hostile(name="proconnect", clock=clock, claims=PRO)
    (home / "secret").write_text(SECRET)
    (home / "secret").chmod(0o600)
    async with served(fc.app()) as fc_url, served(pc.app()) as pc_url:
        fc.issuer, pc.issuer = f"{fc_url}/op", f"{pc_url}/op"
        entries = {
            each.name: {
                "profile": each.name,
                "name": each.name.title(),
                "issuer": each.issuer,
                "client_id": "passerelle",
                "client_secret_file": "secret",
            }
            for each in (fc, pc)
        }
        (home / "providers.yaml").write_text(yaml.safe_dump(entries))
        async with bed(
            home, database_url=url, sandbox_url="http://127.0.0.1:9", clock=clock,
            identity_providers=str(home / "providers.yaml"),
        ) as opened:  # fmt: skip
            await opened.partner("ml-brume", redirect_uris=[BACK])
            token = await opened.token("ml-brume")
            await opened.link(token, "amina-delorme")
            yield World(bed=opened, clock=clock, fc=fc, pc=pc)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    home = tmp_path_factory.mktemp("signin")
    async with open_world(home, f"sqlite:///{home}/passerelle.db") as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _postgresql(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> AsyncIterator[World]:
    async with open_world(tmp_path_factory.mktemp("signin-pg"), postgres.create_database()) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def world(_sqlite: World) -> AsyncIterator[World]:
    """Where the engine makes no difference; providers as they should be."""
    async for each in _reset(_sqlite):
        yield each


@pytest.fixture(params=["sqlite", "postgresql"])
def _engine(request: pytest.FixtureRequest) -> World:
    found: World = request.getfixturevalue(f"_{request.param}")
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def each_world(_engine: World) -> AsyncIterator[World]:
    """Where it could."""
    async for each in _reset(_engine):
        yield each


async def _reset(world: World) -> AsyncIterator[World]:
    for each in (world.fc, world.pc):
        each.reset()
    world.fc.claims, world.pc.claims = civil("amina-delorme"), PRO
    world.pc.amr, world.pc.returns_issuer = ["pwd"], False
    for party in world.bed.services.entrance.parties.values():  # read again what providers publish
        party._published.__init__(party.provider, party._outbound, party._clock)
    world.bed.services.entrance.pace = Pace(burst=60, per_second=10)
    store = world.bed.services.store
    await store.write(lambda connection: connection.execute(sa.delete(web_session)) and None)
    await store.write(lambda connection: connection.execute(sa.delete(pending)) and None)
    await world.no_roles()
    yield world


def signed_in(answer: httpx.Response) -> bool:
    """Whether this answer opened a session."""
    return any(value.startswith(f"{NAME}=") for value in answer.headers.get_list("set-cookie"))
