"""Cleans what deleting leaves behind in the files of a database.

SQLite overwrites what it frees (`secure_delete`); what is left is its write-ahead log, emptied here. PostgreSQL keeps
deleted rows until their table is rewritten: the key table is, the others are vacuumed (what is sealed there has no key
any more). Refuses to promise anything for PostgreSQL's own write-ahead log: docs/how-to/erasure.md says how it goes.
"""

from functools import partial

from sqlalchemy import Connection

from audit.errors import StoreUnavailable
from audit.store import Store
from consent.models import subject_key
from consent.wiping import TABLES

_ATTEMPTS = 6  # each waits for SQLite's own busy time-out


async def scrub(store: Store, key_store: Store) -> None:
    """Clean both; raises `StoreUnavailable` when another process keeps the log of an SQLite file busy for long."""
    await _clean(key_store, f"VACUUM (FULL) {subject_key.name}")
    await _clean(store, f"VACUUM {', '.join(TABLES)}")


async def _clean(store: Store, vacuum: str) -> None:
    for _ in range(_ATTEMPTS):
        if await store.read(partial(_work, vacuum=vacuum)):
            return
    raise StoreUnavailable("the write-ahead log is in use: run the command again")


def _work(connection: Connection, vacuum: str) -> bool:
    """Outside a transaction, as `Store.read` runs it."""
    if connection.dialect.name == "sqlite":
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        return not busy
    connection.exec_driver_sql(vacuum)
    return True
