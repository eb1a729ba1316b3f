"""A list of Python values as a table of one column, in one parameter: an array (PostgreSQL), a JSON text (SQLite).

An IN of a thousand members is a statement of its own for each length; this is always the same one.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql


def given(connection: Connection, values: Sequence[Any], kind: sa.types.TypeEngine[Any]) -> sa.TableValuedAlias:
    """Give the table; its column is `value`."""
    column: sa.ColumnClause[Any] = sa.column("value", kind)
    if connection.dialect.name == "sqlite":
        return sa.func.json_each(json.dumps(list(values))).table_valued(column, name="given")
    array = sa.literal(list(values), postgresql.ARRAY(kind))
    return sa.func.unnest(array).table_valued(column, name="given").render_derived()
