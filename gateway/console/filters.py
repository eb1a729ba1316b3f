"""What a DPO asks for: words of closed lists, a period in days, a person acting, a person concerned. Pure.

Read from an address and written back to it: the filter is the address. A person concerned stands there as the number of
a search (`persons.py`), never as anything of theirs. Refuses every other word, so that nothing free gets in.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date

from gateway.console.errors import SearchRefused
from gateway.console.kinds import Kind, Scope, date_of, number_of

DECISIONS = ("permit", "deny")
_PERIOD = 92  # three months
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TAG = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries. Days count from 1970 in Paris, both included; empty: any.

    `actor` is a tag of a person acting or `batch:<job>`; `person` the number of a search for a person concerned.
    """

    since: int
    until: int
    org: str = ""
    actor: str = ""
    type: str = ""
    purpose: str = ""
    dataset: str = ""
    decision: str = ""
    reason: str = ""
    person: str = ""

    def takes(self, kind: Kind) -> bool:
        """Tell whether entries of a kind answer, as far as the kind tells."""
        return (
            self.type in {"", kind.type}
            and self.org in {"", kind.org}
            and self.purpose in {"", kind.purpose}
            and self.decision in {"", kind.decision}
            and (not self.dataset or self.dataset in kind.datasets)
            and (not self.reason or self.reason in kind.reasons)
            and (not self.actor.startswith("batch:") or self.actor == kind.job)
        )

    def kinds(self, scope: Scope, known: Mapping[int, Kind]) -> list[int]:
        """Give the ids of the kinds that this DPO may see and that answer."""
        return [number for number, kind in known.items() if scope.sees(kind) and self.takes(kind)]

    @property
    def tag(self) -> str:
        """The tag of a person acting; empty for a batch job, which the kind tells."""
        return "" if self.actor.startswith("batch:") else self.actor

    @property
    def classes(self) -> list[str]:
        """Name what was filtered by, without any value: what the journal says of a consultation."""
        return [name for name in NAMES if getattr(self, name)]

    def address(self, **change: str | int) -> dict[str, str]:
        """Give the parameters of the address, as they are or with a change (days as numbers)."""
        other = replace(self, **change)  # type: ignore[arg-type]  # names are the fields'
        days = {name: date_of(getattr(other, name)).isoformat() for name in ("since", "until")}
        return days | {name: getattr(other, name) for name in NAMES if getattr(other, name)}


NAMES = tuple(each.name for each in fields(Filter) if each.name not in {"since", "until"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The closed lists: what the catalogue knows, and what older entries say."""

    org: frozenset[str]
    type: frozenset[str]
    purpose: frozenset[str]
    dataset: frozenset[str]
    reason: frozenset[str]
    jobs: frozenset[str]
    decision: frozenset[str] = frozenset(DECISIONS)

    def seen(self, kinds: Collection[Kind]) -> "Words":
        """Add the words of kinds there are."""
        return Words(
            org=self.org | {kind.org for kind in kinds if kind.org},
            type=self.type | {kind.type for kind in kinds},
            purpose=self.purpose | {kind.purpose for kind in kinds if kind.purpose},
            dataset=self.dataset.union(*(kind.datasets for kind in kinds)),
            reason=self.reason.union(*(kind.reasons for kind in kinds)),
            jobs=self.jobs | {kind.job for kind in kinds if kind.job},
        )


def read(given: Mapping[str, str], words: Words, *, today: int) -> Filter:
    """Read a filter from an address; raises `SearchRefused`. Nothing given: the last three months."""
    until = _day(given, "until", today)
    since = _day(given, "since", until - _PERIOD + 1)
    if since > until:
        raise SearchRefused("since")
    found = {name: given.get(name, "") for name in NAMES}
    for name in ("org", "type", "purpose", "dataset", "decision", "reason"):
        if found[name] and found[name] not in getattr(words, name):
            raise SearchRefused(name)
    if found["actor"] and found["actor"] not in words.jobs and not _TAG.fullmatch(found["actor"]):
        raise SearchRefused("actor")
    if found["person"] and not _TAG.fullmatch(found["person"]):
        raise SearchRefused("person")
    return Filter(since=since, until=until, **found)


def _day(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, "")
    if not text:
        return default
    try:
        day = number_of(date.fromisoformat(text)) if _DAY.fullmatch(text) else -1
    except ValueError:  # the 31st of June
        day = -1
    if not 0 <= day < 2**16:
        raise SearchRefused(name)
    return day
