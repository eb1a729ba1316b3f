"""Killed, or failing, at every single step: of creating a log, appending, publishing, exporting."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit.errors import AuditError
from audit.evidence import verify_paths
from audit.trust import Trust
from audit.verify import verify_directory
from tests.crash.logs import (
    SIGNER,
    Acknowledged,
    Midnight,
    accepted,
    check,
    create,
    export,
    foreign,
    foreign_size,
    log_at,
    now,
    present,
    vkey_of,
    year_of,
)
from tests.crash.roles import copying, day, new_year, start, stepwise
from tests.crash.steps import SteppedStore, Steps, counted_files, fail

EVERY = {"begin", "statement", "commit", "committed", "fsync", "replace"}


async def killed(work: Any, url: str, home: Path) -> AsyncIterator[list[str]]:
    """Do this work again and again, killed one step later each time; gives the steps when it has completed."""
    steps: list[str] = []
    at = 0
    while not steps:
        at += 1
        process = start(stepwise, work, url, home, at)
        await asyncio.to_thread(process.join, 30)
        code = process.exitcode
        process.close()
        assert code in {0, -9}
        if code == 0:
            steps = (home / "completed").read_text("ascii").split("\n")
            assert len(steps) == at - 1
        yield steps


async def failing(work: Any, url: str, home: Path) -> AsyncIterator[list[str]]:
    """The same, in this process, with a step that fails each time."""
    at = 0
    while True:
        at += 1
        steps = Steps(at, fail)
        try:
            with counted_files(steps):
                await work(url, home, steps)
        except (AuditError, OSError):
            assert steps.reached
        if not steps.reached:
            yield steps.names
            return
        yield []


@pytest.mark.parametrize("trouble", [killed, failing])
async def test_at_every_step_of_a_day_one_log_survives_all_of_them(database_url: str, tmp_path: Path, trouble) -> None:
    """One log, in trouble at step 1, 2, 3… until a day completes: after each, all that was acknowledged is there."""
    url, acknowledged = await create(database_url), Acknowledged(tmp_path / "acknowledged")
    days = 0
    async for steps in trouble(day, url, tmp_path):
        assert set(steps) in (set(), EVERY)
        days += 1
        async with log_at(url, tmp_path / "signer") as log:
            await check(log, acknowledged)
    async with log_at(url, tmp_path / "signer") as log:
        assert await check(log, acknowledged, tmp_path / "copy") > 257
    assert days > 40


async def test_at_every_step_of_a_new_year_the_next_shard_goes_on(database_url: str, tmp_path: Path) -> None:
    """Closing a year and opening the next happen together or not at all; each year goes on from the one before."""
    url, acknowledged = await create(database_url), Acknowledged(tmp_path / "acknowledged")
    async for steps in killed(new_year, url, tmp_path):
        assert set(steps) in (set(), EVERY)
        clock = Midnight(await year_of(url), -500)
        async with log_at(url, tmp_path / "signer", clock=clock) as log:
            await present(log, acknowledged)
            await log.append(1, time=clock())
            assert await log.publisher.publish_once(clock())
    async with log_at(url, tmp_path / "signer", clock=clock) as log:
        await export(log.store, tmp_path / "copy")
    years = sorted(path.parent for path in (tmp_path / "copy").glob("[0-9]*/checkpoint"))
    assert len(years) > 3
    for copy in (*years, tmp_path / "copy"):
        foreign(copy, foreign_size(copy))
    reports = verify_paths([tmp_path / "copy"], Trust((SIGNER.vkey,)))
    assert [report.failed() for report in reports] == [[]] * (len(years) + 1)


class Hasty(SteppedStore):
    """Answers although the commit failed: what a trial must notice."""

    async def write(self, work: Any) -> Any:
        told: list[Any] = []

        def noted(connection: Any) -> Any:
            told.append(work(connection))
            return told[-1]

        with contextlib.suppress(AuditError):
            await super().write(noted)
        return told[-1]


async def test_a_store_that_answers_before_its_commit_is_found_out(tmp_path: Path) -> None:
    """The trial can fail: an entry that was acknowledged and then not committed is missed."""
    url, acknowledged = await create(f"sqlite:///{tmp_path}/passerelle.db"), Acknowledged(tmp_path / "acknowledged")
    armed = False

    def step(name: str) -> None:
        if armed and name == "commit":
            fail(name)

    async with log_at(url, tmp_path / "signer", around=partial(Hasty, step=step)) as log:
        armed = True
        acknowledged.entries(await log.append(5))
    async with log_at(url, tmp_path / "signer") as log:
        with pytest.raises((AssertionError, IndexError)):
            await check(log, acknowledged)


@pytest.mark.parametrize("trouble", [killed, failing])
async def test_at_every_step_of_an_export_the_copy_is_a_whole_log(tmp_path: Path, trouble) -> None:
    """A copy of 270 entries grows to 300: a reader sees one or the other at any moment, and another run completes it.

    Our verifier also tells of files beyond the checkpoint, until that run.
    """
    url, copy = await create(f"sqlite:///{tmp_path}/passerelle.db"), tmp_path / "copy"
    sizes = []
    async with log_at(url, tmp_path / "signer") as log:
        await log.append(269)
        await log.publisher.publish_once(now())
        await export(log.store, tmp_path / "older")
        await log.append(30)
        await log.publisher.publish_once(now())
        shutil.copytree(tmp_path / "older", copy)
        async for steps in trouble(copying, url, tmp_path):
            sizes.append(int((copy / "checkpoint").read_text("utf-8").split("\n")[1]))
            foreign(copy, sizes[-1])
            assert verify_directory(copy, vkey_of(copy)).failed() in ([], ["files"])
            await export(log.store, copy)
            accepted(copy, 300)
            assert set(steps) in (set(), {"statement", "fsync", "replace"})
            shutil.rmtree(copy)
            shutil.copytree(tmp_path / "older", copy)
    assert sorted(set(sizes)) == [270, 300]
    assert sizes == sorted(sizes)
