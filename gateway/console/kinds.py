"""Of an entry, what a search can look for: its kind (words of closed lists), its day, who acted. Pure.

Whose entry it is follows from its kind: an institution's DPO sees what their institution asked for, received or did
(`org`), and what was asked of it (`sources`); the consortium's DPO sees everything.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
OWN = "log.read.own"
"""What people, or who helps them, read of their own: told apart from what a DPO or a partner reads."""
_FIRST = date(1970, 1, 1).toordinal()
_LISTS = ("permits", "denials", "withheld")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What entries have in common that a search cannot tell apart, but by day and person acting.

    Empty where an entry has none. `decision` is permit or deny, of `exchange.decided` only.
    """

    type: str
    org: str = ""
    purpose: str = ""
    decision: str = ""
    job: str = ""
    sources: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Name it, whoever writes it first."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose entries a DPO may see: one institution's (its slug), or with None everybody's."""

    organisation: str | None

    def sees(self, kind: Kind) -> bool:
        """Tell whether entries of this kind are theirs."""
        return self.organisation is None or self.organisation == kind.org or self.organisation in kind.sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry as it is looked for; `fields` are those a release held. `ref` joins a decision and its release."""

    index: int
    at: int
    kind: Kind
    actor: str | None = None
    ref: str | None = None
    authorisation: str | None = None
    fields: tuple[str, ...] = ()

    @property
    def day(self) -> int:
        """The day in Paris, counted from 1970."""
        return day_of(self.at)


def line_of(index: int, entry: Mapping[str, Any], *, decided: tuple[str, ...] = ()) -> Line:
    """Read an entry; `decided` are the sources of the decision that a release or a failed delivery goes back to."""
    actor = entry.get("actor", "")
    reasons = {*entry.get("denials", ()), *entry.get("withheld", ()), *filter(None, [entry.get("reason")])}
    kind = Kind(
        type=OWN if entry["type"] == "log.read" and "by" in entry else entry["type"],
        org=entry.get("org", ""),
        purpose=entry.get("purpose", ""),
        decision=entry.get("decision", ""),
        job=actor if actor.startswith("batch:") else "",
        sources=tuple(sorted(entry.get("sources", decided))),
        datasets=tuple(sorted({name.partition(".")[0] for name in fields_of(entry)} | set(entry.get("states", ())))),
        reasons=tuple(sorted(reasons)),
    )
    return Line(
        index=index,
        at=entry["time"],
        kind=kind,
        actor=actor if actor and not kind.job else None,
        ref=entry.get("ref"),
        authorisation=entry.get("authorisation"),
        fields=tuple(sorted(entry.get("commits", ()))),
    )


def fields_of(entry: Mapping[str, Any]) -> Iterator[str]:
    """Name every field an entry speaks of, permitted, refused or released."""
    lists = chain.from_iterable(entry.get(name, {}).values() for name in _LISTS)
    return chain(entry.get("commits", ()), entry.get("fields", ()), entry.get("explicit", ()), *lists)


def day_of(at: int) -> int:
    """Give the day in Paris of a time (ms UTC), counted from 1970-01-01."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(PARIS).toordinal() - _FIRST


def date_of(day: int) -> date:
    """Give the date of a day."""
    return date.fromordinal(day + _FIRST)


def number_of(day: date) -> int:
    """Give the day of a date."""
    return day.toordinal() - _FIRST
