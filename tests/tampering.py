"""Changes what is stored as the owner of the database could: without the triggers."""

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store

_TABLES = ("audit_entry", "audit_tile", "audit_head", "audit_checkpoint")
TRIGGERS = [f"{table}_{verb}" for table in _TABLES for verb in ("update", "delete")]


async def tamper(store: Store, *statements: sa.Executable) -> None:
    """Execute these, past whatever forbids it."""

    def work(connection: Connection) -> None:
        for trigger in TRIGGERS:
            on = "" if connection.dialect.name == "sqlite" else f" ON {trigger.rpartition('_')[0]}"
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}{on}")
        for each in statements:
            connection.execute(each)

    await store.write(work)
