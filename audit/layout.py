"""Where the parts of a published log lie (C2SP tlog-tiles): tile widths, paths, entry bundles.

Pure: shared by the export, the HTTP layout and the offline verifier.
"""

import re
import struct
from collections.abc import Iterable, Iterator

from audit.errors import NoteInvalid

WIDTH = 256
MAX_PACKED = 2 + 0xFFFF
"""Bytes of the longest entry in a bundle, with its length."""

_PATH = re.compile(r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def tile_path(level: int | None, index: int, width: int = WIDTH) -> str:
    """Name a tile of hashes, or of entries when the level is None; `width` below 256 names a partial one."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{'entries' if level is None else level}/{'/'.join(groups)}{partial}"


def parse_path(path: str) -> tuple[int | None, int, int] | None:
    """Read a tile's name back into (level, index, width); None when it is not the one name of a tile."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level = None if match[1] == "entries" else int(match[1])
    index = int(match[2].replace("x", "").replace("/", ""))
    width = int(match[3] or WIDTH)
    return (level, index, width) if tile_path(level, index, width) == path else None


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """List the hash tiles (level, index, width) of a tree, lowest level first."""
    level = 0
    while count := size >> (8 * level):
        full, rest = divmod(count, WIDTH)
        for index in range(full):
            yield level, index, WIDTH
        if rest:
            yield level, full, rest
        level += 1


def pack(entries: Iterable[bytes]) -> bytes:
    """Write a bundle: each entry after its length, two bytes, big-endian."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def unpack(bundle: bytes) -> list[bytes]:
    """Read a bundle back."""
    entries: list[bytes] = []
    position = 0
    while position < len(bundle):
        end = position + 2 + int.from_bytes(bundle[position : position + 2], "big")
        if end > len(bundle) or end < position + 2:
            raise NoteInvalid("an entry bundle is cut short")
        if len(entries) == 2 * WIDTH:  # one too many is compared and told; millions of empty ones are not made
            raise NoteInvalid("an entry bundle holds far more than 256 entries")
        entries.append(bundle[position + 2 : end])
        position = end
    return entries
