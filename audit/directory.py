"""A log as a C2SP tlog-tiles directory, read from disk: its files, and the head of any size from its tiles.

Tells what is missing or stray, and gives what is there. Refuses to read more of a file than such a file can hold: a
copy comes from anywhere.
"""

from collections.abc import Iterator
from pathlib import Path

from audit.errors import NoteInvalid
from audit.layout import MAX_PACKED, WIDTH, parse_path, tile_path, tiles_of, unpack
from audit.merkle import HASH_SIZE, CompactRange, leaf_hash

_MAX_BESIDE = 1 << 20


class Directory:
    """Read access to one exported log."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, name: str = "checkpoint") -> str:
        """Read a note; raises `NoteInvalid` for what can be none."""
        try:
            return self.beside(name).decode()
        except UnicodeDecodeError:
            raise NoteInvalid(f"{name} is not text") from None

    def beside(self, name: str) -> bytes:
        """Read what lies beside the tree."""
        file = self.path / name
        if not file.is_file() and file.exists():
            raise NoteInvalid(f"{name} is not a file")
        if file.stat().st_size > _MAX_BESIDE:
            raise NoteInvalid(f"{name} is larger than any such file")
        return file.read_bytes()

    def hashes(self, level: int, index: int, width: int) -> list[bytes]:
        """Read the first hashes of a tile, from the full one or a partial one that is wide enough."""
        whole = self.path / tile_path(level, index)
        wide = [whole] if whole.is_file() else [self.path / tile_path(level, index, w) for w in self._widths(whole)]
        for file in wide:
            with file.open("rb") as opened:
                data = opened.read(width * HASH_SIZE)
            if len(data) == width * HASH_SIZE:
                return split(data)
        raise FileNotFoundError(tile_path(level, index, width))

    def range_at(self, size: int) -> CompactRange:
        """Rebuild the compact range of a size from the right edge of its tiles."""
        peaks: list[bytes] = []
        level = 0
        while count := size >> 8 * level:
            edge = CompactRange()
            if count % WIDTH:
                edge.extend(self.hashes(level, count // WIDTH, count % WIDTH))
            peaks, level = edge.peaks + peaks, level + 1
        return CompactRange(size, peaks)

    def numbered(self, folder: str, suffix: str = "") -> list[tuple[int, Path]]:
        """List the files of a folder that are named by a size, in order."""
        files = (self.path / folder).glob(f"*{suffix}") if (self.path / folder).is_dir() else iter(())
        named = ((file.name.removesuffix(suffix), file) for file in files)
        return sorted((int(name), file) for name, file in named if name.isascii() and name.isdigit())

    def pruned(self, size: int) -> int:
        """Count the entries before the first bundle that is there, in whole tiles; up to the end when none is."""
        kept = (part for _, part in self._parts("tile/entries") if part)
        needed = (index for _, index, width in kept if width == min(WIDTH, size - index * WIDTH))
        return min(needed, default=-(-size // WIDTH)) * WIDTH

    def leaves(self, size: int, start: int) -> Iterator[tuple[int, bytes]]:
        """Give the entries from a whole tile on, each with its index."""
        for first in range(start, size, WIDTH):
            name = tile_path(None, first // WIDTH, width := min(WIDTH, size - first))
            file = self.path / name
            if not file.is_file() or not _fits(file, False, width):
                raise NoteInvalid(f"{name} is no bundle of entries")
            yield from enumerate(unpack(file.read_bytes()), first)

    def missing_or_stray(self, size: int, pruned: int) -> str:
        """Tell the first file that should be there and is not, or should not and is."""
        for level, index, width in tiles_of(size):
            bundle = [tile_path(None, index, width)] if level == 0 and index * WIDTH >= pruned else []
            for name in [tile_path(level, index, width), *bundle]:
                file = self.path / name
                if not file.is_file():
                    return f"{name} is missing"
                if not _fits(file, "entries" not in name, width):
                    return f"{name} is not {width} {'entries' if 'entries' in name else 'hashes'}"
        for file, part in self._parts("tile"):
            if part is None or not file.is_file() or not self._belongs(file, part, size):
                return f"{file.relative_to(self.path).as_posix()} is not a part of this log"
        return ""

    def _parts(self, folder: str) -> Iterator[tuple[Path, tuple[int | None, int, int] | None]]:
        files = (file for file in sorted((self.path / folder).rglob("*")) if not file.is_dir())
        return ((file, parse_path(file.relative_to(self.path).as_posix())) for file in files)

    def _belongs(self, file: Path, part: tuple[int | None, int, int], size: int) -> bool:
        """Allow what the checkpoint needs, and partial tiles of older ones that are how it began."""
        level, index, width = part
        present = min((size >> 8 * (level or 0)) - index * WIDTH, WIDTH)
        if width >= present or not _fits(file, level is not None, width):
            return width == present
        grown = self.path / tile_path(level, index, present)
        if grown.is_file():
            return grown.read_bytes().startswith(file.read_bytes())
        return level is None and self._pruned_since(file, index, width)

    def _pruned_since(self, file: Path, index: int, width: int) -> bool:
        """Tell whether a bundle that never grew, for the rest was pruned meanwhile, holds the entries of the tree."""
        try:
            return [leaf_hash(leaf) for leaf in unpack(file.read_bytes())] == self.hashes(0, index, width)
        except NoteInvalid:
            return False

    def _widths(self, whole: Path) -> list[int]:
        folder = whole.with_name(whole.name + ".p")
        files = (each for each in folder.iterdir() if each.is_file()) if folder.is_dir() else iter(())
        return sorted(int(each.name) for each in files if each.name.isdecimal())


def _fits(file: Path, hashes: bool, width: int) -> bool:  # noqa: FBT001  which of the two kinds of tile
    size = file.stat().st_size
    return size == width * HASH_SIZE if hashes else size <= width * MAX_PACKED


def split(tile: bytes) -> list[bytes]:
    """Cut a tile into its hashes."""
    return [tile[start : start + HASH_SIZE] for start in range(0, len(tile), HASH_SIZE)]
