"""Copies the main database while it is in use: SQLite's online backup, or `pg_dump`. Never the persons' keys.

Refuses a server whose `pg_dump` is missing or fails. A copy older than the log's last signed head starts no gateway
that signs: the signer state remembers (see docs/how-to/erasure.md).
"""

import os
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from consent.models import keys_metadata
from gateway.key_backups import BackupRefused
from gateway.schema import version_table
from gateway.settings import Settings

_KEYS = (*keys_metadata.tables, version_table("keys"))
_PG = {"host": "PGHOST", "port": "PGPORT", "username": "PGUSER", "password": "PGPASSWORD", "database": "PGDATABASE"}


def back_up(settings: Settings, out: Path, *, now: int) -> Path:
    """Write a dated copy of the main database; gives the file."""
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = make_url(settings.main_url)
    moment = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    sqlite = url.get_backend_name() == "sqlite"
    path = out / f"passerelle-{moment}.{'db' if sqlite else 'dump'}"
    unfinished = path.with_suffix(".unfinished")
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        (_copy_sqlite if sqlite else _dump_postgresql)(url, unfinished)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _copy_sqlite(url: URL, path: Path) -> None:
    try:
        source = sqlite3.connect(f"{Path(url.database or '').absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        raise BackupRefused("the database cannot be opened") from None
    copy = sqlite3.connect(path, isolation_level=None)
    try:
        source.backup(copy)
        for table in _KEYS:
            copy.execute(f"DROP TABLE IF EXISTS {table}")
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute("VACUUM")  # also what the copy brought of freed pages
    finally:
        copy.close()
        source.close()


def _dump_postgresql(url: URL, path: Path) -> None:
    """The address goes by the environment: arguments are seen by everybody on the machine."""
    given = {name: str(value) for part, name in _PG.items() if (value := getattr(url, part))}
    given |= {f"PG{name.upper()}": str(value) for name, value in url.query.items()}
    command = ["pg_dump", "--format=custom", f"--file={path}", *(f"--exclude-table={table}" for table in _KEYS)]
    try:
        subprocess.run(command, env={**os.environ, **given}, check=True, capture_output=True)  # noqa: S603  no argument is a user's
    except (OSError, subprocess.CalledProcessError) as error:
        raise BackupRefused(f"pg_dump failed: {type(error).__name__}") from None
