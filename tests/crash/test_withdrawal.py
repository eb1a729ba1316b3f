"""Withdrawals racing with exchanges in two processes: from the journal alone, nothing leaves afterwards (P3)."""

import asyncio
import time
from pathlib import Path
from typing import Any

from gateway.processes import free_port
from tests.bed import PERSON_HERSELF
from tests.crash.conftest import YOUTH, Town, enter, town
from tests.crash.server import Server

SECONDS = 9.0


async def race(where: Town, pseudonym: str, addresses: list[str], withdrawn: dict[str, int]) -> int:
    """Exchange on both servers while the person withdraws; gives how many were answered."""
    services = where.bed.services
    subject = await where.bed.subject("ml-brume", pseudonym)
    id_ = await where.bed.authorise(where.token, "ml-brume", pseudonym, YOUTH)
    stop = asyncio.Event()
    released = 0

    async def ask(address: str) -> None:
        nonlocal released
        while not stop.is_set():
            answer = await where.exchange(pseudonym, at=address)
            assert answer.status_code in {200, 403, 409}, answer.text
            released += answer.status_code == 200

    clients = [asyncio.create_task(ask(address)) for address in addresses * 2]
    await asyncio.sleep(0.15)
    done = await services.authorisations.withdraw(id_, subject=subject, by=PERSON_HERSELF, now=services.clock())
    withdrawn[id_] = done.appended.index
    after = await asyncio.gather(*(where.exchange(pseudonym, at=address) for address in addresses))
    assert [answer.status_code for answer in after] == [403, 403], [answer.text for answer in after]
    stop.set()
    await asyncio.gather(*clients)
    return released


def late(journal: list[dict[str, Any]], withdrawn: dict[str, int]) -> list[int]:
    """The releases ordered after the withdrawal of their authorisation, read from the entries alone."""
    held = {
        entry["ref"]: entry["authorisation"]
        for entry in journal
        if entry["type"] == "exchange.decided" and "authorisation" in entry
    }
    return [
        index
        for index, entry in enumerate(journal)
        if entry["type"] == "exchange.released" and index > withdrawn.get(held[entry["ref"]], len(journal))
    ]


async def test_no_release_is_ordered_after_the_withdrawal(own_postgres, tmp_path: Path) -> None:
    """Two processes, PostgreSQL, one person after the other for nine seconds; zero late release."""
    withdrawn: dict[str, int] = {}
    released = 0
    async with town(tmp_path, own_postgres.create_database()) as where:
        second = Server(where.settings, port=free_port(0))
        async with Server(where.settings) as first, second:
            await enter(where)
            addresses = [first.url, second.url]
            people = [await where.bed.link(where.token, next(where.fine)) for _ in range(20)]
            until = time.monotonic() + SECONDS
            for turn in range(0, len(people), 2):
                if time.monotonic() > until:
                    break
                pair = (race(where, each, addresses, withdrawn) for each in people[turn : turn + 2])
                released += sum(await asyncio.gather(*pair))
        journal = await where.bed.journal()
    events = {index: entry for index, entry in enumerate(journal) if entry["type"] == "authorisation.withdrawn"}
    assert {entry["authorisation"]: index for index, entry in events.items()} == withdrawn
    assert len(withdrawn) >= 6
    assert released > len(withdrawn)
    assert late(journal, withdrawn) == []
