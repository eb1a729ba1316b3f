"""A clock that a test moves, and connectors that are closed after it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from connectors.base import Connector, Fetched
from connectors.registry import build
from tests.unit.connectors.factories import NOW, ask
from tests.unit.connectors.ft_answers import FOUND, SEARCH, TOKEN


class Hands:
    """A wall clock in a test's hands."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
async def connect(clock: Hands) -> AsyncIterator[Callable[[Mapping[str, Any]], Connector]]:
    """Builds connectors from settings and closes them."""
    built: list[Connector] = []

    def make(config: Mapping[str, Any]) -> Connector:
        built.append(build(config, clock=clock))
        return built[-1]

    yield make
    for connector in built:
        await connector.close()


@pytest.fixture
def fetch():
    """Asks one connector for fields about somebody; the deadline is far unless said."""

    async def run(connector: Connector, *fields: str, within: float = 5.0, **known: Any) -> Mapping[str, Fetched]:
        deadline = asyncio.get_running_loop().time() + within
        return await connector.fetch(ask(*fields, **known), deadline=deadline)

    return run


@pytest.fixture
def signed_in(httpx_mock):
    """A token endpoint that grants, and a search that finds."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "jeton-1", "expires_in": 1499, "token_type": "Bearer"})
    httpx_mock.add_response(url=SEARCH, json=FOUND)
    return httpx_mock
