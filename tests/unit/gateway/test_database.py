"""The database under the packages: what is given up half-way leaves nothing, and no connection is lost by it."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from gateway.database import open_database

number = sa.Table("number", sa.MetaData(), sa.Column("n", sa.Integer, primary_key=True))
_open = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'")


@pytest.fixture
async def server(postgres):
    """A PostgreSQL database with one connection, so that a lost one would be missed."""
    async with open_database(postgres.create_database(), pool_size=1) as database:
        await database.write(number.metadata.create_all)
        yield database


def rows(connection) -> list[int]:
    return list(connection.execute(sa.select(number.c.n).order_by(number.c.n)).scalars())


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_a_call_that_is_cancelled_leaves_nothing(server, kind):
    """Rule: a caller that goes away in the middle leaves no row, no open transaction, no lost connection."""

    def work(connection):
        if kind == "write":
            connection.execute(sa.insert(number), {"n": 1})
        connection.exec_driver_sql("SELECT pg_sleep(10)")

    call = asyncio.create_task(getattr(server, kind)(work))
    await asyncio.sleep(0.2)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await server.read(rows) == []
    assert await server.read(lambda connection: connection.execute(_open).scalar()) == 0
    await server.write(lambda connection: connection.execute(sa.insert(number), {"n": 2}) and None)
    assert await server.read(rows) == [2]


async def test_a_write_that_raises_leaves_nothing(database):
    """Rule: whatever the work raises comes back as it is, and nothing of it stays."""
    await database.write(number.metadata.create_all)

    def fails(connection):
        connection.execute(sa.insert(number), {"n": 1})
        raise ZeroDivisionError

    def twice(connection):
        for _ in range(2):
            connection.execute(sa.insert(number), {"n": 1})

    with pytest.raises(ZeroDivisionError):
        await database.write(fails)
    with pytest.raises(IntegrityError):
        await database.write(twice)
    assert await database.read(rows) == []
