"""Many rows as one parameter, unfolded by the database: the same statement for any number of them.

One constant text per dialect, compiled once: SQLAlchemy's share of a statement is then about 30 µs, and a batch of
any size is one statement. Only what unfolds the parameter differs between the engines.
"""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql


class Rows:
    """The rows of a statement's one parameter, to join with.

    SQLite takes one JSON text. PostgreSQL takes an array of them: it then expects about ten rows, where a JSON
    function makes it expect a hundred and scan whole tables instead of using their indexes (4 ms for 0.1 ms).
    """

    def __init__(self, dialect: str) -> None:
        if dialect == "sqlite":
            given = sa.func.json_each(sa.bindparam("rows", type_=sa.Text))
            self.table = given.table_valued(sa.column("value", sa.JSON), name="j")
            self._value: sa.ColumnElement[Any] = self.table.c.value
        else:
            unnested = sa.func.unnest(sa.bindparam("rows", type_=postgresql.ARRAY(sa.Text)))
            self.table = unnested.table_valued(sa.column("value", sa.Text), name="j").render_derived()
            self._value = sa.cast(self.table.c.value, sa.JSON)

    def text(self, position: int) -> sa.ColumnElement[str]:
        """The cell at `position` of each row (`->>` is spelled alike on both engines)."""
        return self._value.op("->>", return_type=sa.Text())(sa.literal_column(str(position)))

    def number(self, position: int) -> sa.ColumnElement[int]:
        """The same, as an integer."""
        return sa.cast(self.text(position), sa.BigInteger)


class Batched:
    """A statement over `Rows`. Columns come back as the driver gives them."""

    def __init__(self, build: Callable[[Rows], sa.Select[Any] | sa.Update]) -> None:
        self._build = build
        self._compiled: dict[str, tuple[str, int]] = {}

    def execute(self, connection: Connection, rows: Sequence[Sequence[str | int]]) -> Sequence[Any]:
        """Run it for all rows at once; gives the rows of a SELECT."""
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._build(Rows(dialect.name)).compile(dialect=dialect)
            self._compiled[dialect.name] = (compiled.string, len(compiled.positiontup or ()))
        statement, times = self._compiled[dialect.name]
        given: Any = (
            orjson.dumps(rows).decode() if dialect.name == "sqlite" else [orjson.dumps(each).decode() for each in rows]
        )
        done = connection.exec_driver_sql(statement, (given,) * times)
        return done.all() if done.returns_rows else ()
