"""The inspection sees every change of the stored log while it is in use."""

import pytest
import sqlalchemy as sa

from audit.inspection import Inspection
from audit.models import audit_checkpoint, audit_entry, audit_head, audit_tile
from tests.tampering import tamper
from tests.unit.audit.conftest import ORIGIN
from tests.unit.audit.test_publisher import append
from tests.unit.audit.test_retention import MONTH, cut_all
from tests.unit.audit.test_retention import append as append_now


def inspect(log, **options):
    return Inspection(
        log.database, vkeys=lambda origin: [log.signer.vkey.named(origin)], clock=log.clock, share=1.0, **options
    )


@pytest.fixture
async def inspected(log):
    """A log of 700 entries and an inspection that found it intact."""
    await append(log, 699)
    await log.publish()
    inspection = inspect(log)
    found = await inspection.round()
    assert (found.fault, found.verified, found.done) == (None, 700, 0.0)
    return inspection


async def test_what_is_new_is_checked_without_reading_everything(log, inspected):
    """Between two passes only the news is read, and counted as verified once it is published."""
    await append(log, 5)
    assert (await inspected.round()).verified == 700
    await log.publish()
    found = await inspected.round()
    assert (found.verified, found.whole_at, found.fault) == (705, log.clock.now, None)


CHANGES = {
    "an entry": sa.update(audit_entry).where(audit_entry.c.index == 100).values(leaf=b'{"v":1}'),
    "an entry and its hash": sa.update(audit_entry)
    .where(audit_entry.c.index == 699)
    .values(leaf=b"{}", hash=b"\0" * 32),
    "a removed entry": sa.delete(audit_entry).where(audit_entry.c.index == 300),
    "a tile": sa.update(audit_tile).where(audit_tile.c.index == 1).values(hashes=b"\0" * 8192),
    "the root of a tile": sa.update(audit_tile).where(audit_tile.c.index == 1).values(root=b"\0" * 32),
    "the head": sa.update(audit_head).values(root=b"\0" * 32),
    "a shorter log": sa.update(audit_head).values(size=500),
    "the checkpoint": sa.update(audit_checkpoint).values(note=audit_checkpoint.c.note + "x"),
    "no checkpoint": sa.delete(audit_checkpoint),
}


@pytest.mark.parametrize("what", sorted(CHANGES))
async def test_whatever_is_changed_is_seen_by_the_next_whole_pass(log, inspected, what):
    """Entry, hash, tile, head or checkpoint: whichever row was touched, wherever it lies."""
    await tamper(log.database, CHANGES[what])
    log.clock.now += 60_000
    found = await inspected.round()
    assert found.fault is not None
    assert found.since == log.clock.now


async def test_a_fault_stays_until_a_whole_pass_holds_again(log, inspected):
    """The day the change is undone the finding says when it was seen mended."""
    leaf = sa.select(audit_entry.c.leaf).where(audit_entry.c.index == 9)
    true = await log.database.read(lambda connection: connection.execute(leaf).scalar_one())
    change = sa.update(audit_entry).where(audit_entry.c.index == 9)
    await tamper(log.database, change.values(leaf=b"{}"))
    await inspected.round(whole=True)
    seen = inspected.finding.since
    log.clock.now += 1_000
    await append(log, 1)
    await log.publish()
    assert (await inspected.round()).fault is not None
    assert inspected.finding.since == seen
    await tamper(log.database, change.values(leaf=true))
    found = await inspected.round()
    assert (found.fault, found.mended_at, found.verified) == (None, log.clock.now, 701)


async def test_a_foreign_key_is_no_key_of_this_log(log, inspected):
    """A checkpoint signed by somebody else is a fault, not a checkpoint."""
    from audit.keys import Ed25519Signer

    other = Inspection(
        log.database, vkeys=lambda origin: [Ed25519Signer(origin, b"\7" * 32).vkey], clock=log.clock, share=1.0
    )
    assert "not signed by this log's key" in str((await other.round()).fault)


async def test_an_absent_database_is_not_called_an_altered_log(log, inspected):
    """The time of the last check tells how old the finding is."""

    class Absent:
        async def read(self, work):
            raise OSError

    before = inspected.finding
    inspected._store = Absent()
    log.clock.now += 600_000
    assert await inspected.round() == before


async def test_a_log_that_published_nothing_has_nothing_to_show(log):
    """Intact, of size nought, until the first checkpoint."""
    await append(log, 3)
    found = await inspect(log).round()
    assert (found.fault, found.verified) == (None, 0)


async def test_what_the_retention_removed_is_no_alteration(log):
    """Entries past their time, then a whole year but for its final checkpoint: the log is still the one that was."""
    await append_now(log, 600)
    await log.publish()
    inspection = inspect(log)
    assert (await inspection.round()).fault is None
    log.clock.now += 10 * MONTH
    await append_now(log, 300)
    await log.publish()
    assert (await inspection.round(whole=True)).fault is None
    log.clock.now += 8 * MONTH
    await cut_all(log)
    found = await inspection.round(whole=True)
    assert (found.fault, found.verified > 601) == (None, True)
    await cut_all(log, whole=[ORIGIN])
    assert (await inspection.round(whole=True)).fault is None
    await tamper(log.database, sa.update(audit_head).where(audit_head.c.id == 1).values(peaks=b"\0" * 32 * 4))
    assert (await inspect(log).round()).fault is not None
