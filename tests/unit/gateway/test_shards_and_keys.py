"""`passerelle audit shards | prune` and `passerelle key …` on a real home, and the migration of an older log."""

import asyncio
import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from pydantic import ValidationError

from audit import shards
from audit.canonical import dumps
from audit.journal import Journal
from audit.keys import parse_vkey
from audit.merkle import leaf_hash
from audit.models import audit_entry
from audit.publisher import Publisher
from audit.signer_state import SignerState
from audit.succession import follow, from_json
from gateway.database import Database, open_database
from gateway.keys import load
from gateway.schema import _config, migrate
from gateway.services import open_services
from gateway.settings import Settings
from tests.unit.audit.conftest import linked, stamp

THEN = int(datetime(2024, 6, 1, tzinfo=UTC).timestamp() * 1000)


async def fill(settings: Settings) -> None:
    """A year of 300 entries long past, published."""
    async with open_database(settings.main_url) as store:
        journal = Journal(store, gate=stamp, origin=settings.origin, clock=lambda: THEN)
        await journal.start()
        await asyncio.gather(*(journal.append(linked(time=THEN)) for _ in range(299)))
        await journal.close()
    await publish(settings, THEN)


async def publish(settings: Settings, now: int | None = None) -> None:
    """One round of the publisher."""
    async with open_database(settings.main_url) as store:
        state = SignerState(settings.home / "signer")
        publisher = Publisher(store, load(settings).log, state=state, origin=settings.origin)
        if now is None:
            async with open_services(settings) as services:
                now = services.clock()
        await publisher.publish_once(now)


def test_a_year_past_its_retention_is_listed_and_removed(passerelle, home: Path) -> None:
    """Without --yes nothing goes; with it the entries, and with --whole-shard the tiles as well."""
    settings = Settings()
    assert passerelle("database", "migrate")[0] == 0
    asyncio.run(fill(settings))
    name = f"{settings.origin}/2024"
    status, out, _ = passerelle("audit", "shards")
    assert (status, out) == (0, f"{name}  300 entries from position 0, 300 published, open\n")
    status, out, told = passerelle("audit", "prune")
    assert status == 0
    assert out.startswith(f"{name}  300 entries from before ")
    assert "Nothing was removed" in told
    assert "300 published, closed" in passerelle("audit", "shards")[1]
    status, out, _ = passerelle("audit", "prune", "--yes", "--whole-shard", "2024")
    assert status == 0
    assert out.splitlines()[-1] == "Entries before position 300 are gone."
    assert "entries before 300 pruned" in passerelle("audit", "shards")[1]
    assert passerelle("audit", "prune")[1] == "Nothing is old enough.\n"
    status, _, told = passerelle("audit", "prune", "--whole-shard", "2019")
    assert (status, told.split(":")[0]) == (1, "retention_refused")


def test_keys_rotate_and_every_one_of_them_is_listed(passerelle, home: Path) -> None:
    """The older key leads to the newer one; the key files stay the owner's own."""
    settings = Settings()
    assert passerelle("database", "migrate")[0] == 0
    former = load(settings).log.vkey
    status, following, _ = passerelle("key", "rotate", "log")
    assert status == 0
    status, _, told = passerelle("key", "retire", "log")
    assert (status, told.split(":")[0]) == (1, "rotation_refused")
    asyncio.run(publish(settings))
    assert passerelle("key", "retire", "log")[:2] == (0, f"{former}\n")
    assert passerelle("key", "rotate", "receipt")[0] == passerelle("key", "rotate", "witness")[0] == 0
    keys = from_json(passerelle("key", "list")[1])
    assert sorted(key.use for key in keys) == ["log"] * 2 + ["receipt"] * 2 + ["witness"] * 2
    believed = follow([former], [key.succession for key in keys if key.succession])
    assert believed == (former, parse_vkey(following))
    assert load(settings).log.vkey == parse_vkey(following)
    for path in settings.keys_folder.glob("*.key"):
        assert path.stat().st_mode & 0o077 == 0


def test_an_interrupted_rotation_never_makes_a_key_of_its_own(home: Path) -> None:
    """When only the next key is there, it is the key; a fresh one would be a stranger to everybody."""
    settings = Settings()
    ring = load(settings).log
    ring.file.rename(ring.next_file)
    assert load(settings).log.vkey == ring.vkey
    assert not ring.file.exists()


def test_more_than_a_year_needs_a_recorded_justification(home: Path) -> None:
    """12 months by default, 36 at most, internal control as the only reason."""
    assert Settings().retention_months == 12
    assert Settings(retention_months=36, retention_justification="internal_control").retention_months == 36
    for wrong in ({"retention_months": 13}, {"retention_months": 5}, {"retention_months": 37}):
        with pytest.raises(ValidationError):
            Settings(**wrong)


async def test_a_log_written_before_there_were_years_is_moved_into_the_first_shard(database: Database) -> None:
    """Revision 0001 with an entry, a tile and a checkpoint: all there after 0002, guarded, and continued."""
    await database.write(lambda connection: command.upgrade(_config("main", connection), "0001"))
    leaf = dumps({"v": 1, "type": "log.created", "id": "0" * 32, "time": THEN, "origin": "journal.example"})
    digest = leaf_hash(leaf)
    hashes = {"digest": digest, "leaf": leaf, "at": THEN}

    def written_before(connection: sa.Connection) -> None:
        for statement in (
            "INSERT INTO audit_head (id, origin, size, peaks, root) VALUES (1, 'journal.example', 1, :digest, :digest)",
            'INSERT INTO audit_entry ("index", at, span, hash, leaf) VALUES (0, :at, 0, :digest, :leaf)',
            'INSERT INTO audit_tile (level, "index", root, hashes) VALUES (0, 7, :digest, :leaf)',
            "INSERT INTO audit_checkpoint (size, at, note) VALUES (1, :at, '')",
        ):
            wanted = {name: value for name, value in hashes.items() if f":{name}" in statement}
            connection.execute(sa.text(statement), wanted)

    await database.write(written_before)
    await migrate(database, database)
    (shard,) = await database.read(shards.every)
    assert (shard.id, shard.origin, shard.first, shard.size, shard.closed_at) == (1, "journal.example", 0, 1, None)
    for table in ("audit_tile", "audit_checkpoint"):
        count = sa.text(f"SELECT count(*) FROM {table} WHERE shard = 1")
        assert await database.read(partial(sa.Connection.scalar, statement=count)) == 1
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(lambda connection: connection.execute(sa.delete(audit_entry)))
    journal = Journal(database, gate=stamp, origin="journal.example", clock=lambda: THEN)
    await journal.start()
    appended = await journal.append(linked(time=THEN))
    await journal.close()
    assert (appended.index, appended.batch.origin) == (2, "journal.example/2024")
    assert json.loads(appended.leaf)["type"] == "subject.linked"
