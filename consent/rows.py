"""Many rows as one parameter: a JSON text unfolded by the database, the same statement for any number.

One constant statement per dialect keeps SQLAlchemy's and the driver's caches warm, whatever the size of a batch.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.sql.selectable import TableValuedAlias

T = TypeVar("T")


def unfolded(dialect: str) -> TableValuedAlias:
    """The rows of the text parameter `rows`; read a cell with `cell`."""
    text = sa.bindparam("rows", type_=sa.Text)
    if dialect == "sqlite":
        return sa.func.json_each(text).table_valued(sa.column("value", sa.JSON), name="j")
    return sa.func.json_array_elements(sa.cast(text, sa.JSON)).table_valued(sa.column("value", sa.JSON), name="j")


def cell(
    rows: TableValuedAlias, position: int, type_: type[sa.types.TypeEngine[Any]] = sa.Text
) -> sa.ColumnElement[Any]:
    """The cell at `position` of each row (`->>` is spelled alike on both engines)."""
    found = rows.c.value.op("->>", return_type=sa.Text())(sa.literal_column(str(position)))
    return found if type_ is sa.Text else sa.cast(found, type_)


def folded(rows: Sequence[Sequence[str | int]]) -> str:
    """The parameter for `rows`."""
    return orjson.dumps(rows).decode()


def per_dialect(build: Callable[[str], T]) -> Callable[[str], T]:
    """Build a statement once per dialect."""
    built: dict[str, T] = {}

    def get(dialect: str) -> T:
        if dialect not in built:
            built[dialect] = build(dialect)
        return built[dialect]

    return get
