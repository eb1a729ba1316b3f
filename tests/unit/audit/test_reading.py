"""What is served: the newest checkpoint that may be, and proofs of every entry under it, from few remembered tiles."""

import asyncio

import pytest

from audit import proofs, reading
from audit.errors import NotPublished, Pruned
from audit.reading import PublishedLog
from tests.unit.audit.conftest import linked
from tests.unit.audit.test_copying import NOW, YEAR
from tests.unit.audit.test_export import grow


async def test_every_entry_is_proved_at_every_size(log, monkeypatch):
    """With room for two tiles only: what is forgotten is read again."""
    monkeypatch.setattr(reading, "_TREES", 2)
    for size in (1, 255, 256, 257, 600):
        if size == 1:
            async with log.journal():
                pass
            await log.publish()
        else:
            await grow(log, size)
        published = PublishedLog(log.database)
        for index in {0, 1, 254, 255, 256, size // 2, size - 1} & set(range(size)):
            leaf, proof = await published.proof(None, index)
            assert proofs.verify(proof, leaf, log.signer.vkey).size == size
    assert len(published._trees) <= 2


async def test_a_year_is_asked_for_by_name(sqlite_log):
    """None is the one that is written to; the others stay served."""
    await grow(sqlite_log, 300)
    sqlite_log.clock.now = NOW + YEAR
    async with sqlite_log.journal() as journal:
        await journal.append(linked(time=NOW + YEAR))
    await sqlite_log.publish()
    published = PublishedLog(sqlite_log.database)
    assert [(await published.served(year)).size for year in ("2026", "2027", None)] == [300, 2, 2]
    assert len(await published.tile("2026", 0, index=0)) == 8_192
    assert (await published.proof("2026", 299))[1].index == 299
    with pytest.raises(NotPublished, match="no such year"):
        await published.served("2025")


async def test_nothing_beyond_the_served_checkpoint_is_given(sqlite_log):
    """Tiles, bundles and proofs alike; and nothing at all before the first checkpoint, or without the quorum."""
    published = PublishedLog(sqlite_log.database)
    with pytest.raises(NotPublished):
        await published.served()
    async with sqlite_log.journal() as journal:
        with pytest.raises(NotPublished):
            await published.served()
        await sqlite_log.publish()
        await asyncio.gather(*(journal.append(linked()) for _ in range(300)))
        for asked in (published.tile(None, 0, index=0), published.bundle(None, 0), published.proof(None, 1)):
            with pytest.raises(NotPublished, match="covers"):
                await asked
        with pytest.raises(NotPublished, match="cosignatures"):
            await PublishedLog(sqlite_log.database, quorum=True).served()


async def test_the_tiles_of_a_year_that_is_gone_are_named_so(sqlite_log):
    """When a whole year's tiles were removed, a proof is refused, not invented."""
    import sqlalchemy as sa

    from audit.models import audit_entry, audit_tile

    await grow(sqlite_log, 300)

    def remove(connection):
        for table in (audit_entry, audit_tile):
            connection.exec_driver_sql(f"DROP TRIGGER {table.name}_delete")
            connection.execute(sa.delete(table))

    published = PublishedLog(sqlite_log.database)
    await sqlite_log.database.write(remove)
    with pytest.raises(Pruned):
        await published.proof(None, 7)
