"""A log whose oldest entries went at their term is copied and verified as before: what is left of it is whole."""

import asyncio
import shutil
from datetime import UTC, datetime

import pytest

from audit.authorisations_check import check_authorisations
from audit.errors import Pruned
from audit.evidence import verify_paths
from audit.retention import plan, prune
from audit.years import months_before
from tests.unit.audit.conftest import BASE, ORIGIN, linked
from tests.unit.audit.test_copying import copy_log, source_of, trust_of


async def append(log, count):
    async with log.journal() as journal:
        await asyncio.gather(*(journal.append(linked(time=log.clock.now)) for _ in range(count)))
    await log.publish()


async def years(log, count):
    """A year of so many entries, and two more years on."""
    await append(log, count - 1)
    for year in (2027, 2028):
        log.clock.now = int(datetime(year, 3, 1, tzinfo=UTC).timestamp() * 1000)
        await append(log, 5)


async def removed(log, *, whole=(), months=12):
    """Prune what is old enough."""
    before = months_before(log.clock.now, months)
    cuts = await log.database.read(lambda c: plan(c, before=before, quorum=False, whole=whole))
    async with log.journal() as journal:
        for cut in cuts:
            await prune(journal, log.database, cut, months=36, justification="internal_control", now=log.clock.now)
    await log.publish()
    return cuts


async def copied(log, out):
    """Copy, verify; gives the check of the files of each year."""
    await copy_log(source_of(log), out, trust_of(log))
    reports = verify_paths([out], trust_of(log))
    assert all(report.ok for report in reports), [report.lines() for report in reports]
    checks = [{check.name: check for check in report.checks} for report in reports]
    return [each["files"].detail for each in checks]


@pytest.mark.parametrize("count", [100, 513, 601])
async def test_a_year_pruned_to_its_end_is_copied_and_verified(sqlite_log, tmp_path, count):
    """Also the entries of its last tile, which was not full, are gone; the next year's log says so."""
    await years(sqlite_log, count)
    [cut] = await removed(sqlite_log, months=14)
    assert (cut.minimum >= count, cut.whole) == (True, False)
    told = await copied(sqlite_log, tmp_path / "copy")
    assert told == [f"the first {count} entries are pruned", "", ""]
    assert check_authorisations(tmp_path / "copy").ok
    shutil.rmtree(tmp_path / "copy/2027")
    (tmp_path / "copy/checkpoint").unlink()
    [report] = verify_paths([tmp_path / "copy/2026"], trust_of(sqlite_log))
    assert report.failed() == ["files"]  # alone nothing announces it


async def test_of_a_year_removed_whole_the_head_is_copied(sqlite_log, tmp_path):
    """Its tiles are gone for ever: a copy begun later holds what the source still says of it, run again and again."""
    await years(sqlite_log, 601)
    [cut] = await removed(sqlite_log, whole=(ORIGIN,), months=14)
    assert cut.whole
    for _ in range(2):
        told = await copied(sqlite_log, tmp_path / "copy")
        assert told == ["this log was removed whole, as a later one announces: its head alone is left", "", ""]
    assert not (tmp_path / "copy/2026/tile").exists()
    report = check_authorisations(tmp_path / "copy")
    assert (report.ok, report.checks[0].ok, report.facts["logs"]) == (True, None, [f"{BASE}/2027", f"{BASE}/2028"])
    reports = verify_paths([tmp_path / "copy/2026"], trust_of(sqlite_log))
    assert [report.failed() for report in reports] == [["files"]]


async def test_a_copy_made_before_the_year_was_removed_keeps_all_of_it(sqlite_log, tmp_path):
    """It is brought up to date without asking for what is gone."""
    await years(sqlite_log, 601)
    assert await copied(sqlite_log, tmp_path / "copy") == ["", "", ""]
    await removed(sqlite_log, whole=(ORIGIN,), months=14)
    assert await copied(sqlite_log, tmp_path / "copy") == ["", "", ""]
    assert (tmp_path / "copy/2026/tile/entries/000").is_file()


async def test_a_copy_that_ended_within_the_removed_year_is_put_aside(sqlite_log, tmp_path):
    """What it holds is evidence still; the head of the year takes its place."""
    await append(sqlite_log, 299)
    assert await copied(sqlite_log, tmp_path / "copy") == [""]
    await years(sqlite_log, 301)
    await removed(sqlite_log, whole=(ORIGIN,), months=14)
    told = await copied(sqlite_log, tmp_path / "copy")
    assert told[0].startswith("this log was removed whole")
    [report] = verify_paths([tmp_path / "copy/partial/2026-300"], trust_of(sqlite_log))
    assert (report.ok, report.facts["size"]) == (True, 300)


async def test_a_bundle_that_never_grew_before_the_pruning_stays(sqlite_log, tmp_path):
    """A mirror that saw the first hundred entries of a tile keeps them; other bytes in their place are told."""
    await append(sqlite_log, 99)
    await copied(sqlite_log, tmp_path / "copy")
    await append(sqlite_log, 500)
    sqlite_log.clock.now += 93 * 86_400_000
    await append(sqlite_log, 1)
    await removed(sqlite_log, months=2)
    assert await copied(sqlite_log, tmp_path / "copy") == ["the first 512 entries are pruned"]
    for data in (b"\0" * 200, b"\0"):
        (tmp_path / "copy/tile/entries/000.p/100").write_bytes(data)
        assert verify_paths([tmp_path / "copy"], trust_of(sqlite_log))[0].failed() == ["files"]


async def test_the_open_year_is_never_gone_whole(sqlite_log, tmp_path):
    """A source that says so is refused."""
    await append(sqlite_log, 5)
    source = source_of(sqlite_log)

    async def tile(*_, **__):
        raise Pruned("gone")

    source.tile = tile
    with pytest.raises(Pruned):
        await copy_log(source, tmp_path / "copy", trust_of(sqlite_log))
