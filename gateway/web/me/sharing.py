"""The person's authorisations as they read them: one card per organisation, the detail of one, what stopping means.

Sentences and names come from the catalogue in force, and for what was given from the record as it was given. Pure but
for `standing` and `detail`, which read. Refuses to show another person's: `Authorisations.get` names the person.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consent.actions import actions
from consent.errors import AuthorisationUnknown
from consent.states import VALID, Record, effective_state
from consent.vault import SubjectId
from gateway.archive import words
from gateway.archive.labels import FIELDS
from gateway.services import Services
from gateway.web.me.phrases import UNITS, Said, action_said, basis_said, field_said, party_said, purpose_said
from gateway.web.problems import PageProblem
from policies.catalogue import Catalogue

WAITING = frozenset({"requested", "deferred"})
SHOWN = VALID | {"paused", "objection_lodged"}
"""States a person still has a hand in: on the home page."""

_STOPS = ("withdraw", "object_to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Fields of one dataset: its sentence, the exact fields, where they come from."""

    dataset: str
    sentence: Said
    fields: tuple[Said, ...]
    sources: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """One authorisation. `stop` is `withdraw`, `object_to` or None; times in ms.

    `meaning` is what its basis means to the person and `can` what they can do, in the catalogue's words.
    """

    id: str
    org: str
    name: Said
    purpose: Said
    basis: str
    by_right: Said
    meaning: Said
    state: str
    state_said: Said
    asked_at: int
    decided_at: int | None
    until: int | None
    due: int | None
    actions: tuple[str, ...]
    can: tuple[tuple[str, Said], ...]

    @property
    def in_force(self) -> bool:
        """Whether data may leave on it."""
        return self.state in VALID

    @property
    def stop(self) -> str | None:
        """How the person stops it, if the law lets them."""
        return next((each for each in _STOPS if each in self.actions), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One organisation and all it may see."""

    org: str
    name: Said
    line: Said | None
    sharings: tuple[Sharing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All of a person's authorisations, sorted out: in hand, waiting for an answer (the most urgent first), over."""

    cards: tuple[Card, ...]
    waiting: tuple[Sharing, ...]
    over: tuple[Sharing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How long an organisation keeps what came from a source."""

    source: Said
    number: int
    unit: Said
    since: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event of a record in words: what, and by whom and which way."""

    time: int
    event: Said
    how: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Everything about one: from the record as given, or as asked. `refusing` says what a no changes."""

    sharing: Sharing
    line: Said | None
    groups: tuple[Group, ...]
    left_out: tuple[Said, ...]
    service: Said | None
    refusing: Said | None
    laws: tuple[str, ...]
    kept: tuple[Kept, ...]
    limits: tuple[tuple[int, Said], ...]
    version: str | None
    digest: str | None
    contact: Mapping[str, str]
    events: tuple[Happened, ...]
    helped: bool


Purposes = frozenset[str] | None
"""Those a visitor may read about (`Visitor.purposes`); None: all."""


async def record_of(services: Services, subject: SubjectId, id_: str, *, purposes: Purposes) -> Record:
    """One of the person's; the page of what does not exist for all others."""
    try:
        record = await services.authorisations.get(id_, subject=subject)
    except AuthorisationUnknown:
        raise PageProblem("not_found") from None
    if purposes is not None and record.purpose not in purposes:
        raise PageProblem("not_found")
    return record


async def records_of(services: Services, subject: SubjectId, *, purposes: Purposes) -> Sequence[Record]:
    """All of them. Raises `SubjectErased`."""
    records = await services.authorisations.authorisations_of(subject)
    return [each for each in records if purposes is None or each.purpose in purposes]


async def standing(services: Services, subject: SubjectId, *, purposes: Purposes, now: int) -> Standing:
    """Sort them out. Raises `SubjectErased`."""
    return sort_out(services.catalogue, await records_of(services, subject, purposes=purposes), now=now)


def sort_out(catalogue: Catalogue, records: Sequence[Record], *, now: int) -> Standing:
    """See `Standing`. What a newer one replaced is not shown twice: it is in the list of what is over."""
    told = [sharing(catalogue, each, now=now) for each in records]
    orgs: dict[str, list[Sharing]] = {}
    for each in told:
        if each.state in SHOWN:
            orgs.setdefault(each.org, []).append(each)
    waiting = [each for each in told if each.state in WAITING]
    return Standing(
        cards=tuple(card(catalogue, org, mine) for org, mine in orgs.items()),
        waiting=tuple(sorted(waiting, key=lambda each: (each.due or 0, each.id))),
        over=tuple(each for each in told if each.state not in SHOWN | WAITING),
    )


def card(catalogue: Catalogue, org: str, mine: Iterable[Sharing]) -> Card:
    """One organisation; what the person chose before what the law imposes."""
    known = catalogue.parties.get(org)
    ordered = sorted(mine, key=lambda each: (each.stop is None, each.id))
    return Card(
        org=org,
        name=party_said(catalogue, org),
        line=None if known is None else known.line,
        sharings=tuple(ordered),
    )


def sharing(catalogue: Catalogue, record: Record, *, now: int) -> Sharing:
    """One of them in words."""
    state, possible = effective_state(record, now), actions(record, now)
    return Sharing(
        id=record.id,
        org=record.recipient,
        name=party_said(catalogue, record.recipient),
        purpose=purpose_said(catalogue, record.purpose),
        basis=record.basis,
        by_right=words.BASES.get(record.basis, (record.basis, record.basis)),
        meaning=basis_said(catalogue, record.basis),
        state=state,
        state_said=words.STATES.get(state, (state, state)),
        asked_at=record.requested_at,
        decided_at=record.decided_at,
        until=record.valid_until,
        due=record.due,
        actions=possible,
        can=tuple((each, action_said(catalogue, each)) for each in possible),
    )


def _happened(catalogue: Catalogue, org: str, event: Mapping[str, Any]) -> Happened:
    """One event of a record (ISO/IEC TS 27560) in words; what has none is shown by its code."""
    name, by, channel = party_said(catalogue, org), str(event.get("by", "")), str(event.get("channel", ""))
    names = (name["fr"], name["en"]) if isinstance(name, Mapping) else name
    sentence = words.EVENTS.get(f"authorisation.{event['event']}", (event["event"],) * 2)
    how = [each for each in (words.BY.get(by, (by, by)), words.CHANNELS.get(channel)) if each]
    return Happened(
        time=event["time"],
        event=(words.naming(sentence[0], names[0]), words.naming(sentence[1], names[1])),
        how=(", ".join(each[0] for each in how), ", ".join(each[1] for each in how)),
    )


async def detail(services: Services, record: Record, *, now: int) -> Detail:
    """Put one together. Raises `RecordAltered`: nothing is shown of a record that is not what was given."""
    told = sharing(services.catalogue, record, now=now)
    events = tuple(record.record.get("events", ()))
    helped = any(each.get("by") == "representative" or each.get("actor") for each in events if each["event"] == "given")
    party = services.catalogue.parties.get(record.recipient)
    common: dict[str, Any] = {
        "sharing": told,
        "line": None if party is None else party.line,
        "contact": {} if party is None else dict(party.contact or {}),
        "events": tuple(_happened(services.catalogue, record.recipient, each) for each in events),
        "helped": helped,
        "version": record.notice,
        "left_out": tuple(field_said(name) for name in sorted(record.requested - record.fields) if record.fields),
    }
    if told.state == "tombstoned":
        return Detail(**common, groups=(), service=None, refusing=None, laws=(), kept=(), limits=(), digest=None)
    whole = await services.freezer.read(services.store, record)
    content = whole.content
    names = record.fields or record.requested
    return Detail(
        **common,
        groups=_groups(services.catalogue, content["data"], names),
        service=content["purpose"]["service"],
        refusing=content["control"]["consequences_text"],
        laws=tuple(content["header"]["basis"]["legal_text_ref"]),
        kept=_kept(services.catalogue, content["processing"]),
        limits=_limits(content["processing"]),
        digest=whole.digest,
    )


def _groups(catalogue: Catalogue, data: Iterable[Mapping[str, Any]], names: frozenset[str]) -> tuple[Group, ...]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in data:
        if each["field_id"] in names:
            found.setdefault(each["field_id"].partition(".")[0], []).append(each)
    known = catalogue.vocabulary.datasets
    return tuple(
        Group(
            dataset=dataset,
            sentence=known[dataset].sentence if dataset in known else (dataset, dataset),
            fields=tuple(dict.fromkeys(FIELDS.get(each["field_id"], (each["field_id"],) * 2) for each in fields)),
            sources=tuple(
                party_said(catalogue, source) for source in sorted({each["source_institution"] for each in fields})
            ),
        )
        for dataset, fields in found.items()
    )


def _kept(catalogue: Catalogue, processing: Iterable[Mapping[str, Any]]) -> tuple[Kept, ...]:
    found = {
        (each["source"], each["retention"]["data_life"]["value"], each["retention"]["data_life"]["unit"],
         each["retention"]["from"])
        for each in processing
    }  # fmt: skip
    return tuple(
        Kept(
            source=party_said(catalogue, source),
            number=number,
            unit=UNITS[unit][number > 1],
            since=words.FROM.get(since, (since, since)),
        )
        for source, number, unit, since in sorted(found)
    )


def _limits(processing: Iterable[Mapping[str, Any]]) -> tuple[tuple[int, Said], ...]:
    """How often: the largest number per unit of time, as the exchanges count each by itself."""
    found: dict[str, int] = {}
    for each in processing:
        unit = each["frequency"]["unit"]
        found[unit] = max(found.get(unit, 0), each["frequency"]["value"])
    return tuple((number, UNITS[unit][0]) for unit, number in sorted(found.items()))
