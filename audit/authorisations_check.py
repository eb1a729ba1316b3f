"""From the journal alone: did anything leave on an authorisation after the person, or anybody, had stopped it?

1. copy       the entries are those of the tree that each checkpoint names, and can be read
2. life       an authorisation's epochs never go back, and what has ended never starts again
3. decided    every release follows a decision of its own, which permitted it on an authorisation the journal knows
4. stopped    no release while its authorisation is withdrawn, objected to, paused, refused, ended, replaced, not given
5. overtaken  no release by a decision older than the last change of its authorisation (narrowed, stopped and resumed)
6. ended      no release at or after the end its authorisation was given

The order of the entries is the order of the world (they were written under one lock), so this is promise P3 as
anybody can check it. Refuses to say whose log it is and that nothing was altered: `verify` does. Entries of a type or
version this reader does not know are counted and skipped; what an entry about a whole person stops (a flag, an
erasure) no one without that person's key can join to an authorisation. Standard library alone.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from typing import Any

from audit.canonical import loads
from audit.checkpoint import Checkpoint, parse_checkpoint, split_note
from audit.directory import Directory
from audit.errors import AuditError, NothingToVerify
from audit.events import FINAL, STARTS, STOPS, check_entry
from audit.layout import WIDTH
from audit.merkle import CompactRange, leaf_hash
from audit.replay import Findings
from audit.report import Report, report

CHECKS = ("copy", "life", "decided", "stopped", "overtaken", "ended")
_LATE = CHECKS[3:]


@dataclass(slots=True)
class _Held:
    """One authorisation so far; `stopped` is the event since which nothing may leave on it."""

    epoch: int
    stopped: str
    until: int | None = None
    final: bool = False


@dataclass(slots=True)
class Follower:
    """Feed it every entry in order, then read `found` and `counts()`.

    `partial`: what came before the first entry is not at hand, so unknown decisions and authorisations are no finding.
    """

    partial: bool = False
    found: dict[str, Findings] = field(default_factory=lambda: {name: Findings() for name in CHECKS})
    events: Counter[str] = field(default_factory=Counter)
    unjudged: int = 0
    _held: dict[str, _Held] = field(default_factory=dict)
    _open: dict[str, tuple[str, int]] = field(default_factory=dict)

    def take(self, index: int, entry: Mapping[str, Any]) -> None:
        """The next entry, of a known type and form."""
        kind: str = entry["type"]
        self.events[kind] += 1
        if kind.startswith("authorisation."):
            self._change(index, entry, kind.removeprefix("authorisation."))
        elif kind == "exchange.decided":
            if entry["decision"] == "permit":
                self._open[entry["ref"]] = (entry.get("authorisation", ""), entry["epoch"])
        elif kind == "exchange.undelivered":
            self._open.pop(entry["ref"], None)
        elif kind == "exchange.released":
            self._released(index, entry)

    def counts(self) -> dict[str, int | dict[str, int]]:
        """What was seen; `refused_by_guard` are permitted, never released, and their authorisation changed since."""
        overtaken = sum(1 for held, epoch in self._open.values() if self._later(held, epoch))
        prefix = "authorisation."
        return {
            "exchanges": self.events["exchange.decided"],
            "releases": self.events["exchange.released"],
            "undelivered": self.events["exchange.undelivered"],
            "refused_by_guard": overtaken,
            "without_outcome": len(self._open) - overtaken,
            "authorisations": len(self._held),
            "changes": {kind.removeprefix(prefix): n for kind, n in sorted(self.events.items()) if prefix in kind},
            "unknown": self.events[""],
            "unjudged": self.unjudged,
            "releases_after": sum(self.found[name].count for name in _LATE),
        }

    def _later(self, authorisation: str, epoch: int) -> bool:
        held = self._held.get(authorisation)
        return held is not None and held.epoch > epoch

    def _change(self, index: int, entry: Mapping[str, Any], event: str) -> None:
        held = self._held.setdefault(entry["authorisation"], _Held(entry["epoch"], event))
        if entry["epoch"] < held.epoch:
            self.found["life"].add(index, "carries an epoch before that of an earlier change of its authorisation")
        if held.final and event in STARTS:
            self.found["life"].add(index, f"starts an authorisation again that had ended ({held.stopped})")
        held.epoch = max(held.epoch, entry["epoch"])
        held.until = entry.get("valid_until", held.until)
        if event in STARTS:
            held.stopped, held.final = "", False
        elif event in STOPS:
            held.stopped, held.final = event, held.final or event in FINAL
        if replaced := self._held.get(entry.get("replaces", "")):
            replaced.stopped, replaced.final = replaced.stopped or "replaced", True
            replaced.epoch = max(replaced.epoch, entry["epoch"])

    def _released(self, index: int, entry: Mapping[str, Any]) -> None:
        authorisation, epoch = self._open.pop(entry["ref"], ("", -1))
        held = self._held.get(authorisation)
        if held is None:
            if self.partial and (authorisation or epoch < 0):
                self.unjudged += 1
            else:
                why = "rests on an authorisation of which the journal tells nothing"
                self.found["decided"].add(index, "follows no decision that permitted it" if epoch < 0 else why)
            return
        if held.stopped:
            self.found["stopped"].add(index, f"releases on an authorisation that was {held.stopped}")
        elif epoch < held.epoch:
            self.found["overtaken"].add(index, "releases by a decision older than a change of its authorisation")
        if held.until is not None and entry["time"] >= held.until:
            self.found["ended"].add(index, "releases after the end of its authorisation")


def check_authorisations(path: Path) -> Report:
    """Check a copy of the log, all its years; `NothingToVerify` when there is none to read."""
    logs = open_logs(path)
    follower = Follower(partial=_begins_late(*logs[0]))
    whole: list[str] = []
    before = 0
    for directory, checkpoint in logs:
        end = checkpoint.size if directory is not logs[-1][0] else checkpoint.size // WIDTH * WIDTH
        wrong = _follow(directory, checkpoint, follower, before=before, border=end)
        whole += [f"{checkpoint.origin}: {wrong}"] if wrong else []
        before += checkpoint.size
    found: dict[str, tuple[bool | None, str]]
    found = {name: (not each.count, str(each)) for name, each in follower.found.items()}
    if whole:
        found["copy"] = (False, "; ".join(whole))
    elif found["copy"][0] and follower.partial:
        found["copy"] = (None, "it does not begin with the first entry: what was stopped before is not seen")
    counts = follower.counts()
    about = (
        f"{before} entries, {counts['exchanges']} exchanges, {counts['releases']} releases,"
        f" {counts['refused_by_guard']} stopped before they left, {counts['releases_after']} released after a stop"
    )
    return report(about, CHECKS, found, logs=[checkpoint.origin for _, checkpoint in logs], counts=counts)


def open_logs(path: Path) -> list[tuple[Directory, Checkpoint]]:
    """Open every year of a copy, in order; `NothingToVerify` when one cannot be."""
    return [_open_log(each) for each in _years(path)]


def _years(path: Path) -> list[Path]:
    """The years of a copy in their order: those before lie inside the one that is written to."""
    if not path.is_dir():
        raise NothingToVerify(f"{path} is not a directory")
    try:
        found = [each for each in (*sorted(path.iterdir()), path) if (each / "checkpoint").is_file()]
    except OSError:
        raise NothingToVerify(f"{path} cannot be read") from None
    if not found:
        raise NothingToVerify(f"{path} holds no log")
    removed = dropwhile(lambda each: not (each / "tile").exists(), found[:-1])  # whole years: of them heads are left
    return [*removed, found[-1]]


def _open_log(path: Path) -> tuple[Directory, Checkpoint]:
    directory = Directory(path)
    try:
        return directory, parse_checkpoint(split_note(directory.note())[0])
    except (AuditError, OSError, ValueError):
        raise NothingToVerify(f"{path}: its checkpoint cannot be read") from None


def _begins_late(directory: Directory, checkpoint: Checkpoint) -> bool:
    """Whether entries of this log, or years before it, are not at hand."""
    if directory.pruned(checkpoint.size):
        return True
    try:
        first = next((leaf for _, leaf in directory.leaves(checkpoint.size, 0)), b"")
    except (AuditError, OSError):
        return False  # told with the copy
    return b'"previous":' in first


def _follow(directory: Directory, checkpoint: Checkpoint, follower: Follower, *, before: int, border: int) -> str:
    """Hand a log's entries over; gives what is wrong with the copy itself. Beyond `border` nothing can be pruned."""
    size = checkpoint.size
    pruned = directory.pruned(size) if border == size else min(directory.pruned(size), border)
    if wrong := directory.missing_or_stray(size, pruned):
        return wrong
    tree = CompactRange()
    for index in range(pruned // WIDTH):
        tree.extend(directory.hashes(0, index, min(WIDTH, size - index * WIDTH)))
    try:
        for index, leaf in directory.leaves(size, pruned):
            tree.extend([leaf_hash(leaf)])
            entry: Any = loads(leaf)
            if check_entry(entry):
                follower.take(before + index, entry)
            else:
                follower.events[""] += 1
    except AuditError as error:
        return f"entry {tree.size - 1}: {error}"
    except OSError:
        return "a part of it cannot be read"
    return "" if tree.root() == checkpoint.root else "the entries are not those its checkpoint names"
