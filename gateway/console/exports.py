"""What a filter shows, as one file that is verified offline: entries with proofs, JSON lines, table, checkpoint, keys.

 1. find all that answers, at most `MOST`
 2. read each entry in the journal and prove it under one checkpoint per year; one that does not verify ends it
 3. write the archive, a few hundred entries at a time; take its size and SHA-256
 4. journal the handing-over with that digest, then keep the file for an hour for whoever asked

Refuses a session without a second factor, and anybody else's export. The layout is that of `audit/extract.py`; entries
younger than the checkpoint wait for the next export, `extract.json` says how many.
"""

import asyncio
import hashlib
import json
import secrets
import zipfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import table
from audit.canonical import Json
from audit.journal import Draft, Journal
from audit.keys import Vkey
from audit.reading import PublishedLog
from audit.readme import README
from audit.store import Store
from gateway.console import entries, models
from gateway.console.entries import Entry
from gateway.console.errors import ExportAltered, ExportTooLarge, NotYours, SecondFactorRequired
from gateway.console.filters import Filter
from gateway.console.kinds import Scope
from gateway.console.search import Search

MOST = 20_000
LIFE_MS = 3_600_000
_CHUNK = 256

Beside = Callable[[], Awaitable[Mapping[str, bytes]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file that waits to be fetched; `digest` is its SHA-256 in hex, times in ms UTC."""

    id: str
    made_at: int
    expires_at: int
    entries: int
    bytes: int
    digest: str


@dataclass(slots=True)
class _Year:
    """What goes into the folder of one year."""

    origin: str
    size: int
    note: str
    taken: list[table.Numbered] = field(default_factory=list)
    waiting: int = 0
    removed: int = 0


class Exports:
    """The exports of one gateway, in a folder of its home; `beside` gives the public keys and policy to add."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        search: Search,
        log: PublishedLog,
        vkeys: Callable[[str], Sequence[Vkey]],
        beside: Beside,
        folder: Path,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._journal = journal
        self._search = search
        self._log = log
        self._vkeys = vkeys
        self._beside = beside
        self._folder = folder
        self._clock = clock

    async def make(
        self,
        scope: Scope,
        wanted: Filter,
        *,
        actor: str,
        organisation: str | None,
        strong: bool,
        among: Sequence[int] | None = None,
    ) -> Export:
        """Write the file and journal it; raises `SecondFactorRequired`, `ExportTooLarge`, `ExportAltered`."""
        if not strong:
            raise SecondFactorRequired("an export leaves the console")
        await self._clear()
        positions = await self._search.positions(scope, wanted, among=among, most=MOST)  # 1
        if positions is None:
            raise ExportTooLarge(MOST)
        number = secrets.token_hex(16)
        part = self._folder / f"{number}.part"
        try:
            years = await self._write(part, positions, wanted)
            size, digest = await asyncio.to_thread(_measure, part)  # 3
            count = sum(len(year.taken) for year in years)
            await self._note(years, actor=actor, organisation=organisation, count=count, digest=digest)  # 4
            now = self._clock()
            made = Export(id=number, made_at=now, expires_at=now + LIFE_MS, entries=count, bytes=size, digest=digest)
            row = {"actor": actor, **{name: getattr(made, name) for name in Export.__slots__}}
            await self._store.write(lambda connection: connection.execute(sa.insert(models.export), row))
            await asyncio.to_thread(part.rename, self._folder / f"{number}.zip")
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        return made

    async def find(self, number: str, *, actor: str) -> tuple[Export, Path]:
        """Give an export of this DPO's, and where its file lies; raises `NotYours`."""
        columns = models.export.c
        query = sa.select(*(columns[name] for name in Export.__slots__)).where(
            columns.id == number, columns.actor == actor, columns.expires_at > self._clock()
        )
        row = await self._store.read(lambda connection: connection.execute(query).mappings().one_or_none())
        path = self._folder / f"{number}.zip"
        if row is None or not await asyncio.to_thread(path.is_file):
            raise NotYours("no such export, or no longer")
        return Export(**row), path

    async def _write(self, part: Path, positions: Sequence[int], wanted: Filter) -> list[_Year]:
        """2."""
        heads = await self._store.read(partial(entries.heads_of, log=self._log, vkeys=self._vkeys))
        years: dict[str, _Year] = {}
        await asyncio.to_thread(_make_private, part)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for start in range(0, len(positions), _CHUNK):
                some = positions[start : start + _CHUNK]
                read = partial(entries.read, log=self._log, positions=some, vkeys=self._vkeys, under=heads)
                found = await self._store.read(read)
                await asyncio.to_thread(_add, archive, list(found.values()), years)
            for year, one in sorted(years.items()):
                await asyncio.to_thread(_finish, archive, year, one, wanted)
            for name, data in sorted({**await self._beside(), "README.md": README.encode()}.items()):
                archive.writestr(name, data)
        return list(years.values())

    async def _note(
        self, years: Sequence[_Year], *, actor: str, organisation: str | None, count: int, digest: str
    ) -> None:
        members: dict[str, Json] = {"what": "extract", "actor": actor, "entries": count, "digest": digest}
        members |= {"org": organisation} if organisation else {}
        spans: list[dict[str, Json]] = [
            {"log": year.origin, "first": year.taken[0][0], "end": year.taken[-1][0] + 1}
            for year in years
            if year.taken
        ]
        for span in spans or [{}]:
            draft = Draft(type="log.read", members={**members, **span}, time=self._clock())
            await self._journal.append(draft)

    async def _clear(self) -> None:
        """Forget what nobody fetched in time, file and row."""
        over = models.export.c.expires_at <= self._clock()

        def work(connection: Connection) -> list[str]:
            query = sa.select(models.export.c.id).where(over).order_by(models.export.c.id)
            gone = list(connection.execute(query).scalars())
            connection.execute(sa.delete(models.export).where(over))
            return gone

        for number in await self._store.write(work):
            await asyncio.to_thread((self._folder / f"{number}.zip").unlink, missing_ok=True)


def _make_private(part: Path) -> None:
    """Make the folder and the file before anything is in them, for their owner alone."""
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part.touch(mode=0o600, exist_ok=False)


def _add(archive: zipfile.ZipFile, found: Sequence[Entry], years: dict[str, _Year]) -> None:
    for entry in found:
        if entry.state == "altered":
            raise ExportAltered(f"entry {entry.position} does not verify")
        if entry.checkpoint is None or entry.proof is None:
            if entry.year in years:
                years[entry.year].waiting += 1
            continue
        year = years.setdefault(entry.year, _Year(entry.origin, entry.checkpoint.size, entry.proof.note))
        if entry.leaf is None:
            year.removed += 1
            continue
        archive.writestr(f"{entry.year}/entries/{entry.number}.json", entry.leaf)
        archive.writestr(f"{entry.year}/entries/{entry.number}.tlog-proof", entry.written())
        year.taken.append((entry.number, entry.leaf))


def _finish(archive: zipfile.ZipFile, folder: str, year: _Year, wanted: Filter) -> None:
    content: dict[str, Any] = {
        "origin": year.origin,
        "size": year.size,
        "entries": len(year.taken),
        "waiting": year.waiting,
        "removed": year.removed,
        "filter": {name: value for name, value in wanted.address().items() if name != "person"},
    }
    archive.writestr(f"{folder}/checkpoint", year.note)
    archive.writestr(f"{folder}/extract.json", json.dumps(content, indent=1) + "\n")
    archive.writestr(f"{folder}/entries.jsonl", table.json_lines(year.taken))
    archive.writestr(f"{folder}/entries.csv", table.table(year.taken))


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest
