"""The journal does not start on a database that may forget, or on a log that does not add up."""

import asyncio
import subprocess

import pytest
import sqlalchemy as sa

from audit.errors import DurabilityRefused, JournalInconsistent, KeyRefused
from audit.journal import Journal
from audit.models import audit_entry, audit_head, audit_tile, metadata
from gateway.database import open_database
from tests.tampering import tamper
from tests.unit.audit.conftest import BASE, Clock, linked, stamp


@pytest.fixture
async def filled(log):
    """A log of 300 entries: one full tile, one partial."""
    async with log.journal() as journal:
        await asyncio.gather(*(journal.append(linked()) for _ in range(299)))
    return log


async def test_starts_again_on_what_it_wrote(filled):
    """A log that adds up is continued."""
    async with filled.journal() as journal:
        assert (await journal.append(linked())).index == 300


ENTRY = sa.update(audit_entry).where(audit_entry.c.index == 299)
HEAD = sa.update(audit_head)
TILE = sa.update(audit_tile)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (ENTRY.values(leaf=b"{}"), "own hash"),
        (ENTRY.values(hash=b"\0" * 32), "own hash"),
        (sa.delete(audit_entry).where(audit_entry.c.index == 299), "number of entries"),
        (sa.delete(audit_entry).where(audit_entry.c.index == 298), "missing"),
        (sa.delete(audit_tile), "missing"),
        (TILE.values(root=b"\0" * 32), "not the head"),
        (HEAD.values(size=299, peaks=b"\0" * 160), "number of entries"),
        (HEAD.values(peaks=b"\0" * 96), "missing"),
        (HEAD.values(peaks=b"\0" * 128), "not the head"),
        (HEAD.values(root=b"\0" * 32), "not the head"),
        (HEAD.values(origin="other.example"), "another origin"),
    ],
)
async def test_refuses_to_continue_what_does_not_add_up(filled, statement, told):
    """A changed or missing entry, tile or head is told at start, not built upon."""
    await tamper(filled.database, statement)
    with pytest.raises(JournalInconsistent, match=told):
        async with filled.journal():
            pytest.fail("it started")


async def test_refuses_an_origin_that_is_no_name(sqlite_log):
    """The origin names the log for everybody, so it has the form others expect."""
    with pytest.raises(KeyRefused):
        async with sqlite_log.journal(origin="https://journal.example"):
            pytest.fail("it started")


@pytest.mark.parametrize(
    ("pragma", "named"), [("synchronous=NORMAL", "synchronous"), ("journal_mode=DELETE", "journal_mode")]
)
async def test_refuses_sqlite_settings_that_lose_commits(sqlite_log, pragma, named):
    """NORMAL loses the last commits on power loss; the message names the setting."""
    writer = sqlite_log.database
    await writer.write(lambda c: None)
    writer._opened.connection.driver_connection.execute(f"PRAGMA {pragma}")
    with pytest.raises(DurabilityRefused, match=named):
        async with sqlite_log.journal():
            pytest.fail("it started")


async def refused_setting(url):
    """Start a journal there and tell what it refuses."""
    async with open_database(url) as database:
        await database.write(metadata.create_all)
        with pytest.raises(DurabilityRefused) as refused:
            await Journal(database, gate=stamp, origin=BASE, clock=Clock()).start()
    return str(refused.value)


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_refuses_a_postgresql_server_that_loses_commits(postgres, setting):
    """With fsync off a server acknowledges what a power cut erases."""
    try:
        run(postgres, "postgres", f"ALTER SYSTEM SET {setting} = off", "SELECT pg_reload_conf()")
        assert await refused_setting(postgres.create_database()) == f"{setting} is off, must be on"
    finally:
        run(postgres, "postgres", f"ALTER SYSTEM RESET {setting}", "SELECT pg_reload_conf()")


async def test_refuses_postgresql_sessions_that_do_not_wait_for_the_disk(postgres):
    """synchronous_commit off loses the last commits when the server dies."""
    async with open_database(postgres.create_database()) as database:
        await database.write(metadata.create_all)
        await database.write(lambda connection: connection.exec_driver_sql("SET synchronous_commit = off"))
        with pytest.raises(DurabilityRefused, match="synchronous_commit is off"):
            await Journal(database, gate=stamp, origin=BASE, clock=Clock()).start()


def run(postgres, name, *statements):
    """Run statements as the owner of the server."""
    for statement in statements:
        command = ["psql", "-h", str(postgres.home), "-U", "postgres", "-qtAc", statement, name]
        subprocess.run(command, check=True, capture_output=True)
