"""Checks an exported log offline, with the standard library and `cryptography` alone.

 1. checkpoint       `checkpoint` is a note signed by a key of the log, of the log's origin
 2. files            every tile and bundle of that size is there, whole, and nothing else is under `tile/`; what was
                     pruned was announced, and no outsider's date shows that it was younger than announced
 3. entries          every entry hashes to its place in the lowest tiles
 4. tiles            every tile above holds the roots of the tiles below
 5. root             the head of the tree is the signed one
 6. canonical        every entry is canonical JSON, no longer than allowed
 7. vocabulary       every entry has the members of its type, in their form; unknown types are counted
 8. first entry      entry 0 creates this log, no other does
 9. unique ids       no entry was copied
10. times            entries are not dated long before those they follow
11. subject tags     no person's tag was used twice
12. releases         every release answers, once, a decision that permitted its fields
13. withdrawals      nothing was released on an authorisation after it had ended
14. witnessed times  no entry is dated outside the heads that outsiders dated before and after it
15. saved heads      every checkpoint kept under `checkpoints/` is a head this log had
16. witnesses        the policy's quorum cosigned the checkpoint
17. timestamps       tokens under `timestamps/` date heads of this log, by an authority of the roots given
18. previous log     entry 0 goes on from the final head of the year before, when that lies beside
19. key rotation     every key that took over was named by the one before, and names it, under both signatures

Refuses to trust the directory for keys or policy: what was not given from outside is told as not checked. What a
single directory cannot show is told in docs/explanation/journal.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from audit import merkle, succession, timestamps, years
from audit.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, split_note
from audit.directory import Directory, split
from audit.errors import AuditError, NoteInvalid, TimestampUnchecked
from audit.events import MAX_SKEW_MS
from audit.keys import Vkey, parse_vkey
from audit.layout import WIDTH, tile_path, unpack
from audit.merkle import CompactRange
from audit.replay import RULES, Head, Replay, Seen, see
from audit.report import Report, report
from audit.trust import Trust

CHECKS = ("checkpoint", "files", "entries", "tiles", "root", *RULES, "saved heads", "witnesses", "timestamps",
          "previous log", "key rotation")  # fmt: skip

_WORTH_PROCESSES = 20_000
_Found = dict[str, tuple[bool | None, str]]
_MOST_MONTHS = 1_200
Announced = dict[str, list[Mapping[str, Any]]]
"""By origin: the entries that announce its removals."""


@dataclass(slots=True)
class _Verification:
    """One directory being verified."""

    directory: Directory
    trust: Trust
    checkpoint: Checkpoint
    note: str
    older_keys: tuple[Vkey, ...]
    found: _Found = field(default_factory=dict)
    heads: list[Head] = field(default_factory=list)

    def fail(self, name: str, detail: str) -> None:
        """Note that a check failed; the first reason stays."""
        known = self.found.get(name)
        self.found[name] = known if known and known[0] is False else (False, detail)

    def tell(self, name: str, detail: str, *, ok: bool | None = True) -> None:
        """Note that a check held, or could not be made, unless it has failed."""
        self.found.setdefault(name, (ok, detail))


def verify_directory(
    path: Path, trust: Trust | Vkey | None = None, *, processes: int = 1, announced: Announced | None = None
) -> Report:
    """Run every check; never raises for what the directory holds.

    `announced` gathers what the logs verified so far announce of removals: newest log first.
    """
    believed = Trust((trust,)) if isinstance(trust, Vkey) else trust or Trust()
    directory = Directory(path)
    try:
        note = directory.note()
        origin = parse_checkpoint(split_note(note)[0]).origin
        given = bool(believed.vkeys or (believed.policy and believed.policy.logs))
        if not given:
            believed = replace(believed, vkeys=(parse_vkey(directory.note("log.vkey")),))
        if listed := directory.note("keys") if (path / "keys").is_file() else "":
            believed = believed.following(listed)
        checkpoint = open_checkpoint(note, *believed.keys(origin))  # 1
        older = believed.preceding(listed).keys(origin) if listed else believed.keys(origin)
    except (AuditError, OSError, ValueError) as error:
        reason = str(error) if isinstance(error, AuditError) else "it, or its key, cannot be read"
        return report(str(path), CHECKS, {"checkpoint": (False, reason)}, key_given=bool(believed.vkeys))
    one = _Verification(directory, believed, checkpoint, note, older)
    one.tell(
        "checkpoint",
        f"{checkpoint.origin}, {checkpoint.size} entries"
        + ("" if given else "; the key is the directory's own: compare it with one you hold"),
    )
    try:
        _verify(one, processes, {} if announced is None else announced)
    except OSError:
        one.found["files"] = (False, "a part of it cannot be read")
    about = f"{checkpoint.origin}, {checkpoint.size} entries"
    return report(
        about, CHECKS, one.found, key_given=given, origin=checkpoint.origin, size=checkpoint.size,
        root=checkpoint.root.hex(),
    )  # fmt: skip


def _verify(one: _Verification, processes: int, announced: Announced) -> None:
    size = one.checkpoint.size
    cuts = announced.setdefault(one.checkpoint.origin, [])
    if any(cut.get("whole") for cut in cuts) and not (one.directory.path / "tile").exists():
        one.tell("files", "this log was removed whole, as a later one announces: its head alone is left", ok=None)
        _quorum(one)
        return
    pruned = one.directory.pruned(size)
    if wrong := one.directory.missing_or_stray(size, pruned):  # 2
        one.fail("files", wrong)
        return
    one.tell("files", f"the first {min(pruned, size)} entries are pruned" if pruned else "")
    _quorum(one)
    _saved_heads(one)
    _timestamps(one)
    replay = Replay(one.checkpoint.origin, start=pruned, heads=one.heads)
    _tree(one, replay, processes)  # 3, 4, 5
    _rules(one, replay)  # 6 to 14
    base = years.base_of(one.checkpoint.origin)
    prunings = (entry for _, entry in replay.kept if entry["type"] == "log.pruned")
    for entry in (each for each in prunings if years.base_of(each["origin"]) == base):  # a stranger announces nothing
        announced.setdefault(entry["origin"], []).append(entry)
    _not_too_early(one, cuts)
    if pruned > max((cut["minimum"] for cut in cuts), default=0):  # C2SP tlog-tiles, pruning: announced, or missing
        one.fail(
            "files",
            f"the first {min(pruned, size)} entries are missing, and no log here announces that they were pruned",
        )
    _previous(one, replay)  # 18
    _rotations(one, replay)  # 19


def _not_too_early(one: _Verification, cuts: Sequence[Mapping[str, Any]]) -> None:
    """What came after a head that outsiders dated is younger than it, and cannot have been as old as was announced."""
    for cut in cuts:
        before = years.months_before(cut["time"], cut["months"]) if cut["months"] <= _MOST_MONTHS else 0
        for head in one.heads:
            if head.after > before + MAX_SKEW_MS and head.size < min(cut["minimum"], one.checkpoint.size):
                one.fail(
                    "files",
                    f"entries from {head.size} on were pruned before the {cut['months']} months announced",
                )


def _saved_heads(one: _Verification) -> None:
    """15, and with their cosignatures the outside dates of 14."""
    saved = one.directory.numbered("checkpoints")
    for size, file in saved:
        try:
            note = one.directory.note(f"checkpoints/{file.name}")
            head = open_checkpoint(note, *one.older_keys)
            times = one.trust.cosigners(note).values()
        except (AuditError, OSError, ValueError):
            one.fail("saved heads", f"checkpoints/{file.name} is not a checkpoint of this log")
            continue
        if head.size != size or size > one.checkpoint.size or one.directory.range_at(size).root() != head.root:
            one.fail("saved heads", f"checkpoints/{file.name} is a head this log never had")
        elif times:
            one.heads.append(Head(size, min(times) * 1000, min(times) * 1000))
    if one.found["witnesses"][0] and (times := one.trust.cosigners(one.note).values()):
        one.heads.append(Head(one.checkpoint.size, min(times) * 1000, min(times) * 1000))
    one.tell("saved heads", f"{len(saved)} kept" if saved else "none kept", ok=True if saved else None)


def _quorum(one: _Verification) -> None:
    try:
        enough, who = one.trust.quorum(one.note)
    except NoteInvalid as error:
        enough, who = False, str(error)
    one.tell("witnesses", who, ok=enough)


def _timestamps(one: _Verification) -> None:
    """17."""
    tokens = one.directory.numbered("timestamps", ".tsr")
    if not tokens or not one.trust.roots:
        one.tell("timestamps", "no root certificate given" if tokens else "no tokens", ok=None)
        return
    for size, file in tokens:
        try:
            if size > one.checkpoint.size:
                raise NoteInvalid("it is for a larger log")
            head = Checkpoint(one.checkpoint.origin, size, one.directory.range_at(size).root())
            stamp = timestamps.verify(
                one.directory.beside(f"timestamps/{file.name}"), f"{head.text()}\n", one.trust.roots
            )
        except TimestampUnchecked as error:
            one.tell("timestamps", str(error), ok=None)
            return
        except (AuditError, OSError) as error:
            one.fail("timestamps", f"timestamps/{file.name}: {error}")
            continue
        one.heads.append(Head(size, stamp.at, 0))
        last = stamp.authority
    if "timestamps" not in one.found:
        one.tell("timestamps", f"{len(tokens)} tokens, the newest by {last}")


def _tree(one: _Verification, replay: Replay, processes: int) -> None:
    """Climb from the entries to the root, a level of tiles at a time."""
    size = one.checkpoint.size
    peaks: list[bytes] = []
    below = _lowest(one, replay, processes)
    level = 1
    while count := size >> 8 * level:
        roots = []
        for index in range((count + WIDTH - 1) // WIDTH):
            width = min(WIDTH, count - index * WIDTH)
            hashes = one.directory.hashes(level, index, width)
            if hashes != below[index * WIDTH : index * WIDTH + width]:
                one.fail("tiles", f"{tile_path(level, index, width)} does not hold the roots below it")
            if width == WIDTH:
                roots.append(merkle.root(hashes))
        below, level = roots, level + 1
    peaks = one.directory.range_at(size).peaks
    if CompactRange(size, peaks).root() != one.checkpoint.root:
        one.fail("root", "the tiles lead to another head than the signed one")
    for name in ("entries", "tiles", "root"):
        one.tell(name, "")


def _lowest(one: _Verification, replay: Replay, processes: int) -> list[bytes]:
    """Check every bundle against its tile, hand its entries to the rules; give the roots of the full tiles."""
    size = one.checkpoint.size
    widths = [WIDTH] * (size // WIDTH) + ([size % WIDTH] if size % WIDTH else [])
    work = partial(_bundle, str(one.directory.path), replay.start // WIDTH)
    roots: list[bytes] = []
    with _mapper(processes if size >= _WORTH_PROCESSES else 1) as spread:
        for root, wrong, seen in spread(work, range(len(widths)), widths):
            if wrong:
                one.fail("entries", wrong)
            roots.append(root)
            for each in seen:
                replay.follow(each)
    return roots[: size // WIDTH]


_Spread = Callable[..., Iterable[tuple[bytes, str, list[Seen]]]]


@contextmanager
def _mapper(processes: int) -> Iterator[_Spread]:
    if processes < 2:
        yield map
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=4)


def _bundle(path: str, pruned: int, index: int, width: int) -> tuple[bytes, str, list[Seen]]:
    """Read one tile and its entries: the tile's root, what is wrong with the bundle, what its entries are."""
    tile = split((Path(path) / tile_path(0, index, width)).read_bytes())
    if index < pruned:
        return merkle.root(tile), "", []
    try:
        leaves = unpack((Path(path) / tile_path(None, index, width)).read_bytes())
    except NoteInvalid as error:
        return merkle.root(tile), f"{tile_path(None, index, width)}: {error}", []
    found = [merkle.leaf_hash(leaf) for leaf in leaves]
    wrong = ""
    if found != tile:
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(found, tile, strict=False)))
        wrong = f"entry {index * WIDTH + same} is not the one in the tree"
    return merkle.root(tile), wrong, [see(leaf) for leaf in leaves]


