"""A log as a C2SP tlog-tiles directory, read from disk: its files, and the head of any size from its tiles.

Refuses nothing by itself: it tells what is missing or stray, and gives what is there.
"""

from collections.abc import Iterator
from pathlib import Path

from audit.layout import WIDTH, parse_path, tile_path, tiles_of
from audit.merkle import HASH_SIZE, CompactRange


class Directory:
    """Read access to one exported log."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, name: str = "checkpoint") -> str:
        """Read a note."""
        return (self.path / name).read_text("utf-8")

    def hashes(self, level: int, index: int, width: int) -> list[bytes]:
        """Read the first hashes of a tile, from the full one or a partial one that is wide enough."""
        whole = self.path / tile_path(level, index)
        wide = [whole] if whole.is_file() else [self.path / tile_path(level, index, w) for w in self._widths(whole)]
        for file in wide:
            data = file.read_bytes()
            if len(data) >= width * HASH_SIZE:
                return split(data)[:width]
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
        """Count the entries before the first bundle that is there."""
        full = size // WIDTH
        return next((index for index in range(full) if (self.path / tile_path(None, index)).is_file()), full) * WIDTH

    def missing_or_stray(self, size: int, pruned: int) -> str:
        """Tell the first file that should be there and is not, or should not and is."""
        for level, index, width in tiles_of(size):
            bundle = [tile_path(None, index, width)] if level == 0 and index * WIDTH >= pruned else []
            for name in [tile_path(level, index, width), *bundle]:
                file = self.path / name
                if not file.is_file():
                    return f"{name} is missing"
                if "entries" not in name and file.stat().st_size != width * HASH_SIZE:
                    return f"{name} is not {width} hashes"
        for file in self._files():
            name = file.relative_to(self.path).as_posix()
            part = parse_path(name)
            if part is None or not self._belongs(file, part, size):
                return f"{name} is not a part of this log"
        return ""

    def _files(self) -> Iterator[Path]:
        return (file for file in sorted((self.path / "tile").rglob("*")) if not file.is_dir())

    def _belongs(self, file: Path, part: tuple[int | None, int, int], size: int) -> bool:
        """Allow what the checkpoint needs, and partial tiles of older ones that are how it began."""
        level, index, width = part
        present = min((size >> 8 * (level or 0)) - index * WIDTH, WIDTH)
        if width >= present:
            return width == present
        grown = self.path / tile_path(level, index, present)
        return grown.is_file() and grown.read_bytes().startswith(file.read_bytes())

    def _widths(self, whole: Path) -> list[int]:
        folder = whole.with_name(whole.name + ".p")
        return sorted(int(each.name) for each in folder.iterdir() if each.name.isdecimal()) if folder.is_dir() else []


def split(tile: bytes) -> list[bytes]:
    """Cut a tile into its hashes."""
    return [tile[start : start + HASH_SIZE] for start in range(0, len(tile), HASH_SIZE)]
