"""Copies a log into a directory, from wherever it is published, keeping nothing its signed checkpoint does not cover.

 1. open the source's checkpoint with the keys given; refuse one that is smaller than, or contradicts, the kept one;
 2. take the lowest tiles from where the kept copy ends, grow the kept tree with them, compare with the signed root:
    so what is kept continues, byte for byte, what was kept before;
 3. take the bundles, each entry hashed against its tile; what the source has pruned stays a hash;
 4. write tiles and bundles, build the tiles above, then keys and saved heads, the checkpoint last.

Of a year that the source has removed whole, what was copied before stays; of one that was not copied to its end, the
head is kept alone, and an older, shorter copy of it moves to `partial/`.

At every moment the directory is a whole log (C2SP tlog-tiles), and running it again adds what is new. The year that
is written to lies in the directory itself, those before it in `<year>/` inside, found through entry 0 of each. Refuses
a directory that holds other bytes where this log's must go, and a source that contradicts itself.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from audit import merkle, years
from audit.canonical import loads
from audit.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, split_note
from audit.directory import Directory, split
from audit.errors import AuditError, ExportRefused, MirrorRefused, NoteInvalid, Pruned
from audit.files import remove_unfinished, write_durably
from audit.layout import WIDTH, tile_path, unpack
from audit.merkle import CompactRange, leaf_hash
from audit.trust import Trust


class Source(Protocol):
    """Where a log is published; `year` is None for the one that is written to."""

    async def note(self, year: str | None) -> str:
        """Give the checkpoint."""
        ...

    async def tile(self, year: str | None, level: int | None, *, index: int, width: int) -> bytes:
        """Give a tile of hashes, of entries when the level is None; raises `Pruned`."""
        ...

    async def beside(self, year: str | None) -> Mapping[str, bytes]:
        """Give what lies beside the tree: keys, saved checkpoints, time-stamps."""
        ...


async def copy_log(source: Source, out: Path, trust: Trust) -> list[Checkpoint]:
    """Bring the copy of every year up to its checkpoint, the newest first; give the checkpoints."""
    checkpoint = await _copy(source, None, out, trust=trust)
    done = [checkpoint]
    while (previous := await asyncio.to_thread(_previous, out, done)) is not None:
        year = years.folder(previous)
        done.append(await _copy(source, year, out / year, trust=trust))
        if done[-1].origin != previous:
            raise MirrorRefused(f"what is published as {year} is not the log that the year after it names")
    return done


async def _copy(source: Source, year: str | None, out: Path, *, trust: Trust) -> Checkpoint:
    beside = await source.beside(year)
    trust = trust.following(beside["keys"].decode()) if "keys" in beside else trust
    note = await source.note(year)
    keys = trust.keys(parse_checkpoint(split_note(note)[0]).origin)
    checkpoint = open_checkpoint(note, *keys)
    await asyncio.to_thread(remove_unfinished, out)
    kept = await asyncio.to_thread(_kept, out, checkpoint, trust)  # 1
    try:
        leaves = await _leaves(source, year, kept, checkpoint)  # 2
    except Pruned:
        if year is None:
            raise
        await asyncio.to_thread(_put_aside, out, kept.size)
    else:
        await _write(source, year, out, kept=kept, leaves=leaves)  # 3, 4
    for name, data in beside.items():
        await asyncio.to_thread(_replace, out / name, data)
    await asyncio.to_thread(_replace, out / "checkpoints" / str(checkpoint.size), note.encode())
    await asyncio.to_thread(_replace, out / "checkpoint", note.encode())
    return checkpoint


def _kept(out: Path, checkpoint: Checkpoint, trust: Trust) -> CompactRange:
    """Give the tree that is kept already; a copy of the year before makes room first."""
    directory = Directory(out)
    try:
        note = directory.note()
    except FileNotFoundError:
        return CompactRange()
    except NoteInvalid:
        raise ExportRefused("the directory holds a checkpoint this key has not signed") from None
    try:
        present = open_checkpoint(note, *trust.keys(parse_checkpoint(split_note(note)[0]).origin))
    except NoteInvalid:
        raise ExportRefused("the directory holds a checkpoint this key has not signed") from None
    if present.origin != checkpoint.origin:
        if years.base_of(present.origin) != years.base_of(checkpoint.origin):
            raise ExportRefused("the directory holds the log of another origin")
        _move_aside(out, years.folder(present.origin))
        return CompactRange()
    if present.size > checkpoint.size or (present.size == checkpoint.size and present.root != checkpoint.root):
        raise ExportRefused("the directory holds a checkpoint this log cannot continue")
    if present == checkpoint and not (out / "tile").exists():
        return CompactRange()  # the head alone of a year that was removed whole
    try:
        kept = directory.range_at(present.size)
    except (OSError, ValueError):
        raise ExportRefused("the directory lacks tiles of the checkpoint it holds") from None
    if kept.root() != present.root:
        raise ExportRefused("the directory holds other bytes than its own checkpoint says")
    return kept


def _move_aside(out: Path, year: str) -> None:
    """Make the copy of a year that is over one of the former ones; the checkpoint moves last."""
    (out / year).mkdir(exist_ok=True)
    own = [each for each in out.iterdir() if each.name != "checkpoint" and not (each / "checkpoint").is_file()]
    for each in [*(each for each in own if each.name != year), out / "checkpoint"]:
        each.rename(out / year / each.name)


def _put_aside(out: Path, size: int) -> None:
    """Make room for the head of a year that cannot be copied any more; what was copied of it stays evidence."""
    if (out / "tile").exists():
        partial = out.parent / "partial" / f"{out.name}-{size}"
        partial.parent.mkdir(exist_ok=True)
        out.rename(partial)


async def _leaves(source: Source, year: str | None, kept: CompactRange, checkpoint: Checkpoint) -> list[list[bytes]]:
    """Take the lowest tiles from the one the kept tree ends in, and check that they lead to the signed root."""
    grown = CompactRange(kept.size, kept.peaks)
    found = []
    first = kept.size // WIDTH if kept.size < checkpoint.size else -(-checkpoint.size // WIDTH)
    for index in range(first, -(-checkpoint.size // WIDTH)):
        width = min(WIDTH, checkpoint.size - index * WIDTH)
        tile = split(await source.tile(year, 0, index=index, width=width))
        if len(tile) != width:
            raise MirrorRefused(f"{tile_path(0, index, width)} does not hold {width} hashes")
        grown.extend(tile[max(0, grown.size - index * WIDTH) :])
        found.append(tile)
    if grown.root() != checkpoint.root:
        raise MirrorRefused("the tiles do not lead from what was kept to the signed root")
    return found


async def _write(source: Source, year: str | None, out: Path, *, kept: CompactRange, leaves: list[list[bytes]]) -> None:
    first = kept.size // WIDTH
    for index, tile in enumerate(leaves, first):
        await _write_bundle(source, year, out, index=index, tile=tile)
        await asyncio.to_thread(_put, out / tile_path(0, index, len(tile)), b"".join(tile))
    await asyncio.to_thread(_build, out, kept.size, leaves)


async def _write_bundle(source: Source, year: str | None, out: Path, *, index: int, tile: list[bytes]) -> None:
    name = tile_path(None, index, len(tile))
    try:
        bundle = await source.tile(year, None, index=index, width=len(tile))
    except Pruned:
        return
    try:
        same = [leaf_hash(entry) for entry in unpack(bundle)] == tile
    except NoteInvalid:
        same = False
    if not same:
        raise MirrorRefused(f"{name} does not hold the entries of the tree")
    await asyncio.to_thread(_put, out / name, bundle)


def _build(out: Path, old: int, leaves: list[list[bytes]]) -> None:
    """Write the tiles above, each from the roots of those below."""
    level, below, start = 1, leaves, old // WIDTH
    while roots := [merkle.root(tile) for tile in below if len(tile) == WIDTH]:
        index, lead = divmod(start, WIDTH)
        known = Directory(out).hashes(level, index, lead) if lead else []
        hashes = known + roots
        below = [hashes[at : at + WIDTH] for at in range(0, len(hashes), WIDTH)]
        for number, tile in enumerate(below, index):
            _put(out / tile_path(level, number, len(tile)), b"".join(tile))
        level, start = level + 1, index


def _previous(out: Path, done: Sequence[Checkpoint]) -> str | None:
    """Give the origin of the year before the last one copied, as its entry 0 names it."""
    last = done[-1]
    here = out if len(done) == 1 else out / years.folder(last.origin)
    try:
        width = min(WIDTH, last.size)
        entry = loads(unpack((here / tile_path(None, 0, width)).read_bytes())[0])
    except (OSError, AuditError, IndexError):
        return None  # pruned, or empty: the years before cannot be found through it
    if not isinstance(entry, dict) or "previous" not in entry:
        return None
    previous = str(entry["previous"])
    if years.base_of(previous) != years.base_of(last.origin) or previous >= last.origin:
        raise MirrorRefused("entry 0 names a log before it that is none of its earlier years")
    return previous


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


def _replace(path: Path, data: bytes) -> None:
    if not path.is_file() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, data)
