"""Checkpoints dated over real HTTP by an authority of `openssl ts`; whatever else answers is refused by name."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from audit.checkpoint import parse_checkpoint, split_note
from audit.errors import TimestampRefused
from audit.keys import Ed25519Signer
from audit.models import audit_checkpoint, audit_timestamp, metadata
from audit.publisher import Publisher
from audit.signer_state import SignerState
from audit.start import open_log
from audit.timestamps import read_roots as read_pem
from audit.timestamps import verify
from gateway import timestamps
from gateway.database import Database
from gateway.services import wall_clock
from gateway.timestamps import Timestamping, read_roots
from tests.bed import served
from tests.tsa import Authority, authority

BASE = "journal.val-de-brume.example/log"
HOUR = 3_600_000
TYPE = "application/timestamp-reply"


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tsa") / "good")


@pytest.fixture
async def log(database: Database, tmp_path: Path) -> Database:
    """A log of one entry, published."""
    await database.write(metadata.create_all)
    await open_log(database, origin=BASE, now=wall_clock())
    await publisher(database, tmp_path).publish_once(wall_clock())
    return database


def publisher(database: Database, tmp_path: Path) -> Publisher:
    state = SignerState(tmp_path / "signer")
    return Publisher(database, Ed25519Signer(BASE, b"k" * 32), state=state, origin=BASE)


@asynccontextmanager
async def answering(answer: object, of: Authority) -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP server that gives this answer, or the authority's; tells what it was asked."""
    asked: list[str] = []

    async def tell(request: Request) -> Response:
        asked.append(request.headers["content-type"])
        query = await request.body()
        if isinstance(answer, Response):
            return answer
        return Response(await asyncio.to_thread(answer or of.answer, query), media_type=TYPE)  # type: ignore[arg-type]

    async with served(Starlette(routes=[Route("/tsa", tell, methods=["POST"])])) as address:
        yield f"{address}/tsa", asked


def dating(database: Database, url: str, tsa: Authority, *, interval_ms: int = HOUR) -> Timestamping:
    return Timestamping(database, url=url, roots=read_roots(tsa.roots), interval_ms=interval_ms)


async def stored(database: Database) -> list[sa.Row]:
    query = sa.select(audit_timestamp).order_by(audit_timestamp.c.shard, audit_timestamp.c.size)
    return list(await database.read(lambda connection: connection.execute(query).all()))


async def test_a_checkpoint_is_dated_once_an_hour(log: Database, tsa: Authority) -> None:
    """Rule: the token is stored as it came, holds under the roots, and openssl agrees."""
    async with answering(None, tsa) as (url, asked):
        one = dating(log, url, tsa)
        assert len(await one.stamp_once(wall_clock())) == 1
        assert await one.stamp_once(wall_clock()) == []
        assert await one.stamp_once(wall_clock() + 2 * HOUR) == [], "no news"
    assert asked == ["application/timestamp-query"]
    [row] = await stored(log)
    note = await log.read(lambda connection: connection.execute(sa.select(audit_checkpoint.c.note)).scalar_one())
    stamp = verify(row.token, note, read_pem(tsa.roots.read_bytes()))
    assert (row.shard, row.size, row.authority, row.at) == (1, 1, stamp.authority, stamp.at)
    text = split_note(note)[0]
    assert tsa.accepts(row.token, text.encode())
    assert parse_checkpoint(text).size == 1


async def test_the_end_of_a_year_is_dated_without_waiting(log: Database, tsa: Authority, tmp_path: Path) -> None:
    """Rule: the last checkpoint of a closed log is dated at once, the new one in its turn."""
    now = wall_clock()
    async with answering(None, tsa) as (url, _):
        one = dating(log, url, tsa)
        await one.stamp_once(now)
        await open_log(log, origin=BASE, now=now + 366 * 24 * HOUR)
        assert await one.stamp_once(now) == [], "nothing published yet"
        await publisher(log, tmp_path).publish_once(now)
        assert len(await one.stamp_once(now)) == 1
    assert [row.shard for row in await stored(log)] == [1, 2]


