"""The database itself refuses to change or remove what was written."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from audit.models import audit_checkpoint, audit_entry, audit_head, audit_tile, install_guards, metadata
from tests.unit.audit.conftest import linked

STATEMENTS = {
    "change an entry": sa.update(audit_entry).values(leaf=b"{}"),
    "remove an entry": sa.delete(audit_entry).where(audit_entry.c.index == 1),
    "change a tile": sa.update(audit_tile).values(root=b"\0" * 32),
    "remove a tile": sa.delete(audit_tile),
    "change a checkpoint": sa.update(audit_checkpoint).values(note=""),
    "remove a checkpoint": sa.delete(audit_checkpoint),
    "shrink the head": sa.update(audit_head).values(size=1),
    "rename the log": sa.update(audit_head).values(origin="other.example"),
    "remove the head": sa.delete(audit_head),
    "replace an entry": sa.text("INSERT INTO audit_entry SELECT * FROM audit_entry LIMIT 1"),
}


@pytest.fixture
async def filled(log):
    """A published log with a tile."""
    async with log.journal() as journal:
        await asyncio.gather(*(journal.append(linked()) for _ in range(260)))
    await log.publish()
    return log


@pytest.mark.parametrize("what", STATEMENTS)
async def test_what_was_written_stays_as_it_was(filled, what):
    """Entries, tiles, checkpoints and the head are append-only for whoever has the application's rights."""
    with pytest.raises(IntegrityError):
        await filled.database.write(lambda connection: connection.execute(STATEMENTS[what]))
    async with filled.journal() as journal:
        assert (await journal.append(linked())).index == 261


async def test_an_entry_is_not_overwritten_by_replacing_it(sqlite_log):
    """SQLite's INSERT OR REPLACE fires no delete trigger; the insert trigger stops it."""
    async with sqlite_log.journal():
        pass
    replace = "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry"
    with pytest.raises(IntegrityError):
        await sqlite_log.database.write(lambda connection: connection.exec_driver_sql(replace))


@pytest.mark.parametrize("table", ["audit_entry", "audit_tile", "audit_checkpoint", "audit_head"])
async def test_postgresql_refuses_to_empty_a_table(filled, table):
    """TRUNCATE passes by row triggers, so it has one of its own."""
    if filled.database.dialect == "sqlite":
        return
    with pytest.raises(IntegrityError):
        await filled.database.write(lambda connection: connection.exec_driver_sql(f"TRUNCATE {table}"))


async def test_guards_are_installed_again_without_harm(log):
    """A migration and create_all may both install them."""
    await log.database.write(install_guards)
    await log.database.write(metadata.create_all)
