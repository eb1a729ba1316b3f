"""What a DPO finds, and what they never do."""

import asyncio
import random

import pytest
import sqlalchemy as sa

from audit.models import audit_entry, audit_head
from gateway.console import consultations, models
from gateway.console.kinds import OWN, Scope, day_of
from gateway.console.projector import Projector, measure_lag
from gateway.console.search import Search
from tests.unit.gateway.console.conftest import DAY_MS, LISE, YANN, World

EVERYTHING = Scope(None)


async def _count(world: World, scope: Scope = EVERYTHING, **words) -> int:
    return (await world.search.find(scope, world.days(**words))).count


async def test_each_filter_finds_its_entries_and_no_others(world: World) -> None:
    """Every structured filter, alone."""
    await world.exchange()
    await world.exchange("siae-brume", purpose="iae.eligibility", actor=YANN, denied="withdrawn")
    await world.exchange("ml-brume", fields=("c2s.beneficiary",), actor="batch:nightly")
    await world.projector.catch_up()
    found = {
        "org": await _count(world, org="siae-brume"),
        "type": await _count(world, type="exchange.released"),
        "purpose": await _count(world, purpose="support.youth"),
        "dataset": await _count(world, dataset="c2s"),
        "decision": await _count(world, decision="deny"),
        "reason": await _count(world, reason="withdrawn"),
        "job": await _count(world, actor="batch:nightly"),
        "actor": await _count(world, actor=LISE),
        "nobody": await _count(world, actor="f" * 32),
        "none": await _count(world),
    }
    assert found == {
        "org": 1, "type": 2, "purpose": 4, "dataset": 2, "decision": 1, "reason": 1, "job": 2, "actor": 2, "nobody": 0,
        "none": 6,
    }  # fmt: skip


async def test_a_dpo_sees_what_their_institution_asked_for_and_what_was_asked_of_it(world: World) -> None:
    """As recipient or as source, a release included though it names no source; nothing of anybody else."""
    await world.exchange("ml-brume", sources=("caf-brume",))
    await world.exchange("siae-brume", sources=("ft-brume",), actor=YANN)
    await world.projector.catch_up()
    seen = {}
    for org in ("caf-brume", "dept-brume", "ft-brume", "ml-brume"):
        found = await world.search.find(Scope(org), world.days())
        seen[org] = sorted({(row.kind.org, row.kind.type) for row in found.rows})
        assert found.count == len(found.rows)
    theirs = [("ml-brume", "exchange.decided"), ("ml-brume", "exchange.released")]
    others = [("siae-brume", "exchange.decided"), ("siae-brume", "exchange.released")]
    assert seen == {"caf-brume": theirs, "dept-brume": [], "ft-brume": others, "ml-brume": theirs}
    assert await _count(world, Scope("ml-brume"), actor=YANN) == 0


