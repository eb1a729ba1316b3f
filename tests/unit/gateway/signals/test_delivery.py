"""Signals over real HTTP: in which order, what happens when a receiver does not behave, or a process."""

import asyncio
import contextlib
from email.utils import formatdate
from pathlib import Path

import aiohttp
import pytest
import sqlalchemy as sa

from gateway.app import build_app
from gateway.processes import free_port
from gateway.services import open_services, wall_clock
from gateway.signals.delivery import Limits, next_attempt
from gateway.signals.models import endpoint
from tests.bed import settings_of
from tests.receivers import GOOD, answer, receiving
from tests.unit.gateway.signals.conftest import HOUR, SECOND, World, opened

DAY = 24 * HOUR


def hurried(world: World) -> None:
    """Ten seconds of patience are too long for a test."""
    world.services.signals._client._timeout = aiohttp.ClientTimeout(total=0.3)


async def test_a_failing_delivery_holds_back_that_person_only(world: World) -> None:
    """The other person's signals pass; once it is acknowledged, the held one follows in order."""
    lucas, ines = await world.person("lucas-perrin"), await world.person("ines-marchetti")
    down = True
    async with receiving(lambda got: answer(500) if down and got.event["data"]["subject"] == lucas else GOOD) as there:
        await world.register(there.url)
        authorisation = await world.give(lucas)
        await world.withdraw(lucas, authorisation)
        await world.withdraw(ines, await world.give(ines))
        await world.deliver()
        told = [(got.event["data"]["subject"], got.event["type"]) for got in there.got]
        assert told.count((lucas, "authorisation.given")) == 1
        assert (lucas, "authorisation.withdrawn") not in told
        assert [name for who, name in told if who == ines] == ["authorisation.given", "authorisation.withdrawn"]
        down = False
        world.clock.now += 10 * SECOND
        await world.deliver()
    assert [got.event["type"] for got in there.got[-2:]] == ["authorisation.given", "authorisation.withdrawn"]
    assert len(set(there.ids)) == 4
    assert {row["state"] for row in await world.rows()} == {"delivered"}


async def test_one_endpoint_does_not_hold_back_another(world: World) -> None:
    """Nor the withdrawal, whoever is down."""
    async with receiving() as good, receiving(lambda _: None) as silent:
        hurried(world)
        for url in (silent.url, good.url, f"http://127.0.0.1:{free_port(0)}/dead"):
            await world.register(url)
        pseudonym = await world.person()
        await world.withdraw(pseudonym, await world.give(pseudonym))
        await world.deliver()
    assert good.types == ["authorisation.given", "authorisation.withdrawn"]
    words = {row["outcome"] for row in await world.rows()}
    assert words == {"acknowledged", "timed_out", "unreachable", None}


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (answer(500, body=b"x" * 100), "refused"),
        (answer(404), "refused"),
        (answer(302, "Location: http://127.0.0.1:1/elsewhere"), "redirected"),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n", "unreachable"),
        (b"no HTTP at all\r\n\r\n", "unreachable"),
        (b"", "unreachable"),
    ],
)
async def test_whatever_a_receiver_answers_has_a_word_and_is_tried_again(
    world: World, said: bytes, outcome: str
) -> None:
    """A redirect is not followed, an endless header is not read."""
    async with receiving(lambda _: said or None) as receiver:
        if not said:
            receiver.script = lambda _: b"HTTP/1.1 "  # and nothing more
            hurried(world)
            outcome = "timed_out"
        await world.register(receiver.url)
        await world.give(await world.person())
        await world.deliver()
        (row,) = await world.rows()
        assert (row["state"], row["outcome"], row["attempts"]) == ("pending", outcome, 1)
        receiver.script = lambda _: GOOD
        world.clock.now += 5 * SECOND
        await world.deliver()
    assert len(receiver.got) == 2
    assert receiver.ids[0] == receiver.ids[1]
    assert receiver.got[0].body == receiver.got[1].body


