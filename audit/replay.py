"""Reads the entries of a log one after the other and tells what in them cannot be.

What the tree proves is that nothing was altered since it was signed; this looks at what was written: form,
vocabulary, order, and that every release follows a decision that permitted it. Entries of a type or version this
reader does not know are counted and skipped. Pure; memory grows with the number of entries (ids and tags).
"""

from dataclasses import dataclass, field
from typing import Any

from audit.canonical import loads
from audit.errors import EntryInvalid, NotCanonical
from audit.events import MAX_BYTES, MAX_SKEW_MS, check_entry

TOLERANCE_MS = 3 * MAX_SKEW_MS
"""How far entry times may go back: two clocks, each allowed one skew, and the wait in between."""

RULES = ("canonical", "vocabulary", "first entry", "unique ids", "times", "subject tags", "releases", "withdrawals")

_STOPS = (
    "authorisation.withdrawn",
    "authorisation.refused",
    "authorisation.expired",
    "authorisation.objection_lodged",
)
_STARTS = ("authorisation.given", "authorisation.activated")


@dataclass(slots=True)
class Findings:
    """What one rule found."""

    count: int = 0
    first: str = ""

    def add(self, index: int, what: str) -> None:
        """Note a finding; the first one is told in full."""
        self.count += 1
        self.first = self.first or f"entry {index} {what}"


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a release may rely on."""

    org: str
    purpose: str
    fields: frozenset[str]
    authorisation: str | None


@dataclass(slots=True)
class Replay:
    """Feed it each entry in order, then read `found`."""

    origin: str
    entries: int = 0
    unknown: int = 0
    last_time: int = 0
    found: dict[str, Findings] = field(default_factory=lambda: {rule: Findings() for rule in RULES})
    _ids: set[str] = field(default_factory=set)
    _tags: set[str] = field(default_factory=set)
    _open: dict[str, _Decision] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)
    _stopped: set[str] = field(default_factory=set)

    @property
    def unanswered(self) -> int:
        """Count the permitted exchanges without an outcome: delivery failed, or is still under way."""
        return len(self._open)

    def read(self, leaf: bytes) -> None:
        """Look at the next entry."""
        index, self.entries = self.entries, self.entries + 1
        try:
            entry: Any = loads(leaf)
        except NotCanonical as error:
            self.found["canonical"].add(index, f"is {error}")
            return
        if len(leaf) > MAX_BYTES:
            self.found["canonical"].add(index, f"is longer than {MAX_BYTES} bytes")
        try:
            known = check_entry(entry)
        except EntryInvalid as error:
            self.found["vocabulary"].add(index, f"is not an entry: {error}")
            return
        self._common(index, entry)
        if known:
            self._known(index, entry)
        else:
            self.unknown += 1

    def _common(self, index: int, entry: dict[str, Any]) -> None:
        if entry["id"] in self._ids:
            self.found["unique ids"].add(index, "repeats the id of another")
        self._ids.add(entry["id"])
        if entry["time"] < self.last_time - TOLERANCE_MS:
            self.found["times"].add(index, "is dated long before the entries it follows")
        self.last_time = max(self.last_time, entry["time"])
        first = entry["type"] == "log.created"
        if first != (index == 0):
            self.found["first entry"].add(index, "is log.created" if first else "is not log.created")
        elif first and entry.get("origin") != self.origin:
            self.found["first entry"].add(index, "creates the log of another origin")

    def _known(self, index: int, entry: dict[str, Any]) -> None:
        tag = entry.get("subject")
        if tag in self._tags:
            self.found["subject tags"].add(index, "repeats the tag of another")
        elif tag is not None:
            self._tags.add(tag)
        kind = entry["type"]
        if kind in _STOPS:
            self._stopped.add(entry["authorisation"])
        elif kind in _STARTS:
            self._stopped.discard(entry["authorisation"])
        elif kind == "exchange.decided":
            self._decided(index, entry)
        elif kind in ("exchange.released", "exchange.undelivered"):
            self._answer(index, entry)

    def _decided(self, index: int, entry: dict[str, Any]) -> None:
        ref = entry["ref"]
        if ref in self._open or ref in self._answered:
            self.found["releases"].add(index, "decides an exchange that was decided before")
        elif entry["decision"] == "permit":
            fields = frozenset(name for names in entry.get("permits", {}).values() for name in names)
            self._open[ref] = _Decision(entry["org"], entry["purpose"], fields, entry.get("authorisation"))

    def _answer(self, index: int, entry: dict[str, Any]) -> None:
        ref = entry["ref"]
        decision = self._open.pop(ref, None)
        if decision is None:
            if ref in self._answered or entry["type"] == "exchange.released":
                self.found["releases"].add(index, "answers an exchange that was not permitted, or a second time")
            return
        self._answered.add(ref)
        if (decision.org, decision.purpose) != (entry["org"], entry["purpose"]):
            self.found["releases"].add(index, "answers another organisation or purpose than was decided")
        if entry["type"] == "exchange.undelivered":
            return
        if not decision.fields.issuperset(entry.get("commits", {})):
            self.found["releases"].add(index, "releases a field that was not permitted")
        if decision.authorisation in self._stopped:
            self.found["withdrawals"].add(index, "releases on an authorisation that had ended")
