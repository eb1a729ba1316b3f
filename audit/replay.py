"""Reads the entries of a log one after the other and tells what in them cannot be.

What the tree proves is that nothing was altered since it was signed; this looks at what was written: form,
vocabulary, order, dates, and that every release follows a decision that permitted it. Entries of a type or version
this reader does not know are counted and skipped. `see` looks at one entry by itself, so that several processes can;
`Replay` follows them in order. Pure; memory grows with the number of entries (ids and tags, as numbers).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from audit.canonical import loads
from audit.errors import EntryInvalid, NotCanonical
from audit.events import MAX_BYTES, MAX_SKEW_MS, STARTS, STOPS, check_entry

TOLERANCE_MS = 3 * MAX_SKEW_MS
"""How far entry times may go back: two clocks, each allowed one skew, and the wait in between."""

RULES = (
    "canonical",
    "vocabulary",
    "first entry",
    "unique ids",
    "times",
    "subject tags",
    "releases",
    "withdrawals",
    "witnessed times",
)

_STARTS = frozenset(f"authorisation.{event}" for event in STARTS)
_STOPS = frozenset(f"authorisation.{event}" for event in STOPS)
_KEPT = ("log.created", "log.pruned", "key.rotated", "key.retired")


class Seen(NamedTuple):
    """What later entries and the report need of one entry; `wrong` is the rule it breaks by itself."""

    wrong: str = ""
    what: str = ""
    known: bool = False
    type: str = ""
    id: int = 0
    time: int = 0
    tag: int | None = None
    about: tuple[Any, ...] = ()


class Head(NamedTuple):
    """A head that somebody outside dated: entries below `size` came before `before`, others after `after` (ms UTC)."""

    size: int
    before: int
    after: int


@dataclass(slots=True)
class Findings:
    """What one rule found."""

    count: int = 0
    first: str = ""

    def add(self, index: int, what: str) -> None:
        """Note a finding; the first one is told in full."""
        self.count += 1
        self.first = self.first or f"entry {index} {what}"

    def __str__(self) -> str:
        return self.first + (f" (and {self.count - 1} more)" if self.count > 1 else "")


def see(leaf: bytes) -> Seen:
    """Look at one entry by itself: canonical form, length, vocabulary."""
    try:
        entry: Any = loads(leaf)
        if len(leaf) > MAX_BYTES:
            return Seen("canonical", f"is longer than {MAX_BYTES} bytes")
        known = check_entry(entry)
    except NotCanonical as error:
        return Seen("canonical", f"is {error}")
    except EntryInvalid as error:
        return Seen("vocabulary", f"is not an entry: {error}")
    kind = entry["type"]
    about = _ABOUT.get(kind)
    tag = entry.get("subject")
    return Seen(
        known=known,
        type=kind,
        id=int(entry["id"], 16),
        time=entry["time"],
        tag=int(tag, 16) if known and tag is not None else None,
        about=about(entry) if known and about else (),
    )


def _answer(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return int(entry["ref"], 16), entry["org"], entry["purpose"], _names(entry.get("commits", ()))


def _decision(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    permits = (name for names in entry.get("permits", {}).values() for name in names)
    terms = (entry["org"], entry["purpose"], _names(permits), entry.get("authorisation"))
    return int(entry["ref"], 16), terms if entry["decision"] == "permit" else None


def _names(names: Iterable[str]) -> str:
    return "\n".join(names)  # one string is cheaper to keep, and to hand to another process, than a set of them


_ABOUT: Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]] = {
    **dict.fromkeys((*_STOPS, *_STARTS), lambda entry: (entry["authorisation"],)),
    **dict.fromkeys(_KEPT, lambda entry: (entry,)),
    "exchange.decided": _decision,
    "exchange.released": _answer,
    "exchange.undelivered": _answer,
}


@dataclass(slots=True)
class Replay:
    """Feed it what was seen of each entry in order, then read `found`."""

    origin: str
    start: int = 0
    heads: Iterable[Head] = ()
    unknown: int = 0
    carried: int = 0
    last_time: int = 0
    kept: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    found: dict[str, Findings] = field(default_factory=lambda: {rule: Findings() for rule in RULES})
    _index: int = 0
    _window: "_Window" = field(init=False)
    _ids: set[int] = field(default_factory=set)
    _tags: set[int] = field(default_factory=set)
    _open: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    _answered: set[int] = field(default_factory=set)
    _stopped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._index = self.start
        self._window = _Window(iter(sorted(self.heads)), self.start)

    @property
    def unanswered(self) -> int:
        """Count the permitted exchanges without an outcome: delivery failed, or is still under way."""
        return len(self._open)

    def follow(self, seen: Seen) -> None:
        """Take the next entry."""
        index, self._index = self._index, self._index + 1
        if seen.wrong:
            self.found[seen.wrong].add(index, seen.what)
            return
        self._common(index, seen)
        if seen.known:
            self._known(index, seen)
        else:
            self.unknown += 1

    def _common(self, index: int, seen: Seen) -> None:
        if seen.id in self._ids:
            self.found["unique ids"].add(index, "repeats the id of another")
        self._ids.add(seen.id)
        if seen.time < self.last_time - TOLERANCE_MS:
            self.found["times"].add(index, "is dated long before the entries it follows")
        self.last_time = max(self.last_time, seen.time)
        if outside := self._window.outside(index, seen.time):
            self.found["witnessed times"].add(index, outside)
        first = seen.type == "log.created"
        if first != (index == 0):
            self.found["first entry"].add(index, "is log.created" if first else "is not log.created")
        elif first and seen.known and seen.about[0]["origin"] != self.origin:
            self.found["first entry"].add(index, "creates the log of another origin")

    def _known(self, index: int, seen: Seen) -> None:
        if seen.tag is not None:
            if seen.tag in self._tags:
                self.found["subject tags"].add(index, "repeats the tag of another")
            self._tags.add(seen.tag)
        kind = seen.type
        if kind == "exchange.decided":
            self._decided(index, *seen.about)
        elif kind in ("exchange.released", "exchange.undelivered"):
            self._answers(index, seen)
        elif kind in _STOPS:
            self._stopped.add(seen.about[0])
        elif kind in _STARTS:
            self._stopped.discard(seen.about[0])
        elif kind in _KEPT:
            self.kept.append((index, seen.about[0]))

    def _decided(self, index: int, ref: int, terms: tuple[Any, ...] | None) -> None:
        if ref in self._open or ref in self._answered:
            self.found["releases"].add(index, "decides an exchange that was decided before")
        elif terms is not None:
            self._open[ref] = terms

    def _answers(self, index: int, seen: Seen) -> None:
        ref, org, purpose, fields = seen.about
        released = seen.type == "exchange.released"
        decision = self._open.pop(ref, None)
        if decision is None:
            if released and ref not in self._answered and self._at_new_year(seen.time):
                self._answered.add(ref)
                self.carried += 1
            # what was decided before the oldest entry that is left cannot be judged any more
            elif ref in self._answered or (released and not self.start):
                self.found["releases"].add(index, "answers an exchange that was not permitted, or a second time")
            return
        self._answered.add(ref)
        if decision[:2] != (org, purpose):
            self.found["releases"].add(index, "answers another organisation or purpose than was decided")
        if not released:
            return
        if fields != decision[2] and not set(decision[2].split("\n")).issuperset(fields.split("\n") if fields else ()):
            self.found["releases"].add(index, "releases a field that was not permitted")
        if decision[3] in self._stopped:
            self.found["withdrawals"].add(index, "releases on an authorisation that had ended")

    def _at_new_year(self, time: int) -> bool:
        """Tell whether the decision may lie in the log of the year before."""
        index, created = self.kept[0] if self.kept else (-1, {})
        return index == 0 and "previous" in created and time <= created["time"] + MAX_SKEW_MS


class _Window:
    """Between which two outside dates the entries at hand came to be."""

    def __init__(self, heads: Iterator[Head], start: int) -> None:
        self._heads = heads
        self._low = 0
        self._next: Head | None = Head(start, 0, 0)
        self._advance(start)

    def outside(self, index: int, time: int) -> str:
        """Tell how an entry's time contradicts the heads around it."""
        if self._next is not None and index >= self._next.size:
            self._advance(index)
        if time < self._low - MAX_SKEW_MS:
            return "is dated before a head that was seen without it"
        if self._next is not None and time > self._next.before + MAX_SKEW_MS:
            return "is dated after a head that was seen with it"
        return ""

    def _advance(self, index: int) -> None:
        while self._next is not None and self._next.size <= index:
            self._low = max(self._low, self._next.after)
            self._next = next(self._heads, None)