async def test_an_endless_answer_is_not_waited_for(world: World) -> None:
    """A 2xx says all; the body is not read."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b"x" * 65536 + b"\r\n"
    async with receiving(lambda _: head) as receiver:
        await world.register(receiver.url)
        await world.give(await world.person())
        await asyncio.wait_for(world.deliver(), 5)
    assert [row["state"] for row in await world.rows()] == ["delivered"]


@pytest.mark.parametrize("how", ["seconds", "date", "nonsense", "far", "beyond"])
async def test_retry_after_is_honoured_for_the_whole_endpoint(world: World, how: str) -> None:
    """Until then nobody's signal is tried there; a day at most, and what cannot be read is ignored."""
    at = (world.clock.now // SECOND + 600) * SECOND
    text = {"seconds": "600", "date": formatdate(at / 1000, usegmt=True), "nonsense": "soon", "far": "99999999",
            "beyond": f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"}[how]  # fmt: skip
    waits = {"seconds": 600 * SECOND, "date": 600 * SECOND, "nonsense": 0, "far": DAY, "beyond": 0}[how]
    async with receiving(lambda _: answer(503, f"Retry-After: {text}")) as receiver:
        await world.register(receiver.url)
        await world.give(await world.person("lucas-perrin"))
        await world.deliver()
        await world.give(await world.person("ines-marchetti"))
        receiver.script = lambda _: GOOD
        if waits:
            world.clock.now += waits - 2 * SECOND
            await world.deliver()
            assert len(receiver.got) == 1
        world.clock.now += 8 * SECOND
        await world.deliver()
    assert len(receiver.got) == 3


async def test_gone_disables_at_once_and_enabling_goes_on(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """410: one entry in the journal, one line for the operator; nothing is lost meanwhile."""
    async with receiving(lambda _: answer(410)) as receiver:
        made = await world.register(receiver.url)
        pseudonym = await world.person()
        authorisation = await world.give(pseudonym)
        before = await world.bed.size()
        await world.deliver()
        (entry,) = await world.bed.journal(before)
        assert (entry["type"], entry["org"], entry["reason"]) == ("signal.disabled", "ml-brume", "gone")
        assert f"webhook {made['id']} of ml-brume is disabled: gone" in caplog.text
        (shown,) = (await world.call("GET", "/v1/webhooks")).json()["webhooks"]
        assert (shown["state"], shown["reason"]) == ("disabled", "gone")
        receiver.script = lambda _: GOOD
        await world.withdraw(pseudonym, authorisation)
        world.clock.now += 100 * SECOND
        await world.deliver()
        assert len(receiver.got) == 1
        shown = (await world.call("POST", f"/v1/webhooks/{made['id']}/enable")).json()
        assert shown["state"] == "active"
        await world.deliver()
    assert receiver.types == ["authorisation.given", "authorisation.given", "authorisation.withdrawn"]
    assert receiver.ids[0] == receiver.ids[1]


async def test_three_days_without_acknowledgement_disable(world: World) -> None:
    """Not before; two processes that see it at once write one entry."""
    async with receiving(lambda _: answer(500)) as receiver:
        await world.register(receiver.url)
        await world.give(await world.person("lucas-perrin"))
        await world.give(await world.person("ines-marchetti"))
        before = await world.bed.size()
        for _ in range(71):
            await world.deliver()
            world.clock.now += HOUR
        assert await world.bed.size() == before
        world.clock.now += HOUR
        await world.deliver()
        assert [entry["type"] for entry in await world.bed.journal(before)] == ["signal.disabled"]
        count = len(receiver.got)
        world.clock.now += DAY
        await world.deliver()
    assert len(receiver.got) == count


async def test_several_processes_share_the_work_without_double_or_disorder(
    world: World, tmp_path: Path, database_url: str
) -> None:
    """Three gateways on one database, twelve people, four at once: each event once, each person's in order."""
    async with receiving(pause=0.005) as receiver, contextlib.AsyncExitStack() as stack:
        await world.register(receiver.url)
        people = [await world.person(name) for name in list(world.bed.people)[:12] if name != "nobody"]
        for pseudonym in people:
            await world.withdraw(pseudonym, await world.give(pseudonym))
        known = settings_of(
            tmp_path, database_url=database_url, sandbox_url=world.bed.sandbox, webhook_allow="127.0.0.1"
        )
        others = [await stack.enter_async_context(open_services(known, clock=world.clock)) for _ in range(2)]
        every = [world.services, *others]
        for _ in range(200):
            await asyncio.gather(*(world.deliver(services) for services in every))
            if {row["state"] for row in await world.rows()} == {"delivered"}:
                break
    assert len(receiver.ids) == len(set(receiver.ids)) == 2 * len(people)
    assert receiver.most <= world.services.signals.limits.per_endpoint
    for pseudonym in people:
        told = [got.event["type"] for got in receiver.got if got.event["data"]["subject"] == pseudonym]
        assert told == ["authorisation.given", "authorisation.withdrawn"]


async def test_a_process_that_dies_leaves_its_claim_to_another(world: World) -> None:
    """Nobody repeats it while the lease runs; then it goes again under the same id."""
    async with receiving(lambda _: None) as receiver:
        await world.register(receiver.url)
        await world.give(await world.person())
        assert await world.services.signals.round(world.clock)
        await receiver.arrived.wait()
        for task in list(world.services.signals._under_way):
            task.cancel()  # as if killed: nothing is written down
        await world.services.signals.finish()
        receiver.script = lambda _: GOOD
        await world.deliver()
        assert len(receiver.got) == 1
        world.clock.now += world.services.signals.limits.lease_ms
        await world.deliver()
    assert len(receiver.got) == 2
    assert receiver.ids[0] == receiver.ids[1]


async def test_a_process_that_stops_gives_its_claims_back(world: World) -> None:
    """The next one begins at once."""
    async with receiving(lambda _: None) as receiver:
        await world.register(receiver.url)
        await world.give(await world.person())
        running = asyncio.create_task(world.services.signals.run(world.clock))
        await receiver.arrived.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        receiver.script = lambda _: GOOD
        await world.deliver()
    assert len(receiver.got) == 2
    assert receiver.ids[0] == receiver.ids[1]


async def test_whatever_fails_is_told_by_its_code_and_the_loop_goes_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A secret that does not open is not settled; a table that is gone is looked for again."""
    async with receiving() as receiver:
        await world.register(receiver.url)
        await world.give(await world.person())
        broken = sa.update(endpoint).values(secret=b"broken")
        await world.services.store.write(lambda connection: connection.execute(broken) and None)
        await world.deliver()
        assert "a signal was not settled: seal_broken" in caplog.text
        assert [row["state"] for row in await world.rows()] == ["pending"]
        gone = sa.text("ALTER TABLE signal_delivery RENAME TO elsewhere")
        await world.services.store.write(lambda connection: connection.execute(gone) and None)
        running = asyncio.create_task(world.services.signals.run(world.clock))
        while "signals cannot be looked up: store_unavailable" not in caplog.text:  # noqa: ASYNC110  a log has no event
            await asyncio.sleep(0.01)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert receiver.got == []


async def test_no_more_is_begun_than_the_process_may_have_under_way(world: World) -> None:
    """What is left waits for the next round."""
    world.services.signals.limits = Limits(at_once=1)
    hurried(world)
    async with receiving(lambda _: None) as receiver:
        await world.register(receiver.url)
        for name in ("lucas-perrin", "ines-marchetti"):
            await world.give(await world.person(name))
        assert await world.services.signals.round(world.clock)
        assert not await world.services.signals.round(world.clock)
        await world.services.signals.finish()
    assert len(receiver.got) == 1


def test_waiting_grows_to_an_hour_and_is_never_shorter_than_asked() -> None:
    """Exponential, with jitter, `Retry-After` as the least."""
    assert [next_attempt(n, None, now=0, draw=1.0) for n in (1, 2, 3, 10, 11, 400)] == [
        5_000, 10_000, 20_000, 2_560_000, HOUR, HOUR,
    ]  # fmt: skip
    assert next_attempt(1, None, now=7, draw=0.5) == 2_507
    assert next_attempt(1, 60_000, now=0, draw=1.0) == 60_000
    assert next_attempt(1, 10 * DAY, now=0, draw=1.0) == DAY


async def test_a_gateway_that_serves_delivers_by_itself(tmp_path: Path) -> None:
    """The loop of the running application, with the wall clock."""
    async with opened(tmp_path, f"sqlite:///{tmp_path}/p.db") as world, receiving() as receiver:
        await world.register(receiver.url)
        world.clock.now = wall_clock()
        async with build_app(world.services)._app.lifespan_context(None):
            await world.give(await world.person())
            await asyncio.wait_for(receiver.arrived.wait(), 20)
    assert receiver.types == ["authorisation.given"]
