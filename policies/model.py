"""The catalogue as written, typed: exchanges, parties, purposes, denials. Read from documents already checked.

Answers for names and plain values only; what they mean together is checked in checks.py and compiled in tables.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from policies.obligations import Obligation, from_release

DAY_MS = 86_400_000
EPOCH_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """An institution: its names, and as a source the datasets it holds and the floors it sets on their fields."""

    id: str
    siret: str
    name: Mapping[str, str]
    line: Mapping[str, str]
    contact: Mapping[str, str] | None
    holds: frozenset[str]
    floors: Mapping[str, Obligation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Why data is asked for. A banned purpose, or one below it, may not have any exchange."""

    id: str
    sentence: Mapping[str, str]
    banned: bool
    type: str | None
    service: Mapping[str, str] | None
    without: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """What may not leave: every condition stated must match. With no flag it always holds."""

    fields: str | None
    purpose: str | None
    recipient: str | None
    source: str | None
    flag: str | None

    def __str__(self) -> str:
        named = {"purpose": self.purpose, "recipient": self.recipient, "source": self.source, "if": self.flag}
        return ",".join(["deny", self.fields or "*", *(f"{key}={value}" for key, value in named.items() if value)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """How one field of an exchange may leave, and what it needs first."""

    obligation: Obligation
    special: str | None
    explicit: bool
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One line of the register: one source, its recipients, one purpose, and the fields."""

    id: str
    version: int
    status: str
    controller: str
    source: str
    recipients: tuple[str, ...]
    purpose: str
    bases: tuple[Mapping[str, str], ...]
    dpia: str | None
    arrangement: str | None
    requires: frozenset[str]
    roles: frozenset[str]
    assurance: str
    batch: bool
    person: bool
    starts: int
    ends: int | None
    limit: int
    unit: str
    retention: Mapping[str, str]
    processing: Mapping[str, Any] | None
    optional: frozenset[str]
    validity: int | None
    max_uses: int | None
    releases: Mapping[str, Release]
    denials: tuple[Denial, ...]

    @property
    def name(self) -> str:
        """The exchange and its version, as rules and the journal name it."""
        return f"{self.id}@{self.version}"

    @property
    def basis(self) -> str:
        """The type of its legal bases; checks.py makes sure there is only one."""
        return self.bases[0]["type"]


def party(name: str, content: Mapping[str, Any]) -> Party:
    """Read one party."""
    return Party(
        id=name,
        siret=content["siret"],
        name=content["name"],
        line=content["line"],
        contact=content.get("contact"),
        holds=frozenset(content.get("holds", ())),
        floors={field: from_release(floor) for field, floor in content.get("floors", {}).items()},
    )


def purpose(name: str, content: Mapping[str, Any]) -> Purpose:
    """Read one purpose."""
    return Purpose(
        id=name,
        sentence=content["sentence"],
        banned=content.get("banned", False),
        type=content.get("type"),
        service=content.get("service"),
        without=content.get("without"),
    )


def denial(content: Mapping[str, Any]) -> Denial:
    """Read one denial."""
    return Denial(
        fields=content.get("fields"),
        purpose=content.get("purpose"),
        recipient=content.get("recipient"),
        source=content.get("source"),
        flag=content.get("if", {}).get("subject_flag"),
    )


def exchange(content: Mapping[str, Any]) -> Exchange:
    """Read one exchange."""
    when, asked = content["when"], content.get("authorisation", {})
    limit, _, unit = content["frequency"]["per_subject"].partition("/")
    validity = asked.get("validity")
    return Exchange(
        id=content["exchange"],
        version=content["version"],
        status=content["status"],
        controller=content["controller"],
        source=content["source"],
        recipients=tuple(sorted(content["recipient"])),
        purpose=content["purpose"],
        bases=tuple(content["bases"]),
        dpia=content.get("dpia"),
        arrangement=content.get("arrangement"),
        requires=frozenset(content.get("subjects", {}).get("requires", ())),
        roles=frozenset(content["agents"]["roles"]),
        assurance=content["agents"]["auth"],
        batch=content["agents"]["batch"] == "allowed",
        person=content["agents"].get("person") == "allowed",
        starts=_day(when["not_before"]),
        ends=_day(when["not_after"]) + DAY_MS if "not_after" in when else None,
        limit=int(limit),
        unit=unit,
        retention=content["retention"],
        processing=content.get("processing"),
        optional=frozenset(content.get("optional", ())),
        validity=int(validity[1:-1]) * DAY_MS if validity else None,
        max_uses=asked.get("max_uses"),
        releases={name: _release(each) for name, each in content["fields"].items()},
        denials=tuple(denial(each) for each in content.get("deny", ())),
    )


def _release(content: Mapping[str, Any]) -> Release:
    needs = content.get("needs", {})
    return Release(
        obligation=from_release(content),
        special=content.get("special"),
        explicit=needs.get("consent") == "explicit",
        states=tuple(sorted(needs.get("state", ()))),
    )


def _day(text: str) -> int:
    """The first millisecond of a day, UTC."""
    return (date.fromisoformat(text).toordinal() - EPOCH_DAY) * DAY_MS
