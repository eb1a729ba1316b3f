"""A town for crash tests: a sandbox, a migrated database per engine, partners, and servers to kill."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors import sandbox
from connectors.sandbox.people import Person
from gateway.database import open_database
from gateway.processes import free_port
from gateway.schema import migrate
from gateway.services import open_services
from gateway.settings import Settings
from tests.bed import Bed, served, settings_of
from tests.conftest import PostgresServer
from tests.factories import crowd

YOUTH = "support.youth"
SLOW_SECONDS = 1.5


def people() -> dict[str, Person]:
    """Many who are fine, and some whose sources take their time."""
    everybody = crowd({"lucas-perrin": 60})
    for number in range(41, 61):
        person = everybody[f"lucas-perrin-{number}"]
        slow = {
            name: replace(standing, situation="slow", seconds=SLOW_SECONDS)
            for name, standing in person.standings.items()
        }
        everybody[person.id] = replace(person, standings=slow)
    return everybody


FINE = [f"lucas-perrin-{number}" for number in range(1, 41)]
SLOW = [f"lucas-perrin-{number}" for number in range(41, 61)]


class Town:
    """A bed whose HTTP client talks to a real process; the library stands beside it for what persons do."""

    def __init__(self, bed: Bed, settings: Settings) -> None:
        self.bed = bed
        self.settings = settings
        self.token = ""
        self.fine = iter(FINE)
        self.slow = iter(SLOW)

    async def ready(self, *, slow: bool = False) -> str:
        """The pseudonym of a fresh person with an authorisation in force."""
        pseudonym = await self.bed.link(self.token, next(self.slow if slow else self.fine))
        await self.bed.authorise(self.token, "ml-brume", pseudonym, YOUTH)
        return pseudonym

    async def exchange(self, pseudonym: str, *fields: str, at: str | None = None) -> httpx.Response:
        """One exchange, with the process of this town or the one at another address."""
        body = {"subject": {"pseudonym": pseudonym}, "purpose": YOUTH, "fields": list(fields or ["rsa"])}
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.bed.http.post(f"{at or self.settings.public_url}/v1/exchanges", json=body, headers=headers)


@contextlib.asynccontextmanager
async def town(home: Path, database_url: str, **more: Any) -> AsyncIterator[Town]:
    """Everything but the servers; one of them must run before `enter` is called."""
    everybody = people()
    port = free_port()
    async with served(sandbox.build(people=everybody)) as sandbox_url:
        url = f"http://127.0.0.1:{port}"
        settings = settings_of(
            home, database_url=database_url, sandbox_url=sandbox_url, public_url=url, port=port, deadline=8.0, **more
        )
        async with open_database(settings.main_url) as store, open_database(settings.keys_url) as keys:
            await migrate(store, keys)
        async with (
            open_services(settings) as services,
            httpx.AsyncClient(base_url=url, timeout=30, limits=httpx.Limits(max_keepalive_connections=0)) as http,
        ):
            bed = Bed(services=services, http=http, sandbox=sandbox_url, people=everybody)
            await bed.partner("ml-brume")
            yield Town(bed, settings)


async def enter(where: Town) -> None:
    """Get a token from the running server."""
    where.token = await where.bed.token("ml-brume")


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that a test may stop."""
    server = PostgresServer()
    yield server
    server.remove()