def _rules(one: _Verification, replay: Replay) -> None:
    told = {
        "vocabulary": f"{replay.unknown} of a type this reader does not know" if replay.unknown else "",
        "releases": "; ".join(
            f"{count} {what}"
            for count, what in (
                (replay.unanswered, "permitted, without outcome yet"),
                (replay.carried, "decided in the year before: look there"),
            )
            if count
        ),
    }
    for rule, found in replay.found.items():
        if found.count:
            one.fail(rule, str(found))
        elif rule == "witnessed times" and not one.heads:
            one.tell(rule, "nobody outside dated a head", ok=None)
        else:
            one.tell(rule, told.get(rule, ""))


def _previous(one: _Verification, replay: Replay) -> None:
    """18."""
    created = next((entry for index, entry in replay.kept if index == 0), {})
    origin = created.get("previous")
    if origin is None:
        one.tell("previous log", "entry 0 is pruned" if replay.start else "this log is the first", ok=None)
        return
    here, year = one.directory.path, years.folder(origin)
    folder = next((each / year for each in (here, here.parent) if (each / year / "checkpoint").is_file()), here / year)
    try:
        note = Directory(folder).note()
        keys = Directory(folder).note("keys") if (folder / "keys").is_file() else '{"keys": []}'
        last = open_checkpoint(note, *one.trust.preceding(keys).keys(origin))
    except FileNotFoundError:
        one.tell("previous log", f"{origin} does not lie beside", ok=None)
        return
    except (AuditError, OSError, ValueError):
        one.fail("previous log", f"{folder.name}/checkpoint is not a checkpoint of {origin}")
        return
    if not years.continues(created, last):
        one.fail("previous log", f"{folder.name} does not end where this log begins")
    one.tell("previous log", origin)


def _rotations(one: _Verification, replay: Replay) -> None:
    """19."""
    said = [(index, entry) for index, entry in replay.kept if entry["type"] == "key.rotated"]
    for index, entry in said:
        try:
            succession.read(succession.of_entry(entry))
        except (AuditError, ValueError):
            one.fail("key rotation", f"entry {index} is not signed under both keys")
    one.tell("key rotation", f"{len(said)} in this log" if said else "none in this log")
