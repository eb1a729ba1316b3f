"""Writes the published log as a directory any C2SP tlog-tiles reader understands, to be checked offline.

`checkpoint`, `tile/<level>/<index>`, `tile/entries/<index>`, partial tiles under `….p/<width>`, `log.vkey` and
`receipt.vkey`. Tiles first, the checkpoint last: at every moment the directory is a whole log. Running it again
adds what is new. Refuses a directory that holds other bytes where this log's must go (another log, or a past
that changed), and a log that has published nothing.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from audit import shards, tiles
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.errors import ExportRefused, NoteInvalid, NotPublished
from audit.files import write_durably
from audit.keys import Vkey
from audit.layout import WIDTH, tile_path, tiles_of
from audit.receipts import receipt_name
from audit.store import Store


async def export_directory(store: Store, out: Path, *, vkey: Vkey, receipt_vkey: Vkey | None = None) -> Checkpoint:
    """Bring a directory up to the newest checkpoint; give that checkpoint."""
    shard = await store.read(shards.current)
    if shard is None:
        raise NotPublished("the log was never started")
    _, note = await store.read(partial(tiles.newest_checkpoint, shard=shard))
    vkey = vkey.named(shard.origin)
    checkpoint = open_checkpoint(note, vkey)
    await asyncio.to_thread(_check_target, out, checkpoint, vkey)
    for level, index, width in _parts(checkpoint.size):
        if level is None:
            data = await store.read(partial(tiles.read_bundle, shard=shard, index=index, width=width))
        else:
            data = await store.read(partial(tiles.read_tile, shard=shard, level=level, index=index, width=width))
        await asyncio.to_thread(_put, out / tile_path(level, index, width), data)
    receipts = receipt_vkey.named(receipt_name(shard.origin)) if receipt_vkey else None
    keys = {"log.vkey": vkey} | ({"receipt.vkey": receipts} if receipts else {})
    for name, key in keys.items():
        await asyncio.to_thread(_put, out / name, f"{key}\n".encode())
    await asyncio.to_thread(write_durably, out / "checkpoint", note.encode())
    return checkpoint


def _parts(size: int) -> Iterator[tuple[int | None, int, int]]:
    full, rest = divmod(size, WIDTH)
    for index in range(full):
        yield None, index, WIDTH
    if rest:
        yield None, full, rest
    yield from tiles_of(size)


def _check_target(out: Path, checkpoint: Checkpoint, vkey: Vkey) -> None:
    out.mkdir(parents=True, exist_ok=True)
    try:
        present = open_checkpoint((out / "checkpoint").read_text("utf-8"), vkey)
    except FileNotFoundError:
        return
    except (NoteInvalid, ValueError):
        raise ExportRefused("the directory holds a checkpoint this key has not signed") from None
    if present.size > checkpoint.size or (present.size == checkpoint.size and present.root != checkpoint.root):
        raise ExportRefused("the directory holds a checkpoint this log cannot continue")


def _put(path: Path, data: bytes) -> None:
    """Write a file once; its bytes never change."""
    try:
        present = path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, data)
        return
    if present != data:
        raise ExportRefused(f"{path} holds other bytes")
