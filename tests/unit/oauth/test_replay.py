"""One-time token ids, on both engines and across processes."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from audit.errors import StoreUnavailable
from audit.models import metadata as journal_tables
from gateway.database import open_database
from gateway.oauth import models, replay
from gateway.oauth.replay import UsedTokens, purge

NOW = 1_800_000_000_000
ROOT = Path(__file__).parents[3]


@pytest.fixture
async def store(database):
    await database.write(models.metadata.create_all)
    return database


@pytest.fixture
async def used(store):
    memory = UsedTokens(store)
    yield memory
    await memory.close()


async def claim(used, jti, *, partner="ml-brume", expires_at=NOW + 60_000, now=NOW):
    return await used.claim(partner=partner, jti=jti, expires_at=expires_at, now=now)


async def count(store):
    return await store.read(
        lambda connection: connection.execute(sa.select(sa.func.count()).select_from(models.used_jti)).scalar_one()
    )


async def test_the_first_claim_wins(store, used):
    """A jti works once for its partner, and says nothing about another partner's."""
    assert await claim(used, "a")
    assert not await claim(used, "a")
    assert await claim(used, "a", partner="siae-brume")
    assert await claim(used, "A")


async def test_of_many_at_the_same_moment_one_wins(store, used):
    """Requests of one batch, and of two instances, share the answer."""
    here, there = used, UsedTokens(store)
    answers = await asyncio.gather(*(claim(used, f"t{n % 30}") for n in range(300) for used in (here, there)))
    await there.close()
    assert sum(answers) == 30
    assert await count(store) == 30


async def test_a_used_one_among_fresh_ones_is_refused_alone(store, used):
    """Requests of one batch are not answered for each other: what is fresh is used up, once."""
    assert await claim(used, "b")
    assert await asyncio.gather(*(claim(used, jti) for jti in "abc")) == [True, False, True]
    assert await asyncio.gather(*(claim(used, jti) for jti in "abcd")) == [False, False, False, True]
    assert await count(store) == 4


async def test_any_text_can_be_a_jti(store, used):
    """Only its digest is stored: quotes, zeros and lone surrogates are harmless."""
    for jti in ("'; DROP TABLE oauth_used_jti; --", "\x00", "\ud800", "é" * 256):
        assert await claim(used, jti)
        assert not await claim(used, jti)


async def test_an_unanswered_database_accepts_nothing(store, used):
    """If the database does not say that the jti is new, nobody is told so; the next request may succeed."""
    await store.write(models.used_jti.drop)
    outcomes = await asyncio.gather(*(claim(used, f"t{n}") for n in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    await store.write(models.used_jti.create)
    assert await claim(used, "t0")


async def test_a_caller_who_leaves_does_not_disturb_the_others(store, used):
    """Cancelling one request leaves the batch it was in, and those after it, to be answered."""
    waiting = [asyncio.create_task(claim(used, f"t{n}")) for n in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert outcomes[0] is True
    assert outcomes[2] is True
    await used.close()
    assert await claim(used, "later")


async def test_a_caller_who_left_hears_of_no_failure(store, used):
    """A failing batch with a cancelled request in it does not fail twice."""
    await store.write(models.used_jti.drop)
    waiting = [asyncio.create_task(claim(used, f"t{n}")) for n in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, StoreUnavailable]
    await used.close()


async def test_more_than_a_batch_is_answered_in_several(store, used, monkeypatch):
    """A crowd is served in bounded statements."""
    monkeypatch.setattr(replay, "_MAX_BATCH", 7)
    assert all(await asyncio.gather(*(claim(used, f"t{n}") for n in range(50))))


async def test_used_ids_are_forgotten_once_their_tokens_have_expired_everywhere(store, used):
    """Two minutes after expiry, more than any tolerated clock difference, the row has no use."""
    await claim(used, "old", expires_at=NOW + 1_000)
    await claim(used, "young", expires_at=NOW + 3_600_000)
    assert await store.write(lambda connection: purge(connection, now=NOW + 121_000)) == 0
    assert await store.write(lambda connection: purge(connection, now=NOW + 121_001)) == 1
    assert not await claim(used, "young", expires_at=NOW + 3_600_000)


async def test_forgetting_goes_along_with_claiming(store, used, monkeypatch):
    """No job of its own: now and then a claim also removes what has expired, a bounded number at a time."""
    monkeypatch.setattr(replay, "PURGE_AT_ONCE", 2)
    for n in range(5):
        await claim(used, f"old{n}")
    late = NOW + 1_000_000
    for n, left in enumerate((4, 3, 3)):  # each claim adds one; two, two, then the last one are removed
        await claim(used, f"new{n}", now=late + n, expires_at=late + 60_000)
        await used.close()
        assert await count(store) == left
    await claim(used, "new3", now=late + 3, expires_at=late + 60_000)
    await used.close()
    assert await count(store) == 4


async def test_a_failed_clean_up_is_tried_again_later(store, used, monkeypatch):
    """Nobody waits for the clean-up: its failure is not a request's failure."""

    def fail(_connection, *, now):
        raise StoreUnavailable

    monkeypatch.setattr(replay, "purge", fail)
    assert await claim(used, "a")
    assert await claim(used, "b")
    await used.close()


@pytest.mark.parametrize(("same", "status"), [("assertion", 401), ("proof", 400)])
async def test_two_processes_accept_each_assertion_and_each_proof_once(postgres, tmp_path, same, status):
    """Races on PostgreSQL: two gateways get the same ones at the same moment; together they give one token each.

    The same proof comes with four assertions that are all new: only the proof stands in their way (RFC 9449 §11.1).
    """
    url = postgres.create_database()
    async with open_database(url) as store:
        await store.write(models.metadata.create_all)
        await store.write(journal_tables.create_all)
    racer = [sys.executable, "-W", "error", str(Path(__file__).parent / "racer.py"), url, str(tmp_path)]
    processes = [
        await asyncio.create_subprocess_exec(
            *racer, str(number), same, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
        )
        for number in range(2)
    ]
    outputs = [json.loads((await process.communicate())[0]) for process in processes]
    won = [set(output["won"]) for output in outputs]
    assert won[0] | won[1] == set(range(60))
    assert not won[0] & won[1]
    assert {each for output in outputs for each in output["statuses"]} == {200, status}
