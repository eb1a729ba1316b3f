"""Migrations and the tables the code describes are the same, on both engines."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.database import Database
from gateway.schema import KEYS, MAIN, SchemaOutdated, migrate, require_current, version_table


async def test_migrated_tables_are_those_the_code_describes(database: Database) -> None:
    """Autogenerate finds nothing to do after a migration."""
    await migrate(database, database)
    names = {version_table("main"), version_table("keys")}

    def differences(connection):
        options = {"include_name": lambda name, kind, _: kind != "table" or name not in names}
        return compare_metadata(MigrationContext.configure(connection, opts=options), [*MAIN, *KEYS])

    assert await database.write(differences) == []


async def test_a_database_never_migrated_is_refused(database: Database) -> None:
    """A gateway does not start on tables that are not its own."""
    with pytest.raises(SchemaOutdated, match="passerelle database migrate"):
        await require_current(database, database)


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    """The command may be run again."""
    await migrate(database, database)
    await migrate(database, database)
    await require_current(database, database)
