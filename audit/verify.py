"""Checks an exported log offline, with the standard library and `cryptography` alone.

 1. checkpoint    `checkpoint` is a note signed by the log's key, of the log's origin
 2. files         every tile and bundle of that size is there, whole, and nothing else is under `tile/`
 3. entries       every entry hashes to its place in the lowest tiles
 4. tiles         every tile above holds the roots of the tiles below
 5. root          the head of the tree is the signed one
 6. canonical     every entry is canonical JSON, no longer than allowed
 7. vocabulary    every entry has the members of its type, in their form; unknown types are counted
 8. first entry   entry 0 creates this log, no other does
 9. unique ids    no entry was copied
10. times         entries are not dated long before those they follow
11. subject tags  no person's tag was used twice
12. releases      every release answers, once, a decision that permitted its fields
13. withdrawals   nothing was released on an authorisation after it had ended

Refuses to trust the directory for the key: without `vkey` from elsewhere the report says so. What a single
directory cannot show is told in docs/explanation/journal.md.
"""

from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from audit import merkle
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.errors import AuditError, NoteInvalid
from audit.keys import Vkey, parse_vkey
from audit.layout import WIDTH, parse_path, tile_path, tiles_of, unpack
from audit.merkle import HASH_SIZE, CompactRange
from audit.replay import RULES, Replay

CHECKS = ("checkpoint", "files", "entries", "tiles", "root", *RULES)


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check; None when an earlier failure left nothing to check."""

    number: int
    name: str
    ok: bool | None
    detail: str

    def __str__(self) -> str:
        word = {True: "ok", False: "FAILED", None: "not checked"}[self.ok]
        return f"{self.number:>2}. {self.name:<13} {word:<11} {self.detail}".rstrip()


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in order, and what they were about."""

    origin: str
    size: int
    root: bytes
    key_given: bool
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check was made and held."""
        return all(check.ok for check in self.checks)

    def failed(self) -> list[str]:
        """Name the checks that failed."""
        return [check.name for check in self.checks if check.ok is False]


def verify_directory(path: Path, vkey: Vkey | None = None) -> Report:
    """Run every check; never raises for what the directory holds."""
    wrong: dict[str, str] = {}
    try:
        key = vkey or parse_vkey((path / "log.vkey").read_text("ascii"))
        checkpoint = open_checkpoint((path / "checkpoint").read_text("utf-8"), key)  # 1
    except (AuditError, OSError, ValueError) as error:
        wrong["checkpoint"] = str(error) if isinstance(error, AuditError) else "it, or its key, cannot be read"
        return _report(Checkpoint("", 0, b""), vkey, wrong, told={}, made=1)
    told = {
        "checkpoint": f"{checkpoint.origin}, {checkpoint.size} entries"
        + ("" if vkey else "; the key is the directory's own: compare it with one you hold"),
    }
    if missing := _missing_or_stray(path, checkpoint.size):  # 2
        return _report(checkpoint, vkey, {"files": missing}, told=told, made=2)
    replay = Replay(checkpoint.origin)
    _tree(path, checkpoint, replay, wrong)  # 3, 4, 5
    for rule, found in replay.found.items():  # 6 to 13
        if found.count:
            wrong[rule] = found.first + (f" (and {found.count - 1} more)" if found.count > 1 else "")
    if replay.unknown:
        told["vocabulary"] = f"{replay.unknown} of a type this reader does not know"
    if replay.unanswered:
        told["releases"] = f"{replay.unanswered} permitted, without outcome yet"
    return _report(checkpoint, vkey, wrong, told=told, made=len(CHECKS))


def _report(
    checkpoint: Checkpoint, vkey: Vkey | None, wrong: dict[str, str], *, told: dict[str, str], made: int
) -> Report:
    checks = []
    for number, name in enumerate(CHECKS, 1):
        ok = name not in wrong if number <= made else None
        checks.append(Check(number, name, ok, wrong.get(name, told.get(name, ""))))
    return Report(checkpoint.origin, checkpoint.size, checkpoint.root, vkey is not None, tuple(checks))


def _missing_or_stray(path: Path, size: int) -> str:
    """Tell the first file that should be there and is not, or should not and is."""
    for level, index, width in tiles_of(size):
        for name in [tile_path(level, index, width)] + ([tile_path(None, index, width)] if level == 0 else []):
            file = path / name
            if not file.is_file():
                return f"{name} is missing"
            if "entries" not in name and file.stat().st_size != width * HASH_SIZE:
                return f"{name} is not {width} hashes"
    for file in sorted((path / "tile").rglob("*")):
        name = file.relative_to(path).as_posix()
        part = parse_path(name)
        if file.is_dir():
            continue
        if part is None or not _belongs(path, file, part, size):
            return f"{name} is not a part of this log"
    return ""


def _belongs(path: Path, file: Path, part: tuple[int | None, int, int], size: int) -> bool:
    """Allow what the checkpoint needs, and partial tiles of older ones that are how it began."""
    level, index, width = part
    present = min((size >> 8 * (level or 0)) - index * WIDTH, WIDTH)
    return width == present or (
        width < present and (path / tile_path(level, index, present)).read_bytes().startswith(file.read_bytes())
    )


def _tree(path: Path, checkpoint: Checkpoint, replay: Replay, wrong: dict[str, str]) -> None:
    """Climb from the entries to the root, a level of tiles at a time."""
    peaks: list[bytes] = []
    below: list[bytes] = []
    level = 0
    while count := checkpoint.size >> 8 * level:
        edge, roots = CompactRange(), []
        for index in range((count + WIDTH - 1) // WIDTH):
            width = min(WIDTH, count - index * WIDTH)
            hashes = _split((path / tile_path(level, index, width)).read_bytes())
            if level == 0:
                _entries((path / tile_path(None, index, width)).read_bytes(), index, hashes, replay=replay, wrong=wrong)
            elif hashes != below[index * WIDTH : index * WIDTH + width]:
                wrong.setdefault("tiles", f"{tile_path(level, index, width)} does not hold the roots below it")
            if width == WIDTH:
                roots.append(merkle.root(hashes))
            else:
                edge.extend(hashes)
        peaks, below, level = edge.peaks + peaks, roots, level + 1
    if CompactRange(checkpoint.size, peaks).root() != checkpoint.root:
        wrong["root"] = "the tiles lead to another head than the signed one"


def _entries(bundle: bytes, index: int, hashes: list[bytes], *, replay: Replay, wrong: dict[str, str]) -> None:
    try:
        leaves = unpack(bundle)
    except NoteInvalid as error:
        wrong.setdefault("entries", f"{tile_path(None, index)}: {error}")
        return
    found = [merkle.leaf_hash(leaf) for leaf in leaves]
    if found != hashes:
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(found, hashes, strict=False)))
        wrong.setdefault("entries", f"entry {index * WIDTH + same} is not the one in the tree")
    for leaf in leaves:
        replay.read(leaf)


def _split(tile: bytes) -> list[bytes]:
    return [tile[start : start + HASH_SIZE] for start in range(0, len(tile), HASH_SIZE)]
