"""The journal as lines for a security monitor (SIEM): CloudEvents 1.0 envelopes, or Elastic Common Schema.

One JSON object per entry, in the log's order; `sequence` is the position over all years, so a reader goes on from the
last one it has plus one. Nothing is added to what the entry holds, and a person stays the tag the entry has. Refuses a
format it does not know, and entries no served checkpoint covers yet.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import shards, years
from audit.canonical import loads
from audit.errors import FilterRefused, NotPublished, Pruned
from audit.models import audit_entry
from audit.reading import PublishedLog, Served
from audit.store import Store

_PAGE = 1_024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cloudevent(origin: str, position: int, leaf_hash: bytes, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Wrap an entry in a CloudEvents 1.0 envelope, whole, as data."""
    return {
        "specversion": "1.0",
        "id": entry["id"],
        "source": f"//{origin}",
        "type": f"fr.passerelle.{entry['type']}",
        "time": _instant(entry["time"]),
        "datacontenttype": "application/json",
        "sequence": str(position),
        "leafhash": leaf_hash.hex(),
        "data": entry,
    }


def ecs(origin: str, position: int, leaf_hash: bytes, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Map an entry to Elastic Common Schema 8; what it has no field for goes, whole, under `passerelle`."""
    event = {
        "id": entry["id"],
        "kind": "event",
        "category": ["iam"] if entry["type"].startswith(("authorisation.", "partner.", "key.")) else ["database"],
        "type": ["info"],
        "action": entry["type"],
        "sequence": position,
        "hash": leaf_hash.hex(),
        "provider": origin,
    }
    if "decision" in entry:
        event["outcome"] = "success" if entry["decision"] == "permit" else "failure"
    if "reason" in entry:
        event["reason"] = entry["reason"]
    line: dict[str, Any] = {"@timestamp": _instant(entry["time"]), "ecs": {"version": "8.11.0"}, "event": event}
    if "org" in entry:
        line["organization"] = {"id": entry["org"]}
    return line | {"passerelle": entry}


FORMATS = {"cloudevents": cloudevent, "ecs": ecs}


async def events(store: Store, start: int, *, form: str = "cloudevents", quorum: bool = False) -> AsyncIterator[str]:
    """Give the lines from this position on, up to what is served."""
    write = FORMATS.get(form)
    if write is None:
        raise FilterRefused(f"the format is one of {', '.join(FORMATS)}")
    log = PublishedLog(store, quorum=quorum)
    for shard in await store.read(shards.every):
        try:
            served = await log.served(years.folder(shard.origin))
        except NotPublished:
            return  # the years are served in their order
        end = shard.first + served.size
        while start < end:
            if start < shard.first + shard.minimum:
                raise Pruned(f"entries are kept from position {shard.first + shard.minimum} on")
            rows = await store.read(partial(_page, served=served, start=start))
            for position, digest, leaf in rows:
                entry: Any = loads(leaf)
                yield json.dumps(write(shard.origin, position, digest, entry), ensure_ascii=False)
            start += len(rows)


def _page(connection: Connection, served: Served, start: int) -> list[tuple[int, bytes, bytes]]:
    columns = audit_entry.c
    end = served.shard.first + served.size
    query = sa.select(columns.index, columns.hash, columns.leaf).where(columns.index >= start, columns.index < end)
    rows = connection.execute(query.order_by(columns.index).limit(_PAGE))
    return [(position, bytes(digest), leaf) for position, digest, leaf in rows]


def _instant(time: int) -> str:
    return (_EPOCH + timedelta(milliseconds=time)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
