"""One gateway per engine for all these tests, in front of one sandbox full of people; a person is used by one test."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from connectors import sandbox
from tests.bed import LISE, Bed, bed, professional, served
from tests.factories import crowd, unused

SIZES = {"lucas-perrin": 250, "ines-marchetti": 20, "helene-aubert": 20, "bruno-castel": 20, "zoe-figurant": 20,
         "fatou-sarr": 5, "ginette-ravel": 5}  # fmt: skip
PARTNERS = {
    "ml-brume": LISE,
    "siae-brume": professional("conseiller"),
    "dept-brume": professional("orienteur"),
    "ft-brume": professional("conseiller"),
    "caf-brume": professional("instructeur"),
    "outil-commun": professional("referent"),
}
JSON = {"Content-Type": "application/json"}
YOUTH = "support.youth"


class World:
    """The gateway, a token per partner, people nobody has linked yet."""

    def __init__(self, gateway: Bed) -> None:
        self.bed = gateway
        self.tokens: dict[str, str] = {}
        self.machines: dict[str, str] = {}
        self._unused = {name: unused(name, size) for name, size in SIZES.items()}

    def somebody(self, like: str = "lucas-perrin") -> str:
        """A person of the sandbox whom no partner has linked yet."""
        return next(self._unused[like])

    async def known(self, partner: str = "ml-brume", *, like: str = "lucas-perrin") -> str:
        """The pseudonym of a person just linked."""
        return await self.bed.link(self.tokens[partner], self.somebody(like))

    async def ready(self, partner: str, purpose: str, *, like: str = "lucas-perrin", **given: Any) -> str:
        """The pseudonym of a person just linked, with an authorisation in force."""
        pseudonym = await self.known(partner, like=like)
        await self.bed.authorise(self.tokens[partner], partner, pseudonym, purpose, **given)
        return pseudonym

    async def ask(self, partner: str, pseudonym: str, purpose: str, fields: list[str], **more: Any) -> httpx.Response:
        """An exchange by this partner's professional."""
        return await self.bed.exchange(self.tokens[partner], pseudonym, purpose, fields, **more)

    async def raw(self, path: str, content: bytes, *, partner: str = "ml-brume", **headers: str) -> httpx.Response:
        """These very bytes."""
        sent = {"Authorization": f"Bearer {self.tokens[partner]}", **JSON}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.bed.http.post(path, content=content, headers=sent)


async def _world(home: Path, url: str) -> AsyncIterator[World]:
    people = crowd(SIZES)
    async with (
        served(sandbox.build(people=people)) as sandbox_url,
        bed(home, database_url=url, sandbox_url=sandbox_url, people=people, messenger="sandbox") as gateway,
    ):
        world = World(gateway)
        for name, who in PARTNERS.items():
            await gateway.partner(name, batch_jobs=["nightly"])
            world.tokens[name] = await gateway.token(name, professional=who)
            world.machines[name] = await gateway.token(name, professional=None)
        yield world


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    home = tmp_path_factory.mktemp("sqlite")
    async for world in _world(home, f"sqlite:///{home}/passerelle.db"):
        yield world


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def on_postgresql(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> AsyncIterator[World]:
    async for world in _world(tmp_path_factory.mktemp("postgresql"), postgres.create_database()):
        yield world


@pytest.fixture
def world(on_sqlite: World) -> World:
    """Where the engine makes no difference."""
    return on_sqlite


@pytest.fixture(params=["sqlite", "postgresql"])
def each_world(request: pytest.FixtureRequest) -> World:
    """Where it could."""
    found: World = request.getfixturevalue(f"on_{request.param}")
    return found


def check_problem(answer: httpx.Response, status: int, code: str, **members: Any) -> dict[str, Any]:
    """An RFC 9457 problem, this one, and nothing else."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert body["type"].endswith(f"/errors/{code}")
    assert body["status"] == status
    assert body["instance"] == f"urn:passerelle:request:{answer.headers['x-request-id']}"
    assert set(body) - {"type", "title", "status", "detail", "instance", "code"} <= {
        "reasons", "errors", "entry", "retry_after", "fields", "missing", "request",
    }  # fmt: skip
    for name, value in members.items():
        assert body[name] == value, body
    return body
