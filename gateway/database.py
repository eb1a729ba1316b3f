"""Runs the packages' SQL functions on SQLite or PostgreSQL without blocking the event loop.

SQLite: reads and writes run inline on the loop, where a thread hop costs more than they do.
PostgreSQL: asyncpg under SQLAlchemy, the same synchronous functions in a greenlet of their own.
"""

import asyncio
import os
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.util import greenlet_spawn

from audit.errors import StoreUnavailable
from audit.store import Store

T = TypeVar("T")

_SQLITE_BUSY_MS = 20  # what SQLite itself waits for, blocking the loop
_SQLITE_PATIENCE = 5.0
_SQLITE_PAUSE = 0.005


class Database(ABC, Store):
    """A store that can be closed."""

    dialect: str

    @property
    def remote(self) -> bool:
        """See `audit.store.Store.remote`."""
        return self.dialect == "postgresql"

    @abstractmethod
    async def close(self) -> None:
        """Let waiting work finish, then close every connection."""

    async def __aenter__(self) -> Self:
        """See `close`."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """See `close`."""
        await self.close()


def open_database(url: str, *, pool_size: int = 8) -> Database:
    """Open `sqlite:///path` or `postgresql://…` (async drivers are chosen here, not by the operator)."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteDatabase(parsed)
    return PostgresDatabase(parsed, pool_size=pool_size)


def _durable_sqlite(engine: Engine) -> None:
    """WAL with synchronous=FULL: NORMAL loses the last commits on power loss (sqlite.org/pragma)."""

    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={_SQLITE_BUSY_MS}",
            "foreign_keys=ON",
            "wal_autocheckpoint=4000",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", on_connect)


class SqliteDatabase(Database):
    """One SQLite file, one connection, used from the loop's own thread.

    A second thread would cost more than it saves: each of its statements hands the interpreter lock to and fro,
    and each commit of another connection empties the reader's cache (docs/adr/0003-database.md). What others may
    hold for long, the lock of the file, is waited for without blocking the loop.
    """

    dialect = "sqlite"

    def __init__(self, url: URL) -> None:
        self._engine = sa.create_engine(
            url.set(drivername="sqlite+pysqlite"), poolclass=sa.NullPool, hide_parameters=True
        )
        _durable_sqlite(self._engine)
        self._path = url.database
        self._file: tuple[int, int] | None = None
        self._opened: Connection | None = None

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See `audit.store.Store.read`."""
        try:
            self._present()
            return work(self._connection())
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            self._drop()
            raise StoreUnavailable(_cause(error)) from error

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See `audit.store.Store.write`."""
        until = time.monotonic() + _SQLITE_PATIENCE
        while not self._begun():
            if time.monotonic() > until:
                raise StoreUnavailable("waited too long for its turn")
            await asyncio.sleep(_SQLITE_PAUSE)
        try:
            result = work(self._connection())
            self._present()
            self._connection().commit()
        except IntegrityError:
            self._rollback()
            raise
        except SQLAlchemyError as error:
            self._rollback()
            self._drop()
            raise StoreUnavailable(_cause(error)) from error
        except BaseException:
            self._rollback()
            raise
        return result

    async def each(self, work: Callable[[Connection], T]) -> T:
        """No statement leaves the process: nothing to gain, and one commit is cheaper than several."""
        raise NotImplementedError

    def _begun(self) -> bool:
        """Take the file's lock for writing; False when another process holds it."""
        try:
            self._connection().exec_driver_sql("BEGIN IMMEDIATE")
        except SQLAlchemyError as error:
            self._drop()
            if getattr(getattr(error, "orig", None), "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                raise StoreUnavailable(_cause(error)) from error
            return False
        return True

    def _connection(self) -> Connection:
        if self._opened is None:
            self._opened = self._engine.connect()
        return self._opened

    def _present(self) -> None:
        """Refuse to go on with a file that was moved or replaced: what is written to it nobody finds again.

        SQLite itself checks this outside WAL mode only. The file comes back, or the process is started anew.
        """
        try:
            status = os.stat(self._path or "")  # noqa: PTH116  on every read: a Path would cost more than the call
            now = (status.st_dev, status.st_ino)
        except OSError:
            now = None
        if self._file is None:
            self._file = now
        elif now != self._file:
            raise StoreUnavailable("the file of the database is gone")

    def _rollback(self) -> None:
        try:
            self._connection().rollback()
        except SQLAlchemyError:
            self._drop()

    def _drop(self) -> None:
        """Go on with another connection."""
        _close(self._opened)
        self._opened = None

    async def close(self) -> None:
        """Close the connection."""
        self._drop()
        self._engine.dispose()


class PostgresDatabase(Database):
    """A PostgreSQL server through asyncpg.

    A call runs in one greenlet from begin to commit: `AsyncEngine` starts five (connect, begin, work, commit, close),
    which takes as long as the transaction itself (docs/adr/0012-journal-speed.md).
    """

    dialect = "postgresql"

    def __init__(self, url: URL, *, pool_size: int) -> None:
        self._engine = sa.create_engine(  # `AsyncEngine` itself would draw in the ORM, 7 MiB
            url.set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=False,
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "command_timeout": 15,
                "server_settings": {
                    "application_name": "passerelle",
                    "synchronous_commit": "on",
                    "plan_cache_mode": "force_generic_plan",  # few statements, arrays as arguments: one plan fits
                    "jit": "off",
                    "lock_timeout": "5s",
                    "idle_in_transaction_session_timeout": "30s",
                },
            },
        )
        self._reads = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See `audit.store.Store.read`."""

        def run() -> T:
            with self._reads.connect() as connection:
                return work(connection)

        return await self._spawn(run)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See `audit.store.Store.write`."""

        def run() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return await self._spawn(run)

    async def each(self, work: Callable[[Connection], T]) -> T:
        """See `audit.store.Store.each`: no BEGIN, no COMMIT, as for reading."""
        return await self.read(work)

    async def _spawn(self, run: Callable[[], T]) -> T:
        try:
            return await greenlet_spawn(run)
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise StoreUnavailable(_cause(error)) from error

    async def close(self) -> None:
        """Close the pool."""
        await greenlet_spawn(self._engine.dispose)


def _close(connection: Connection | None) -> None:
    if connection is not None:
        try:
            connection.close()
        except SQLAlchemyError:
            connection.invalidate()


def _cause(error: BaseException) -> str:
    """The driver's own class name: a statement or its parameters must never reach a log."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return type(origin).__name__
