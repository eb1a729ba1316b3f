"""Backups of the key store: dated files of wrapped keys, one line per person, that expire and that erasures reach into.

They open nothing without the key-encryption key, which is backed up elsewhere. Answers for: files older than their
time are deleted at each run, and what a killed run has left after an hour; the line of an erased person is overwritten
in place, in every file of the folder, unfinished ones too, and in a new one whose making the erasure came between.
Refuses to bring an erased person back: such lines are left out of a restoration. A copy made outside the folder is
out of reach; then the tombstones decide at the next start.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.files import sync_directory
from audit.store import Store
from consent.erasure import Tombstones, tombstones
from consent.models import subject_key

FORMAT = "passerelle-keys/1"
_NAME = "keys-%Y%m%dT%H%M%S.%fZ.jsonl"
_UNFINISHED = ".unfinished"
_LONGEST = timedelta(hours=1)  # a run takes less


class BackupRefused(Exception):  # noqa: N818  the command ends, with a sentence
    """A backup cannot be made or restored; the text says why."""

    code = "backup_refused"


async def back_up_keys(key_store: Store, folder: Path, *, main: Store, days: int, now: int) -> Path:
    """Write today's file, delete those that have expired; gives the file. `main` knows who was erased."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    moment = datetime.fromtimestamp(now / 1000, UTC)
    for old, made in _files(folder):
        if made < moment - (timedelta(days=days) if old.suffix != _UNFINISHED else _LONGEST):
            old.unlink()
    every = sa.select(subject_key).order_by(subject_key.c.subject)
    rows = await key_store.read(lambda connection: connection.execute(every).mappings().all())
    lines = [json.dumps({"format": FORMAT, "made_at": now}), *map(_line, rows)]
    path = folder / moment.strftime(_NAME)
    unfinished = path.with_suffix(_UNFINISHED)
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write("\n".join([*lines, ""]).encode())
            handle.flush()
            os.fsync(handle.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_directory(folder)
    drop_erased(folder, await tombstones(main))  # whoever was erased since the rows were read
    return path


def drop_erased(folder: Path, erased: Tombstones) -> int:
    """Overwrite the lines of erased persons in every backup; gives how many there were."""
    dropped = 0
    for path, _ in _files(folder):
        with path.open("r+b") as handle:
            content, position = handle.read(), 0
            for line in content.splitlines(keepends=True):
                if _is_erased(_read(line), erased):
                    handle.seek(position)
                    handle.write(b" " * (len(line) - 1))
                    dropped += 1
                position += len(line)
            handle.flush()
            os.fsync(handle.fileno())
    return dropped


async def restore_keys(key_store: Store, path: Path, erased: Tombstones) -> int:
    """Bring back the keys that the key store lacks, but for those of erased persons; gives how many."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        raise BackupRefused(f"{path} cannot be read") from None
    if not lines or _read(lines[0]).get("format") != FORMAT:
        raise BackupRefused(f"{path} is not a backup of keys")
    saved = [each for line in lines[1:] if (each := _read(line)) and not _is_erased(each, erased)]
    return await key_store.write(_inserting(saved))


def _inserting(saved: list[dict[str, Any]]) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        held = set(connection.execute(sa.select(subject_key.c.subject).order_by(subject_key.c.subject)).scalars())
        missing = [
            {**each, "wrapped": base64.b64decode(each["wrapped"])} for each in saved if each["subject"] not in held
        ]
        if missing:
            connection.execute(sa.insert(subject_key), missing)
        return len(missing)

    return work


def _is_erased(line: Mapping[str, Any], erased: Tombstones) -> bool:
    subject = line.get("subject")
    return subject in erased.forgotten or (subject in erased.reduced and line.get("scope") == "whole")


def _files(folder: Path) -> Iterator[tuple[Path, datetime]]:
    """Every backup, what is becoming one or was to, and when it was made."""
    for path in sorted([*folder.glob("keys-*.jsonl"), *folder.glob(f"keys-*{_UNFINISHED}")]):
        try:
            yield path, datetime.strptime(path.with_suffix(".jsonl").name, _NAME).replace(tzinfo=UTC)
        except ValueError:
            continue


def _line(row: Mapping[Any, Any]) -> str:
    return json.dumps({**row, "wrapped": base64.b64encode(row["wrapped"]).decode()})


def _read(line: bytes) -> dict[str, Any]:
    """A line that was overwritten, or half so when the power went, is nobody's."""
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
