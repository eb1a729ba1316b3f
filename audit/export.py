"""The database as a source of copies (`audit/copying.py`): what is served, and what only it holds beside.

`log.vkey` and `receipt.vkey` (the newest keys, under the year's name), `keys` (all of them, with their successions),
`checkpoints/<size>` (cosigned heads, one per ten minutes, which date the entries between them) and
`timestamps/<size>.tsr`. Refuses a log that has published nothing.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from audit import attested, succession
from audit.checkpoint import Checkpoint
from audit.copying import copy_log
from audit.keys import Vkey
from audit.models import audit_cosignature, audit_timestamp
from audit.reading import PublishedLog
from audit.receipts import receipt_name
from audit.rotation import published_keys
from audit.shards import Shard
from audit.store import Store
from audit.trust import Trust

_APART_S = 600

Keys = Mapping[str, Sequence[Vkey]]


class StoredLog:
    """One log in its database; `keys` are the public keys by use, the newest that signs first."""

    def __init__(self, store: Store, keys: Keys, *, policy: bytes = b"", quorum: bool = False) -> None:
        self._store = store
        self._keys = keys
        self._policy = policy
        self._log = PublishedLog(store, quorum=quorum)

    async def note(self, year: str | None) -> str:
        """See `Source.note`."""
        return (await self._log.served(year)).note

    async def tile(self, year: str | None, level: int | None, *, index: int, width: int) -> bytes:
        """See `Source.tile`."""
        if level is None:
            return await self._log.bundle(year, index, width)
        return await self._log.tile(year, level, index=index, width=width)

    async def beside(self, year: str | None) -> Mapping[str, bytes]:
        """See `Source.beside`."""
        shard = (await self._log.served(year)).shard
        found = dict(await self._store.read(partial(_saved, shard=shard)))
        published = await self._store.read(partial(published_keys, current=self._keys))
        found["keys"] = succession.to_json(published).encode()
        names = {"log": shard.origin, "receipt": receipt_name(shard.origin)}
        for use, name in names.items():
            if self._keys.get(use):
                found[f"{use}.vkey"] = f"{self._keys[use][0].named(name)}\n".encode()
        if self._policy:
            found["policy"] = self._policy
        return found


async def export_directory(store: Store, out: Path, *, vkey: Vkey, receipt_vkey: Vkey | None = None) -> Checkpoint:
    """Bring a directory up to the newest checkpoint of a log with one key; give that checkpoint."""
    keys = {"log": [vkey]} | ({"receipt": [receipt_vkey]} if receipt_vkey else {})
    return (await copy_log(StoredLog(store, keys), out, Trust((vkey,))))[0]


def _saved(connection: Connection, shard: Shard) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    columns = audit_cosignature.c
    dated = sa.select(columns.size, sa.func.min(columns.time)).where(columns.shard == shard.id)
    spans: dict[int, int] = {}
    for size, time_s in connection.execute(dated.group_by(columns.size).order_by(columns.size)):
        spans.setdefault(time_s // _APART_S, size)
    for size in spans.values():
        found[f"checkpoints/{size}"] = attested.cosigned_note(connection, shard, size).encode()
    stamps = sa.select(audit_timestamp.c.size, audit_timestamp.c.token).where(audit_timestamp.c.shard == shard.id)
    for size, token in connection.execute(stamps.order_by(audit_timestamp.c.size, audit_timestamp.c.at)):
        found.setdefault(f"timestamps/{size}.tsr", bytes(token))
    return found
