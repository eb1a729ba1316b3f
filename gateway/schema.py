"""The tables of both databases and their migrations (Alembic). Explicit: a gateway never changes tables by itself.

Alembic is loaded where tables are changed: a running gateway has no use for its 7 MiB.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import Connection, MetaData

from audit.models import metadata as journal_tables
from audit.store import Store
from consent.models import keys_metadata
from consent.models import metadata as consent_tables
from gateway.catalogues.models import metadata as catalogue_tables
from gateway.console.models import metadata as console_tables
from gateway.models import metadata as gateway_tables
from gateway.oauth.models import metadata as oauth_tables
from gateway.oversight.models import metadata as oversight_tables
from gateway.signals.models import metadata as signal_tables
from gateway.signin.models import metadata as signin_tables
from gateway.web.me.models import metadata as report_tables
from gateway.web.models import metadata as web_tables

if TYPE_CHECKING:
    from alembic.config import Config

MAIN = (
    journal_tables,
    consent_tables,
    oauth_tables,
    gateway_tables,
    signal_tables,
    web_tables,
    report_tables,
    console_tables,
    catalogue_tables,
    oversight_tables,
    signin_tables,
)
KEYS = (keys_metadata,)
_FOLDER = Path(__file__).parent / "migrations"


class SchemaOutdated(Exception):  # noqa: N818  the start is refused, with a sentence
    """The tables are not those of this version."""

    code = "schema_outdated"


async def migrate(store: Store, key_store: Store) -> None:
    """Bring both databases to this version's tables, each in one transaction."""
    await store.write(partial(_upgrade, "main"))
    await key_store.write(partial(_upgrade, "keys"))


async def require_current(store: Store, key_store: Store) -> None:
    """Raise `SchemaOutdated` unless both databases have exactly the tables of this version."""
    for branch, database in (("main", store), ("keys", key_store)):
        if await database.read(partial(_revision, branch)) != _newest(branch):
            raise SchemaOutdated(f"tables ({branch}) of another version: run `passerelle database migrate`")


def tables(branch: str) -> tuple[MetaData, ...]:
    """The tables a branch of migrations describes."""
    return {"main": MAIN, "keys": KEYS}[branch]


def _config(branch: str, connection: Connection | None = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("version_locations", str(_FOLDER / branch))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, branch=branch)
    return config


def version_table(branch: str) -> str:
    """Where a branch remembers its revision: the two may share a database."""
    return f"passerelle_schema_{branch}"


def _upgrade(branch: str, connection: Connection) -> None:
    from alembic import command

    command.upgrade(_config(branch, connection), "head")


def _newest(branch: str) -> str:
    """The revision of the last migration: the number its file begins with."""
    return max(file.name[:4] for file in (_FOLDER / branch).glob("[0-9]*.py"))


def _revision(branch: str, connection: Connection) -> str | None:
    table = sa.table(version_table(branch), sa.column("version_num"))
    if not sa.inspect(connection).has_table(table.name):
        return None
    revision: str | None = connection.scalar(sa.select(table.c.version_num))
    return revision