REFUSED = {
    "a page": (Response("<html>", media_type="text/html"), "no_token"),
    "a page called a token": (Response("<html>", media_type=TYPE), "malformed"),
    "a failure": (Response(status_code=503, media_type=TYPE), "no_token"),
    "another address": (RedirectResponse("/elsewhere"), "no_token"),
    "more than a token holds": (Response(bytes(timestamps.MAX_ANSWER + 1), media_type=TYPE), "too_large"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_no_token_is_refused_and_not_stored(log: Database, tsa: Authority, what: str) -> None:
    """Rule: each by its name."""
    answer, reason = REFUSED[what]
    async with answering(answer, tsa) as (url, _):
        with pytest.raises(TimestampRefused, match=reason):
            await dating(log, url, tsa).stamp_once(wall_clock())
    assert await stored(log) == []


async def test_a_foreign_an_expired_and_a_replayed_token_are_refused(
    log: Database, tsa: Authority, tmp_path: Path
) -> None:
    """Rule: whatever the reason, nothing is stored."""
    foreign, expired = authority(tmp_path / "foreign"), authority(tmp_path / "expired", expired=True)
    kept: list[bytes] = []

    def replay(query: bytes) -> bytes:
        kept.append(tsa.answer(query))
        return kept[0]

    async with answering(foreign.answer, tsa) as (url, _):
        with pytest.raises(TimestampRefused, match="untrusted"):
            await dating(log, url, tsa).stamp_once(wall_clock())
    async with answering(expired.answer, expired) as (url, _):
        with pytest.raises(TimestampRefused, match="expired"):
            await dating(log, url, expired).stamp_once(wall_clock())
    async with answering(replay, tsa) as (url, _):
        with pytest.raises(TimestampRefused, match="untrusted"):
            await dating(log, url, foreign).stamp_once(wall_clock())
        with pytest.raises(TimestampRefused, match="nonce"):
            await dating(log, url, tsa).stamp_once(wall_clock())
    assert await stored(log) == []


async def test_an_authority_whose_clock_is_wrong_is_refused(log: Database, tsa: Authority) -> None:
    """Rule: five minutes from ours at most."""
    async with answering(None, tsa) as (url, _):
        with pytest.raises(TimestampRefused, match="clock"):
            await dating(log, url, tsa).stamp_once(wall_clock() + 10 * 60_000)


async def test_a_dead_authority_is_told_once_and_delays_nothing(
    log: Database, tsa: Authority, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: one line for many failures, another when the reason changes; it goes on when the authority is back."""
    monkeypatch.setattr(timestamps, "_PAUSE", 0.01)
    one = dating(log, "http://127.0.0.1:1/tsa", tsa)
    async with answering(Response("<html>", media_type="text/html"), tsa) as (page, asked):
        with caplog.at_level(logging.ERROR, "gateway.timestamps"):
            running = asyncio.create_task(one.run(wall_clock))
            await _until(lambda: one.fault is not None and "unreachable" in str(one.fault))
            one._url = page
            await _until(lambda: len(asked) >= 3)
        assert [str(record.args[1]).rpartition(" ")[2] for record in caplog.records] == ["unreachable", "no_token"]
    async with answering(None, tsa) as (url, _):
        one._url = url
        await _until(lambda: one.fault is None)
    assert len(await stored(log)) == 1

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("of the library")

    monkeypatch.setattr(one, "stamp_once", fail)
    await _until(lambda: str(one.fault) == "RuntimeError")
    running.cancel()


async def _until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  it is a field, nothing tells
            await asyncio.sleep(0.01)


async def test_nothing_published_is_nothing_to_date(database: Database, tsa: Authority) -> None:
    """Rule: no checkpoint, no question."""
    await database.write(metadata.create_all)
    assert await dating(database, "http://127.0.0.1:1/tsa", tsa).stamp_once(wall_clock()) == []


def test_roots_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    """Rule: refused with a name."""
    with pytest.raises(TimestampRefused, match="roots_unreadable"):
        read_roots(tmp_path / "nothing")
