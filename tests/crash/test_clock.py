"""A clock that jumps: entries a verifier would call back-dated are not written, and it is said why."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.errors import ClockBehind, ReleaseStopped
from tests.crash.logs import Log, accepted, create, export, log_at

HOUR, DAY = 3_600_000, 86_400_000
MIDSUMMER = int(datetime(2026, 6, 24, 12, tzinfo=UTC).timestamp() * 1000)


class Clock:
    """Jumps when told."""

    now = MIDSUMMER

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def append(log: Log, clock: Clock, count: int = 1, **changes: object) -> None:
    await log.append(count, time=clock.now, **changes)


async def test_back_an_hour_nothing_is_written_until_it_is_put_right(
    database_url: str, tmp_path: Path, clock: Clock
) -> None:
    """Refused with its code while running, and at the next start; afterwards the log goes on and verifies."""
    url = await create(database_url)
    async with log_at(url, tmp_path / "signer", clock=clock) as log:
        await append(log, clock, 5)
        clock.now -= HOUR
        with pytest.raises(ClockBehind) as told:
            await append(log, clock)
        assert told.value.code == "clock_behind"
    with pytest.raises(ClockBehind):
        async with log_at(url, tmp_path / "signer", clock=clock):
            pass
    clock.now += HOUR
    async with log_at(url, tmp_path / "signer", clock=clock) as log:
        await append(log, clock, 5, release=True)
        assert len(await log.leaves()) == 11
        await log.publisher.publish_once(clock.now)
        await export(log.store, tmp_path / "out")
    accepted(tmp_path / "out", 11)


async def test_back_a_little_is_what_clocks_do(tmp_path: Path, clock: Clock) -> None:
    """Four minutes between two hosts: written, and accepted."""
    async with log_at(await create(f"sqlite:///{tmp_path}/p.db"), tmp_path / "signer", clock=clock) as log:
        await append(log, clock)
        clock.now -= 240_000
        await append(log, clock)
        await log.publisher.publish_once(clock.now)
        await export(log.store, tmp_path / "out")
    accepted(tmp_path / "out", 3)


async def test_forward_a_day_releases_wait_for_a_checkpoint_and_the_way_back_is_refused(
    tmp_path: Path, clock: Clock
) -> None:
    """What waited seems to have waited for a day; once published, it goes on, and never before that day again."""
    async with log_at(await create(f"sqlite:///{tmp_path}/p.db"), tmp_path / "signer", clock=clock) as log:
        await append(log, clock, 5)
        clock.now += DAY
        with pytest.raises(ReleaseStopped):
            await append(log, clock, release=True)
        await log.publisher.publish_once(clock.now)
        await append(log, clock, release=True)
        clock.now -= DAY
        with pytest.raises(ClockBehind):
            await append(log, clock)
        clock.now += DAY
        await log.publisher.publish_once(clock.now)
        await export(log.store, tmp_path / "out")
    accepted(tmp_path / "out", 7)
