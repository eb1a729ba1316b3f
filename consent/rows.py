"""Many rows as one parameter: a JSON text unfolded by the database, the same statement for any number.

One constant text per dialect, compiled once: SQLAlchemy's share of a statement is then about 30 µs, and a batch of
any size is one statement (docs/adr: performance). Only `cell` and `unfolded` differ from ordinary Core.
"""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.sql.selectable import TableValuedAlias


def unfolded(dialect: str) -> TableValuedAlias:
    """The rows of the statement's one parameter; read a cell with `cell`."""
    text = sa.bindparam("rows", type_=sa.Text)
    if dialect == "sqlite":
        return sa.func.json_each(text).table_valued(sa.column("value", sa.JSON), name="j")
    return sa.func.json_array_elements(sa.cast(text, sa.JSON)).table_valued(sa.column("value", sa.JSON), name="j")


def text(rows: TableValuedAlias, position: int) -> sa.ColumnElement[str]:
    """The cell at `position` of each row (`->>` is spelled alike on both engines)."""
    return rows.c.value.op("->>", return_type=sa.Text())(sa.literal_column(str(position)))


def number(rows: TableValuedAlias, position: int) -> sa.ColumnElement[int]:
    """The same, as an integer."""
    return sa.cast(text(rows, position), sa.BigInteger)


class Batched:
    """A statement over `unfolded` rows. Columns come back as the driver gives them."""

    def __init__(self, build: Callable[[str], sa.Select[Any] | sa.Update]) -> None:
        self._build = build
        self._compiled: dict[str, tuple[str, int]] = {}

    def execute(self, connection: Connection, rows: Sequence[Sequence[str | int]]) -> Sequence[Any]:
        """Run it for all rows at once; gives the rows of a SELECT."""
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._build(dialect.name).compile(dialect=dialect)
            self._compiled[dialect.name] = (compiled.string, len(compiled.positiontup or ()))
        statement, times = self._compiled[dialect.name]
        done = connection.exec_driver_sql(statement, (orjson.dumps(rows).decode(),) * times)
        return done.all() if done.returns_rows else ()
