"""The database as the packages see it: a function run on a connection, in a transaction.

Every SQL function of the project is plain and synchronous, `work(connection) -> result`, so one text serves
SQLite and PostgreSQL. How it is run without blocking the event loop is the composition root's business
(`gateway/database.py`).
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Store(Protocol):
    """One database. The methods raise `audit.errors.StoreUnavailable` when it cannot answer."""

    @property
    def remote(self) -> bool:
        """Whether a statement is a round trip to a server, so that `each` is worth its conditions."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run one or few SELECTs, outside a transaction: each statement sees the newest committed state."""
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and commit it durably before returning.

        On SQLite the transaction takes the write lock at once (BEGIN IMMEDIATE). If `work` raises, nothing
        of it stays.
        """
        ...

    async def each(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, each of its statements a transaction of its own, durable before the next begins.

        On a `remote` store only.
        """
        ...
