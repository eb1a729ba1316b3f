"""A gateway whose clock is ours and whose signals leave when a test says so, on both engines."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import sandbox
from gateway.services import Services, wall_clock
from gateway.signals.models import delivery
from tests.bed import PERSON_HERSELF, Bed, bed, served

YOUTH = "support.youth"
SECOND, HOUR = 1_000, 3_600_000
HMAC, MESSAGE = "hmac-sha256", "http-message-signature"


@dataclass(slots=True)
class Clock:
    now: int = field(default_factory=wall_clock)

    def __call__(self) -> int:
        return self.now


@dataclass(slots=True)
class World:
    """The gateway, two partners: one that receives data, one it comes from."""

    bed: Bed
    clock: Clock
    tokens: dict[str, str]
    given: dict[tuple[str, str], str] = field(default_factory=dict)
    erasures: Any = None

    @property
    def services(self) -> Services:
        return self.bed.services

    async def register(self, url: str, partner: str = "ml-brume", *, signature: str = HMAC, **more: Any) -> Any:
        answer = await self.bed.post("/v1/webhooks", {"url": url, "signature": signature, **more}, self.tokens[partner])
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def call(self, method: str, path: str, partner: str = "ml-brume", body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[partner]}"}
        return await self.bed.http.request(method, path, headers=headers, json=body)

    async def person(self, name: str = "lucas-perrin", *partners: str) -> str:
        """Linked by the recipient, and by these."""
        for partner in ("ml-brume", *partners):
            self.given[name, partner] = await self.bed.link(self.tokens[partner], name)
        return self.given[name, "ml-brume"]

    async def give(self, pseudonym: str) -> str:
        return await self.bed.authorise(self.tokens["ml-brume"], "ml-brume", pseudonym, YOUTH)

    async def withdraw(self, pseudonym: str, authorisation: str) -> Any:
        subject = await self.bed.subject("ml-brume", pseudonym)
        return await self.services.authorisations.withdraw(
            authorisation, subject=subject, by=PERSON_HERSELF, now=self.clock.now
        )

    async def deliver(self, services: Services | None = None) -> None:
        """All that may go now."""
        signals = (services or self.services).signals
        while await signals.round(self.clock):
            await signals.finish()

    async def rows(self) -> list[sa.RowMapping]:
        query = sa.select(delivery).order_by(delivery.c.seq)
        return await self.services.store.read(lambda connection: list(connection.execute(query).mappings()))


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path, database_url) as it:
        yield it


@contextlib.asynccontextmanager
async def opened(home: Path, database_url: str, **settings: Any) -> AsyncIterator[World]:
    clock = Clock()
    allow = {"webhook_allow": "127.0.0.1 localhost", **settings}
    async with (
        served(sandbox.build()) as url,
        bed(home, database_url=database_url, sandbox_url=url, clock=clock, **allow) as gateway,
    ):
        tokens = {}
        for partner in ("ml-brume", "caf-brume"):
            await gateway.partner(partner)
            tokens[partner] = await gateway.token(partner)
        yield World(gateway, clock, tokens)
