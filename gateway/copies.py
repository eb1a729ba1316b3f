"""What leaves the journal by command: whole copies, mirrors from afar, extracts for the DPO, lines for a monitor.

Whoever runs these on the gateway's own machine has its database; they say what they do in the journal where entries
are picked out (`extract`). From afar a mirror is a partner with the scope `log:entries`, and its reading is journaled.
"""

import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from audit.checkpoint import Checkpoint
from audit.copying import copy_log
from audit.errors import FilterRefused, MirrorRefused, NotPublished, Pruned
from audit.export import StoredLog
from audit.extract import extract, read_filter
from audit.journal import Draft
from audit.layout import tile_path
from audit.reading import Served
from audit.siem import events
from audit.store import Store
from audit.trust import Trust
from gateway import keys
from gateway.database import open_database
from gateway.services import Services, open_services
from gateway.settings import Settings
from gateway.witnesses import read_policy
from policies import catalogue as catalogues


async def export_log(settings: Settings, out: Path) -> int:
    """Bring a directory up to the served checkpoint; gives the number of entries it covers."""
    async with open_database(settings.main_url) as store:
        source = _stored(settings, store)
        return (await copy_log(source, out, Trust(tuple(keys.load(settings).log.vkeys))))[0].size


async def mirror(out: Path, *, url: str, token: Path, trust: Trust) -> Checkpoint:
    """Bring a mirror up to what a gateway serves; the token file is read again when a token has ended."""
    async with httpx.AsyncClient(timeout=30.0, follow_redirects=False) as http:
        return (await copy_log(RemoteLog(http, url, token), out, trust))[0]


async def extract_entries(
    settings: Settings, out: Path, *, since: str, until: str, words: Mapping[str, Sequence[str]]
) -> int:
    """Write an extract, after the journal says so; gives the number of entries."""
    catalogue = catalogues.load(settings.catalogue)
    known = {"org": catalogue.parties, "purpose": catalogue.purposes, "field": catalogue.vocabulary.fields}
    chosen = read_filter(moment(since), moment(until), words, known=known)
    async with open_services(settings) as services:
        beside = await _stored(settings, services.store).beside(None)
        shown = {name: data for name, data in beside.items() if name in {"keys", "log.vkey", "policy"}}
        return await extract(
            services.store, out, chosen, beside=shown, note=functools.partial(_note, services), quorum=_quorum(settings)
        )


async def print_events(settings: Settings, start: int, form: str) -> AsyncIterator[str]:
    """Give the lines from this position on."""
    async with open_database(settings.main_url) as store:
        async for line in events(store, start, form=form, quorum=_quorum(settings)):
            yield line


def moment(text: str) -> int:
    """Read a day or an instant of ISO 8601, UTC when it says nothing else; gives milliseconds."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise FilterRefused("a time is written 2026-11-30 or 2026-11-30T12:00:00+01:00") from None
    return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000)


async def _note(services: Services, served: Served) -> None:
    members: dict[str, Any] = {"what": "extract", "log": served.shard.origin, "first": 0, "end": served.size}
    await services.journal.append(Draft(type="log.read", members=members, time=services.clock()))


def _stored(settings: Settings, store: Store) -> StoredLog:
    held = keys.load(settings)
    policy = Path(settings.witness_policy).read_bytes() if settings.witness_policy else b""
    published = {"log": held.log.vkeys, "receipt": held.receipt.vkeys}
    return StoredLog(store, published, policy=policy, quorum=_quorum(settings))


def _quorum(settings: Settings) -> bool:
    return bool(settings.witness_policy) and not read_policy(settings.witness_policy).satisfied(())


class RemoteLog:
    """The log of another gateway, over HTTP, as `audit.copying.Source` wants it."""

    def __init__(self, http: httpx.AsyncClient, url: str, token: Path) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._file = token
        self._token = ""

    async def note(self, year: str | None) -> str:
        """See `Source.note`."""
        return (await self._get(year, "checkpoint")).decode()

    async def tile(self, year: str | None, level: int | None, *, index: int, width: int) -> bytes:
        """See `Source.tile`."""
        return await self._get(year, tile_path(level, index, width))

    async def beside(self, year: str | None) -> Mapping[str, bytes]:
        """See `Source.beside`: the keys; heads are saved as they are seen."""
        return {"keys": await self._get(None, "keys")} if year is None else {}

    async def _get(self, year: str | None, path: str) -> bytes:
        address = f"{self._url}/{f'{year}/' if year else ''}{path}"
        try:
            answer = await self._http.get(address, headers=self._headers(again=False))
            if answer.status_code == 401:
                answer = await self._http.get(address, headers=self._headers(again=True))
        except httpx.HTTPError as error:
            raise MirrorRefused(f"{self._url} does not answer: {type(error).__name__}") from None
        if answer.status_code == 410:
            raise Pruned(f"{path} was pruned")
        if answer.status_code == 404:
            raise NotPublished(f"{path} is not served")
        if answer.status_code != 200:
            raise MirrorRefused(f"{self._url} answered {answer.status_code} for {path}")
        return answer.content

    def _headers(self, *, again: bool) -> dict[str, str]:
        if again or not self._token:
            try:
                self._token = self._file.read_text("ascii").strip()
            except (OSError, UnicodeDecodeError):
                raise MirrorRefused(f"{self._file} cannot be read") from None
        return {"Authorization": f"Bearer {self._token}"}
