"""An extract for the DPO: the entries that answer a filter, each with its proof, to be checked without the gateway.

`<year>/checkpoint`, `<year>/entries/<index>.json` and `.tlog-proof`, `<year>/extract.json` (what was asked), `keys`,
`log.vkey`, `README.md` in French and English. A filter names organisations, purposes, types and fields of closed lists,
and a span of time. Refuses anything else, a person's tag above all: who looks for a person is not served here. Refuses
a directory that is not empty. That the extract is complete it cannot prove: only the whole log can.
"""

import asyncio
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import merkle, proofs, shards, years
from audit.canonical import loads
from audit.errors import ExportRefused, FilterRefused, NotPublished
from audit.events import EVENTS, MAX_SKEW_MS
from audit.files import write_durably
from audit.models import audit_entry
from audit.reading import PublishedLog, Served
from audit.readme import README
from audit.store import Store

NAMES = ("org", "purpose", "type", "field")
_PAGE = 1_024

_Row = tuple[int, bytes, str]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries: dated within a span (ms UTC, end excluded), and naming one of the words of each kind given."""

    since: int
    until: int
    words: Mapping[str, frozenset[str]]

    def takes(self, entry: Mapping[str, Any]) -> bool:
        """Tell whether an entry answers."""
        if not self.since <= entry["time"] < self.until:
            return False
        named = {"field": frozenset(_fields(entry))} if "field" in self.words else {}
        return all(words & named.get(kind, frozenset({entry.get(kind)})) for kind, words in self.words.items())

    def as_json(self) -> dict[str, Any]:
        """Write what was asked."""
        return {"from": self.since, "to": self.until} | {kind: sorted(self.words[kind]) for kind in sorted(self.words)}


def read_filter(
    since: int, until: int, words: Mapping[str, Sequence[str]], *, known: Mapping[str, Collection[str]]
) -> Filter:
    """Make a filter of closed words: `known` lists the organisations, purposes and fields there are."""
    if since >= until:
        raise FilterRefused("the span of time is empty")
    lists = {**known, "type": EVENTS}
    for kind, given in words.items():
        if kind not in NAMES:
            raise FilterRefused(f"an extract is chosen by {', '.join(NAMES)} and time, never by what names a person")
        if not set(given) <= set(lists.get(kind, ())):
            raise FilterRefused(f"{kind}: not one of the words there are; a filter never names a person")
    return Filter(since, until, {kind: frozenset(given) for kind, given in words.items() if given})


async def extract(
    store: Store, out: Path, chosen: Filter, *, beside: Mapping[str, bytes], note: Callable[[Served], Any],
    quorum: bool = False,
) -> int:  # fmt: skip
    """Write the extract; `note` journals the reading of a year before anything of it is written. Gives the count."""
    await asyncio.to_thread(_require_empty, out)
    log = PublishedLog(store, quorum=quorum)
    found = 0
    for shard in await store.read(shards.every):
        try:
            served = await log.served(years.folder(shard.origin))
        except NotPublished:
            continue
        await note(served)
        folder = out / years.folder(shard.origin)
        count = 0
        start = served.shard.first + served.shard.minimum
        while rows := await store.read(partial(_page, log=log, served=served, chosen=chosen, start=start)):
            start, taken = rows
            count += len(taken)
            await asyncio.to_thread(_write, folder, taken)
        content = {"origin": shard.origin, "size": served.size, "entries": count, "filter": chosen.as_json()}
        await asyncio.to_thread(_finish, folder, served.note, content)
        found += count
    for name, data in {**beside, "README.md": README.encode()}.items():
        await asyncio.to_thread(_put, out / name, data)
    return found


def _page(
    connection: Connection, log: PublishedLog, *, served: Served, chosen: Filter, start: int
) -> tuple[int, list[_Row]] | None:
    """Look at the next entries: give where to go on, and those that answer with their proofs; None at the end."""
    end = served.shard.first + served.size
    near = (audit_entry.c.at >= chosen.since - MAX_SKEW_MS, audit_entry.c.at < chosen.until + MAX_SKEW_MS)
    index = audit_entry.c.index
    query = sa.select(index, audit_entry.c.leaf).where(index >= start, index < end, *near)
    rows = connection.execute(query.order_by(index).limit(_PAGE)).all()
    if not rows:
        return None
    node = log.node(connection, served.shard, served.size)
    taken = []
    for position, leaf in rows:
        entry = loads(leaf)
        if isinstance(entry, dict) and chosen.takes(entry):
            place = position - served.shard.first
            path = merkle.inclusion_path(place, served.size, node)
            taken.append((place, leaf, proofs.write(place, path, served.note)))
    return rows[-1][0] + 1, taken


def _require_empty(out: Path) -> None:
    if out.exists() and any(out.iterdir()):
        raise ExportRefused(f"{out} is not empty: an extract is written once")


def _fields(entry: Mapping[str, Any]) -> Iterator[str]:
    lists = chain.from_iterable(entry.get(name, {}).values() for name in ("permits", "denials", "withheld"))
    return chain(entry.get("commits", ()), entry.get("fields", ()), entry.get("explicit", ()), *lists)


def _write(folder: Path, taken: Sequence[_Row]) -> None:
    for place, leaf, proof in taken:
        _put(folder / "entries" / f"{place}.json", leaf)
        _put(folder / "entries" / f"{place}.tlog-proof", proof.encode())


def _finish(folder: Path, note: str, content: Mapping[str, Any]) -> None:
    _put(folder / "extract.json", (json.dumps(content, indent=1) + "\n").encode())
    _put(folder / "checkpoint", note.encode())


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, data)
