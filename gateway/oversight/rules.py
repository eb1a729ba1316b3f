"""The rules of the watch list: few, simple, each explained in one sentence with its own numbers. Pure.

Read from counts per day and kind (`gateway/console`), so that the same journal gives the same alerts on every machine.
An alert says "look here", never "this is wrong": people judge. Refuses to judge habits it does not know: fewer than
seven days with any activity before are no habit.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.console.kinds import Kind, date_of

DAYS = 30
"""How far back alerts are given."""
HABIT = 28
"""The days before that make a habit."""
LEAST_DAYS = 7
VOLUME, VOLUME_TIMES = 20, 3
REFUSALS = 20
CALLS = 3
NIGHT, NIGHT_CALLS = (22, 6), 5
MANY, MANY_DAYS = 5, 7
SILENT_DAYS, SPEAKING_DAYS = 3, 15

RULES = ("volume", "hours", "many_eyes", "refusals", "ended_called", "silence", "reported")
_ENDED = frozenset({"ended", "expired", "withdrawn", "no_exchange", "banned_purpose"})

Day = tuple[int, Kind, int]
"""Day, kind, entries."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Alert:
    """One thing to look at; `about` is a source, a reason, a report's id, or a person (`shown` by pseudonym)."""

    day: int
    rule: str
    org: str
    about: str = ""
    count: int = 0
    usual: int = 0
    since: int | None = None
    purpose: str = ""
    shown: str = ""

    @property
    def id(self) -> str:
        """The same for the same thing, whoever computes it and whenever."""
        text = "\0".join((self.rule, self.org, self.about, self.purpose, str(self.day)))
        return hashlib.sha256(f"passerelle-alert/v1\0{text}".encode()).hexdigest()[:32]

    def address(self) -> dict[str, str]:
        """The filter of the search that shows what it rests on."""
        first = self.day if self.since is None else self.since
        found = {"since": date_of(first).isoformat(), "until": date_of(self.day).isoformat()}
        if self.rule != "silence":
            found["org"] = self.org
        if self.purpose:
            found["purpose"] = self.purpose
        match self.rule:
            case "volume" | "many_eyes" | "reported":
                found["type"] = "exchange.released"
            case "hours":
                found["type"] = "exchange.decided"
            case "refusals":
                found |= {"type": "exchange.decided", "decision": "deny"}
            case "ended_called":
                found |= {"type": "exchange.decided", "reason": self.about}
        return found


def alerts(days: Iterable[Day], *, today: int) -> list[Alert]:
    """Everything the counts tell of the last days, newest first."""
    known = list(days)
    found = [*_volume(known, today), *_refusals(known, today), *_ended(known, today), *_silence(known, today)]
    return sorted(found, key=lambda each: (-each.day, each.rule, each.org, each.about))


def at_night(hours: Iterable[tuple[int, str, int, int]]) -> list[Alert]:
    """(Day, institution, hour in Paris, requests by people): many of them at night."""
    count: Counter[tuple[int, str]] = Counter()
    for day, org, hour, number in hours:
        if hour >= NIGHT[0] or hour < NIGHT[1]:
            count[day, org] += number
    return [
        Alert(day=day, rule="hours", org=org, count=number)
        for (day, org), number in sorted(count.items())
        if number >= NIGHT_CALLS
    ]


def seen_by_many(persons: Iterable[tuple[str, str, str, int, int]]) -> list[Alert]:
    """(Keyed name, pseudonym, institution, last day, how many different people acting): one looked up by many."""
    return [
        Alert(day=day, rule="many_eyes", org=org, about=name, shown=shown, count=actors, since=day - MANY_DAYS + 1)
        for name, shown, org, day, actors in sorted(persons)
        if actors >= MANY
    ]


def _volume(days: Sequence[Day], today: int) -> Iterator[Alert]:
    per: dict[str, Counter[int]] = defaultdict(Counter)
    for day, kind, number in days:
        if kind.type == "exchange.released":
            per[kind.org][day] += number
    for org, counts in per.items():
        for day, number in counts.items():
            before = [counts[each] for each in range(day - HABIT, day)]
            if day <= today - DAYS or number < VOLUME or sum(map(bool, before)) < LEAST_DAYS:
                continue
            usual = sum(before) // HABIT
            if number > VOLUME_TIMES * max(usual, 1):
                yield Alert(day=day, rule="volume", org=org, count=number, usual=usual)


def _refusals(days: Sequence[Day], today: int) -> Iterator[Alert]:
    denied: Counter[tuple[int, str]] = Counter()
    decided: Counter[tuple[int, str]] = Counter()
    for day, kind, number in days:
        if kind.type == "exchange.decided" and day > today - DAYS:
            decided[day, kind.org] += number
            denied[day, kind.org] += number if kind.decision == "deny" else 0
    for (day, org), number in denied.items():
        if number >= REFUSALS and 2 * number > decided[day, org]:
            yield Alert(day=day, rule="refusals", org=org, count=number, usual=decided[day, org])


def _ended(days: Sequence[Day], today: int) -> Iterator[Alert]:
    """One alert per institution, purpose and reason, dated by its last day."""
    count: Counter[tuple[str, str, str]] = Counter()
    span: dict[tuple[str, str, str], tuple[int, int]] = {}
    for day, kind, number in days:
        if kind.type != "exchange.decided" or day <= today - DAYS:
            continue
        for reason in _ENDED & set(kind.reasons):
            key = (kind.org, kind.purpose, reason)
            count[key] += number
            first, last = span.get(key, (day, day))
            span[key] = (min(first, day), max(last, day))
    for (org, purpose, reason), number in count.items():
        if number >= CALLS:
            first, last = span[org, purpose, reason]
            yield Alert(
                day=last, rule="ended_called", org=org, purpose=purpose, about=reason, count=number, since=first
            )


def _silence(days: Sequence[Day], today: int) -> Iterator[Alert]:
    """A source that spoke on most days, and has not for three."""
    spoke: Mapping[str, set[int]] = defaultdict(set)
    for day, kind, number in days:
        if kind.type == "exchange.released" and number:
            for source in kind.sources:
                spoke[source].add(day)
    for source, when in spoke.items():
        last = max(when)
        before = sum(1 for day in when if last - HABIT < day <= last)
        if today - last >= SILENT_DAYS and today - last < DAYS and before >= SPEAKING_DAYS:
            yield Alert(
                day=last + SILENT_DAYS, rule="silence", org=source, about=source, count=today - last, usual=before,
                since=last,
            )  # fmt: skip
