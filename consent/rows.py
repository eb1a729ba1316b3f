"""Many rows as parameters of one statement, unfolded by the database: the same statement for any number of them.

One constant text per dialect, compiled once: SQLAlchemy's share of a statement is then about 30 µs, and a batch of
any size is one statement. Only what unfolds the parameters differs between the engines.
"""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.type_api import TypeEngine

Kind = type[TypeEngine[Any]]


class Rows:
    """The rows of a statement's parameters, to join with; `rows[0]` is their first column.

    SQLite takes one JSON text. PostgreSQL takes an array per column: cells of JSON cost it 9 µs per row that is read
    and written, and of a JSON function it expects a hundred rows and scans whole tables instead of using their indexes.
    """

    def __init__(self, dialect: str, kinds: Sequence[Kind]) -> None:
        self._sqlite = dialect == "sqlite"
        self._kinds = kinds
        if self._sqlite:
            given = sa.func.json_each(sa.bindparam("rows", type_=sa.Text))
            self.table = given.table_valued(sa.column("value", sa.JSON), name="j")
        else:
            arrays = [sa.bindparam(f"c{place}", type_=postgresql.ARRAY(kind)) for place, kind in enumerate(kinds)]
            columns = [sa.column(f"c{place}", kind) for place, kind in enumerate(kinds)]
            self.table = sa.func.unnest(*arrays).table_valued(*columns, name="j").render_derived()

    def __getitem__(self, place: int) -> sa.ColumnElement[Any]:
        """The cell at `place` of each row."""
        if not self._sqlite:
            return self.table.c[place]
        return self.table.c.value.op("->>", return_type=self._kinds[place]())(sa.literal_column(str(place)))


class Batched:
    """A statement over `Rows` whose columns are of these kinds. Columns come back as the driver gives them."""

    def __init__(self, build: Callable[[Rows], sa.Select[Any] | sa.Update], *kinds: Kind) -> None:
        self._build = build
        self._kinds = kinds
        self._built: dict[str, tuple[Any, str, Sequence[str]]] = {}

    def bound(self, connection: Connection, rows: Sequence[Sequence[str | int]]) -> tuple[Any, dict[str, Any]]:
        """Give the statement, always the same one, and its parameters."""
        return self._statement(connection)[0], self._given(connection, rows)

    def execute(self, connection: Connection, rows: Sequence[Sequence[str | int]]) -> Sequence[Any]:
        """Run a SELECT for all rows at once (one or more)."""
        _, text, names = self._statement(connection)
        given = self._given(connection, rows)
        return connection.exec_driver_sql(text, tuple(given[name] for name in names)).all()

    def _statement(self, connection: Connection) -> tuple[Any, str, Sequence[str]]:
        dialect = connection.dialect
        if dialect.name not in self._built:
            statement = self._build(Rows(dialect.name, self._kinds))
            compiled = statement.compile(dialect=dialect)
            self._built[dialect.name] = (statement, compiled.string, compiled.positiontup or ())
        return self._built[dialect.name]

    def _given(self, connection: Connection, rows: Sequence[Sequence[str | int]]) -> dict[str, Any]:
        if connection.dialect.name == "sqlite":
            return {"rows": orjson.dumps(rows).decode()}
        return {f"c{place}": column for place, column in enumerate(zip(*rows, strict=True))}
