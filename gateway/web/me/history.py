"""The history as a person reads it: one row per access, newest first, and the filters above it.

A row says who, what, what for, by what right, when; a refusal says why, truly. Refuses codes: whatever has no word is
told in plain ones. Times in ms; months are those of Paris.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.archive import words
from gateway.archive.told import LANGS, Teller, who
from gateway.web import moments
from gateway.web.me.lines import Access, Line, Person
from gateway.web.me.looking import whys
from gateway.web.me.phrases import Said, field_said, party_said, purpose_said
from policies.catalogue import Catalogue
from policies.reasons import WITHHELD, public_of

PAGE = 20
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "seen": ("A vu vos informations.", "Saw your information."),
    "refused": ("A demandé. La réponse a été non.", "Asked. The answer was no."),
    "nothing": ("A demandé. Rien n'est parti.", "Asked. Nothing left."),
}
_FEW = 6
_LONGEST_MONTHS = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One access."""

    number: int
    index: int
    at: int
    org: str
    name: Said
    outcome: str
    outcome_said: tuple[str, str]
    purpose: Said
    by_right: tuple[str, str] | None
    fields: tuple[Said, ...]
    groups: tuple[Said, ...]
    sources: tuple[Said, ...]
    missing: tuple[tuple[tuple[str, str], tuple[Said, ...]], ...]
    who: tuple[str, str] | None
    authorisation: str | None

    @property
    def few(self) -> bool:
        """Whether the fields are told one by one."""
        return len(self.fields) <= _FEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of whatever kind, as a sentence."""

    number: int
    at: int
    sentence: tuple[str, str]
    who: tuple[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month: `key` in addresses (`2026-11`), from `since` to `until`."""

    key: str
    said: tuple[str, str]
    since: int
    until: int


def row(catalogue: Catalogue, access: Access, *, helped: bool = False) -> Row:
    """One access in words; `helped`: for who reads under a mandate."""
    access = _outward(access) if helped else access
    names = access.fields or tuple(sorted(access.hidden))
    datasets = sorted({name.partition(".")[0] for name in names})
    known = catalogue.vocabulary.datasets
    entry = {"type": "exchange.decided", "actor": access.actor}
    return Row(
        number=access.number,
        index=access.index,
        at=access.at,
        org=access.org,
        name=party_said(catalogue, access.org),
        outcome=access.outcome,
        outcome_said=OUTCOMES[access.outcome],
        purpose=purpose_said(catalogue, access.purpose),
        by_right=None if access.basis is None else words.BASES.get(access.basis),
        fields=tuple(dict.fromkeys(field_said(name) for name in names)),
        groups=tuple(known[each].sentence if each in known else (each, each) for each in datasets),
        sources=tuple(party_said(catalogue, source) for source in access.sources),
        missing=whys(access.hidden),
        who=_who(entry),
        authorisation=access.authorisation,
    )


def _outward(access: Access) -> Access:
    """The same without what would tell the person's situation: kept for it, and not given by a source, look alike."""
    public = {name: public_of(code) for name, code in access.hidden.items()}
    known = {name: code for name, code in public.items() if code != WITHHELD}
    if access.outcome == "seen":
        return access if len(known) == len(public) else replace(access, hidden=public, sources=())
    outcome = "refused" if known and len(known) == len(public) and access.outcome == "refused" else "nothing"
    return replace(access, hidden=known, outcome=outcome, sources=())


def told(catalogue: Catalogue, line: Line) -> Told:
    """One line as a sentence."""
    teller = Teller(catalogue)
    fr, en = (teller.sentence(line.entry, lang) for lang in LANGS)
    return Told(number=line.number, at=line.entry["time"], sentence=(fr, en), who=_who(line.entry))


def months(person: Person, *, now: int) -> Sequence[Month]:
    """From this month back to the person's first, three years at most."""
    found: list[Month] = []
    here = moments.local(now)
    year, month = here.year, here.month
    while len(found) < _LONGEST_MONTHS:
        each = month_of(f"{year:04}-{month:02}")
        if each is None or each.until <= person.created_at:
            break
        found.append(each)
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return found


def month_of(key: str) -> Month | None:
    """The month of an address, None when it is none."""
    if len(key) != 7 or not (key[:4] + key[5:]).isascii() or not (key[:4] + key[5:]).isdigit() or key[4] != "-":
        return None
    year, number = int(key[:4]), int(key[5:])
    if not (1970 < year < 2100 and 1 <= number <= 12):
        return None
    since = _first(year, number)
    until = _first(year, number + 1) if number < 12 else _first(year + 1, 1)
    return Month(key=key, said=(moments.month(since, "fr"), moments.month(since, "en")), since=since, until=until)


def recipients(catalogue: Catalogue) -> Sequence[tuple[str, Said]]:
    """Every organisation that may ask for something, by name."""
    ids = {org for each in catalogue.exchanges.values() for org in each.recipients}
    return sorted(((id_, party_said(catalogue, id_)) for id_ in ids), key=lambda each: each[0])


def _who(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    fr, en = (who(entry, lang) for lang in LANGS)
    return None if fr is None or en is None else (fr, en)


def _first(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=moments.PARIS).timestamp() * 1000)
