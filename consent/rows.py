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
        self._compiled: dict[str, tuple[str, Sequence[str]]] = {}

    def execute(self, connection: Connection, rows: Sequence[Sequence[str | int]]) -> Sequence[Any]:
        """Run it for all rows at once (one or more); gives the rows of a SELECT."""
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._build(Rows(dialect.name, self._kinds)).compile(dialect=dialect)
            self._compiled[dialect.name] = (compiled.string, compiled.positiontup or ())
        statement, names = self._compiled[dialect.name]
        given: dict[str, Any]
        if dialect.name == "sqlite":
            given = {"rows": orjson.dumps(rows).decode()}
        else:
            given = {f"c{place}": column for place, column in enumerate(zip(*rows, strict=True))}
        done = connection.exec_driver_sql(statement, tuple(given[name] for name in names))
        return done.all() if done.returns_rows else ()
