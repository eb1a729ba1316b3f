"""Killed while it delivers and while transitions happen: no signal is lost, none is told of what did not happen."""

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from gateway.processes import free_port
from gateway.signals.models import delivery
from tests.bed import professional
from tests.conftest import PostgresServer
from tests.crash.conftest import town
from tests.crash.server import Server
from tests.receivers import GOOD, Got, receiving

PURPOSE = "orientation.rsa"
LEASE = 60_000


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_killed_at_any_moment_each_event_is_acknowledged_in_order(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Two processes deliver, both are killed; outbox and journal agree, a third delivers what they had begun."""
    url = f"sqlite:///{tmp_path}/p.db"
    if engine == "postgresql":
        own: PostgresServer = request.getfixturevalue("own_postgres")
        url = own.create_database()
    killed = False

    def half(got: Got) -> bytes | None:
        return GOOD if killed or receiver.got.index(got) % 2 else None  # the first one that arrives is held

    async with receiving(half) as receiver, town(tmp_path, url, webhook_allow="127.0.0.1") as where:
        services = where.bed.services
        async with Server(where.settings) as first, Server(where.settings, port=free_port(0)) as second:
            await where.bed.partner("dept-brume")
            where.token = await where.bed.token("dept-brume", professional=professional("orienteur"))
            registered = {"url": receiver.url, "signature": "hmac-sha256"}
            assert (await where.bed.post("/v1/webhooks", registered, where.token)).status_code == 201
            people = [await where.bed.link(where.token, next(where.fine)) for _ in range(16)]

            async def ask(pseudonym: str) -> None:
                body = {"subject": {"pseudonym": pseudonym}, "purpose": PURPOSE}
                answer = await where.bed.post("/v1/authorisation-requests", body, where.token)
                assert answer.json()["state"] == "active"

            await asyncio.gather(*(ask(each) for each in people[:8]))
            await asyncio.wait_for(receiver.arrived.wait(), 20)
            late = [asyncio.create_task(ask(each)) for each in people[8:]]
            await asyncio.sleep(0.05)
            for server in (first, second):
                os.kill(server.pid, signal.SIGKILL)
            for done in await asyncio.gather(*late, return_exceptions=True):
                assert done is None or isinstance(done, httpx.TransportError), done
            for server in (first, second):
                server.kill()
        told = [
            entry["authorisation"] for entry in await where.bed.journal() if entry["type"] == "authorisation.activated"
        ]
        rows = sa.select(delivery.c.authorisation, delivery.c.id, delivery.c.state).order_by(delivery.c.seq)
        kept = await services.store.read(lambda connection: connection.execute(rows).all())
        assert [row.authorisation for row in kept] == told  # one row for each entry, in its order
        assert len(told) >= 8
        killed = True
        before = len(receiver.got)
        while await services.signals.round(lambda: services.clock() + LEASE):
            await services.signals.finish()
        kept = await services.store.read(lambda connection: connection.execute(rows).all())
    assert {row.state for row in kept} == {"delivered"}
    assert {row.id for row in kept} == set(receiver.ids)
    again = set(receiver.ids[:before]) & set(receiver.ids[before:])
    assert again  # what was under way when they died
