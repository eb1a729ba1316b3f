"""The keys of partners, one authorization server over ASGI, a whole gateway on each engine, and a person's yes."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gateway.database import Database, open_database
from gateway.oauth.client import ClientKey
from tests.bed import Bed
from tests.unit.oauth.presence import Given, Site, give, somebody, whole_bed
from tests.unit.oauth.world import World, build


@pytest.fixture(scope="session")
def client_keys() -> dict[str, ClientKey]:
    return {
        "es": ClientKey(private=ec.generate_private_key(ec.SECP256R1()), kid="es"),
        "es-next": ClientKey(private=ec.generate_private_key(ec.SECP256R1()), kid="es-next"),
        "ed": ClientKey(private=ed25519.Ed25519PrivateKey.generate(), kid="ed"),
        "ps": ClientKey(private=rsa.generate_private_key(65537, 2048), kid="ps"),
        "siae": ClientKey(private=ec.generate_private_key(ec.SECP256R1()), kid="siae"),
    }


@pytest.fixture
def log_lines() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
async def world(
    tmp_path: Path, client_keys: dict[str, ClientKey], log_lines: list[dict[str, Any]]
) -> AsyncIterator[World]:
    """On SQLite: what differs between the engines is tested in test_replay.py and test_partners.py."""
    async with (
        open_database(f"sqlite:///{tmp_path}/oauth.db") as database,
        build(database, client_keys, log_lines) as built,
    ):
        yield built


@pytest.fixture
async def world_on_each_engine(
    database: Database, client_keys: dict[str, ClientKey], log_lines: list[dict[str, Any]]
) -> AsyncIterator[World]:
    async with build(database, client_keys, log_lines) as built:
        yield built


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bed_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bed]:
    home = tmp_path_factory.mktemp("sqlite")
    async with whole_bed(home, f"sqlite:///{home}/passerelle.db") as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bed_on_postgresql(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> AsyncIterator[Bed]:
    async with whole_bed(tmp_path_factory.mktemp("postgresql"), postgres.create_database()) as opened:
        yield opened


@pytest.fixture
def site(bed_on_sqlite: Bed) -> Site:
    """The site of a partner that may send people, where the engine makes no difference."""
    return Site(bed_on_sqlite)


@pytest.fixture(params=["postgresql", "sqlite"])
def each_site(request: pytest.FixtureRequest) -> Site:
    """Where it could."""
    return Site(request.getfixturevalue(f"bed_on_{request.param}"))


@pytest_asyncio.fixture(loop_scope="session")
async def given(each_site: Site) -> Given:
    return await give(each_site)


@pytest_asyncio.fixture(loop_scope="session")
async def lucas(site: Site) -> Any:
    return await somebody(site.bed)


@pytest.fixture
def taken_back(given: Given, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The ids of tokens that were taken back."""
    seen: list[str] = []
    presence = given.site.bed.services.server.presence
    former = presence.revoke

    async def revoke(partner: str, token: str, until: int, now: int) -> None:
        assert until > now
        seen.append(token)
        await former(partner, token, until, now)

    object.__setattr__(presence, "revoke", revoke)
    yield seen
    object.__setattr__(presence, "revoke", former)