async def test_pages_follow_each_other_without_hole_or_repetition(world: World) -> None:
    """Whatever the filter, the size of the page and the day on which it ends."""
    draw = random.Random(7)  # noqa: S311
    for _ in range(40):
        world.clock.now += draw.choice([1_000, DAY_MS // 3])
        denied = draw.choice(["", "", "withdrawn"])
        await world.exchange(draw.choice(["ml-brume", "siae-brume"]), actor=draw.choice([LISE, YANN]), denied=denied)
    await world.projector.catch_up()
    for words in ({}, {"org": "ml-brume"}, {"decision": "deny"}, {"actor": YANN}):
        whole = await world.search.find(EVERYTHING, world.days(**words), size=10_000)
        for size in (1, 7, len(whole.rows)):
            walked, after = [], None
            while True:
                page = await world.search.find(EVERYTHING, world.days(**words), after=after, size=size)
                assert page.days == whole.days
                walked += page.rows
                if (after := page.after) is None:
                    break
            assert walked == list(whole.rows)
        assert whole.count == len(whole.rows) == sum(whole.days.values())
        assert [row.index for row in whole.rows] == sorted((row.index for row in whole.rows), reverse=True)


async def test_bars_count_the_days_of_paris(world: World) -> None:
    """An entry of 23:30 UTC in November is of the next day in Paris."""
    world.clock.now = world.clock.now - world.clock.now % DAY_MS + DAY_MS - 1_800_000
    await world.exchange(denied="withdrawn")
    await world.projector.catch_up()
    found = await world.search.find(EVERYTHING, world.days(org="ml-brume"))
    assert found.days == {world.clock.now // DAY_MS + 1: 1}
    assert day_of(world.clock.now) == world.clock.now // DAY_MS + 1


async def test_the_projection_is_the_same_however_often_it_is_made(world: World) -> None:
    """Two processes at once, one that begins anew, a command that rebuilds: the same lines and counts."""
    for _ in range(3):
        await world.exchange()
    await world.projector.step()
    await world.exchange("siae-brume", denied="expired")
    other = Projector(world.store)
    await other.step()
    assert await world.projector.step() == 0
    before = await _tables(world)
    assert await world.projector.reindex() == 8  # log.created, three exchanges, a refusal
    assert await _tables(world) == before
    assert await measure_lag(world.store) == 0


async def test_several_processes_follow_at_once_and_add_each_entry_once(world: World) -> None:
    """The cursor moves by compare-and-set: who comes second writes nothing."""
    for _ in range(20):
        await world.exchange()
    several = [Projector(world.store) for _ in range(4)]
    await asyncio.gather(*(each.catch_up() for each in several))
    found = await world.search.find(EVERYTHING, world.days(), size=100)
    assert [row.index for row in found.rows] == list(range(40, -1, -1))
    assert found.count == 41


async def test_a_release_far_from_its_decision_is_still_seen_by_its_source(world: World) -> None:
    """The decision was read by another process, long ago."""
    ref = await world.exchange(denied="expired")
    await world.projector.catch_up()
    states = {"rsa": "unavailable"}
    common = {"ref": ref, "org": "ml-brume", "purpose": "support.youth"}
    await world.append("exchange.undelivered", **common, states=states, reason="sources_unavailable")
    await Projector(world.store).catch_up()
    found = await world.search.find(Scope("caf-brume"), world.days(type="exchange.undelivered"))
    assert found.count == 1
    linked = await world.search.linked(Scope("caf-brume"), ref=ref)
    assert [row.kind.type for row in linked] == ["exchange.decided", "exchange.undelivered"]
    assert await world.search.linked(Scope("dept-brume"), ref=ref) == []


async def test_fields_are_counted_as_they_are_released(world: World) -> None:
    """What reconciliation needs: which declared field really leaves."""
    await world.exchange(fields=("rsa.beneficiary", "rsa.since"))
    await world.exchange()
    await world.exchange(denied="expired")
    await world.projector.catch_up()
    day = day_of(world.clock.now)
    found = await world.search.fields(since=day, until=day, orgs=["ml-brume"])
    assert found == {
        ("ml-brume", "support.youth", "rsa.beneficiary"): 2,
        ("ml-brume", "support.youth", "rsa.since"): 1,
    }
    assert await world.search.actors(EVERYTHING, world.days()) == [(LISE, 5)]


async def test_what_the_retention_removed_is_removed_here(world: World) -> None:
    """A trace of who accessed what is not kept longer in the search than in the journal."""
    for _ in range(130):
        await world.exchange()
    await world.projector.catch_up()
    minimum = sa.update(audit_head).values(minimum=256)
    await world.store.write(lambda connection: connection.execute(minimum))
    await world.store.write(
        lambda connection: connection.execute(sa.delete(audit_entry).where(audit_entry.c.index < 256))
    )
    assert await world.projector.clear() == 256
    found = await world.search.find(EVERYTHING, world.days())
    assert {row.index for row in found.rows} == {256, 257, 258, 259, 260}
    assert found.count == 5
    assert await world.projector.clear() == 0


async def test_an_entry_nobody_can_read_does_not_stop_the_search(world: World) -> None:
    """It is a line like another, of the kind unreadable."""
    await world.exchange()
    garbage = {"index": 3, "span": 0, "at": world.clock.now, "hash": b"h" * 32, "leaf": b"{not json"}
    await world.store.write(lambda connection: connection.execute(sa.insert(audit_entry), garbage))
    await world.projector.catch_up()
    found = await world.search.find(EVERYTHING, world.days(type="unreadable"))
    assert [row.index for row in found.rows] == [3]


async def _tables(world: World) -> dict[str, list]:
    def work(connection):
        columns = {
            "lines": sa.select(models.line).order_by(models.line.c.index),
            "tallies": sa.select(models.tally).order_by(models.tally.c.day, models.tally.c.kind),
            "fields": sa.select(models.field).order_by(models.field.c.field),
            "kinds": sa.select(models.kind).order_by(models.kind.c.id),
        }
        return {name: connection.execute(query).all() for name, query in columns.items()}

    return await world.store.read(work)


@pytest.mark.parametrize("given", [[], [5], [1, 2, 3]])
async def test_positions_are_all_or_none(world: World, given: list[int]) -> None:
    """An export is bounded before anything of it is read."""
    await world.exchange()
    await world.projector.catch_up()
    assert await world.search.positions(EVERYTHING, world.days(), most=3) == [0, 1, 2]
    assert await world.search.positions(EVERYTHING, world.days(), most=2) is None
    among = await Search(world.store).positions(EVERYTHING, world.days(), among=given, most=9)
    assert among == [index for index in given if index < 3]


async def test_what_people_read_of_their_own_is_no_consultation(world: World) -> None:
    """Rule: theirs, or their helper's, is found as such and stands beside no DPO's; another's archive does."""
    for by in ({"by": "subject"}, {"by": "representative", "mandate": "3" * 32, "actor": YANN}):
        await world.append("log.read", what="archive", **by)
    await world.append("log.read", what="archive", org="dept-brume", actor=LISE)
    await world.append("log.read", what="extract", entries=3)
    await world.projector.catch_up()
    rows, _ = await consultations.find(world.search, EVERYTHING, today=day_of(world.clock.now))
    assert [row.index for row in rows] == [4, 3]
    own = await world.search.find(EVERYTHING, world.days(type=OWN))
    assert [row.index for row in own.rows] == [2, 1]
