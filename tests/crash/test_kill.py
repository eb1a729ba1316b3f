"""kill -9 at any moment: no answer without its entry, no acknowledged entry lost, and it starts again (P2)."""

import asyncio
import random
from pathlib import Path

import httpx
import pytest

from audit import receipts
from audit.verify import verify_directory
from gateway.copies import export_log
from tests.crash.conftest import SLOW_SECONDS, Town, enter, town
from tests.crash.server import Server


async def load(where: Town, people: list[str], answers: list[httpx.Response]) -> None:
    """Ask about one person after the other until the server is gone."""
    for turn in range(10_000):
        try:
            answers.append(await where.exchange(people[turn % len(people)], "rsa", "registration", "rdv"))
        except httpx.TransportError:
            return


async def check(where: Town, answers: list[httpx.Response]) -> int:
    """Every answer's entry is there, as the receipt says; gives how many releases were answered."""
    journal = await where.bed.journal()  # asserts that the numbers follow each other
    released = 0
    for answer in answers:
        body = answer.json()
        if answer.status_code == 200:
            released += 1
            receipt = body["proof"]["receipt"]
            entry = receipts.verify(receipt, where.bed.services.keys.receipt.vkey)
            assert journal[receipt["index"]] == entry
            assert entry["type"] == "exchange.released"
            assert entry["ref"] == body["exchange"]
        elif "entry" in body:
            assert journal[body["entry"]]["type"] == "exchange.decided"
    decided = {entry["ref"] for entry in journal if entry["type"] == "exchange.decided"}
    assert {entry["ref"] for entry in journal if entry["type"] == "exchange.released"} <= decided
    return released


async def test_killed_under_load_it_has_lost_no_entry_and_starts_again(database_url: str, tmp_path: Path) -> None:
    """Two kills at random moments, sixteen clients; then the whole log verifies offline."""
    answers: list[httpx.Response] = []
    async with town(tmp_path, database_url) as where, Server(where.settings) as server:
        await enter(where)
        people = [await where.ready() for _ in range(16)]
        refused = await where.bed.link(where.token, next(where.fine))
        for kill in range(2):
            clients = [asyncio.create_task(load(where, [person, refused], answers)) for person in people]
            await asyncio.sleep(0.3 + random.random())  # noqa: S311  any moment
            async with asyncio.timeout(30):  # after some answers, however busy the machine is
                while sum(answer.status_code == 200 for answer in answers) <= kill:  # noqa: ASYNC110  answers are a list
                    await asyncio.sleep(0.01)
            server.kill()
            await asyncio.gather(*clients)
            assert await check(where, answers) > kill
            await server.start()
        answer = await where.exchange(people[0])
        assert answer.status_code == 200, answer.text
        assert await check(where, [*answers, answer]) > 2
        await asyncio.sleep(1.3)  # the publisher signs each second
        size = await where.bed.size()
        assert await export_log(where.settings, tmp_path / "log") >= size
        report = verify_directory(tmp_path / "log", where.bed.services.keys.log.signing[-1].vkey)
        assert report.ok, str(report)


@pytest.mark.parametrize("moment", [0.5, 1.0])
async def test_killed_between_the_two_entries_nothing_has_left(tmp_path: Path, moment: float) -> None:
    """While the source is slow the decision is recorded and the release is not: a kill there gives no answer."""
    async with town(tmp_path, f"sqlite:///{tmp_path}/passerelle.db") as where, Server(where.settings) as server:
        await enter(where)
        pseudonym = await where.ready(slow=True)
        before = await where.bed.size()
        asked = asyncio.create_task(where.exchange(pseudonym))
        await asyncio.sleep(SLOW_SECONDS * moment)
        server.kill()
        [outcome] = await asyncio.gather(asked, return_exceptions=True)
        journal = await where.bed.journal(before)
        assert journal[0]["type"] == "exchange.decided"
        if isinstance(outcome, httpx.Response):
            assert await check(where, [outcome]) == 1
        else:
            assert isinstance(outcome, httpx.TransportError)
        if moment < 0.9:
            assert [entry["type"] for entry in journal] == ["exchange.decided"]
        await server.start()
        assert (await where.exchange(pseudonym)).status_code == 200


async def test_told_to_stop_it_finishes_the_answers_under_way(tmp_path: Path) -> None:
    """SIGTERM is not a crash: what was being answered is answered, with its entry."""
    async with town(tmp_path, f"sqlite:///{tmp_path}/passerelle.db") as where:
        async with Server(where.settings):
            await enter(where)
            pseudonym = await where.ready(slow=True)
            asked = asyncio.create_task(where.exchange(pseudonym))
            await asyncio.sleep(SLOW_SECONDS / 2)
        answer = await asked
        assert await check(where, [answer]) == 1
