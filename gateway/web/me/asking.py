"""What a person may ask of their information (GDPR 15 to 21), and where each request stands, in words.

Carried out by `gateway.rights`. Refuses a field or a source that is not of the catalogue's, and an objection to what
is not theirs or what the law imposes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consent.errors import RightPending
from consent.rights import RightsRequest
from consent.rights_law import RESTRICTIONS, RIGHTS, About
from consent.states import By, Record
from consent.vault import SubjectId
from gateway import rights
from gateway.archive import words
from gateway.services import Services
from gateway.web.me.phrases import Said, field_said, party_said
from gateway.web.me.sharing import Sharing
from gateway.web.problems import PageProblem
from policies.catalogue import Catalogue

OFFERS: Mapping[str, tuple[str, str]] = {
    "access": ("voir tout ce qu'on sait de moi", "see all that is known about me"),
    "portability": ("emporter un fichier", "take a file with me"),
    "rectification": ("corriger une erreur", "correct a mistake"),
    "objection": ("m'opposer à un partage", "object to a sharing"),
    "restriction": ("tout arrêter", "stop everything"),
    "erasure": ("tout effacer ici", "erase everything here"),
}
"""What a person picks from, in their own words."""

REASONS = tuple(sorted(RESTRICTIONS - {"objection_pending"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    id: str
    right: str
    said: tuple[str, str]
    state: str
    state_said: tuple[str, str]
    received_at: int
    due: int
    answered_at: int | None
    late: bool
    open: bool
    reason: tuple[str, str] | None
    more_time: tuple[str, str] | None
    fields: tuple[Said, ...]
    source: Said | None
    authorisation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An institution whose information can be corrected, with the fields it holds."""

    id: str
    name: Said
    fields: tuple[tuple[str, Said], ...]


def asked(catalogue: Catalogue, found: RightsRequest, *, now: int) -> Asked:
    """One in words."""
    return Asked(
        id=found.id,
        right=found.right,
        said=_said(OFFERS, found.right),
        state=found.state,
        state_said=_said(words.RIGHT_STATES, found.state),
        received_at=found.received_at,
        due=found.due,
        answered_at=found.answered_at,
        late=found.overdue(now),
        open=found.open,
        reason=None if found.reason is None else _said(words.REASONS, found.reason),
        more_time=None if found.extended is None else _said(words.REASONS, found.extended),
        fields=tuple(field_said(name) for name in sorted(found.fields)),
        source=None if found.source is None else party_said(catalogue, found.source),
        authorisation=found.authorisation,
    )


async def requests_of(services: Services, subject: SubjectId, *, now: int) -> Sequence[Asked]:
    """All of a person's, newest first."""
    found = sorted(await services.rights.of(subject), key=lambda each: (-each.received_at, each.id))
    return [asked(services.catalogue, each, now=now) for each in found]


def sources(catalogue: Catalogue) -> Sequence[Source]:
    """Those that hold something."""
    known = catalogue.vocabulary
    return [
        Source(
            id=id_,
            name=party.name,
            fields=tuple(
                (name, field_said(name))
                for dataset in sorted(party.holds)
                for name in known.datasets[dataset].fields
                if not known.fields[name].never
            ),
        )
        for id_, party in sorted(catalogue.parties.items())
        if party.holds
    ]


def objectable(sharings: Sequence[Sharing]) -> Sequence[Sharing]:
    """What a person may object to now."""
    return [each for each in sharings if "object_to" in each.actions]


async def ask(
    services: Services,
    subject: SubjectId,
    right: str,
    *,
    by: By,
    now: int,
    fields: frozenset[str] = frozenset(),
    source: str | None = None,
    reason: str | None = None,
    record: Record | None = None,
) -> RightsRequest:
    """Ask, or give the same request when it is open already: sending a form twice makes one."""
    if right not in RIGHTS:
        raise PageProblem("form_unreadable")
    if right == "rectification":
        held = next((each for each in sources(services.catalogue) if each.id == source), None)
        if held is None or not fields or not fields <= {name for name, _ in held.fields}:
            raise PageProblem("form_unreadable")
    if right == "restriction" and reason not in REASONS:
        raise PageProblem("form_unreadable")
    about = About(
        fields=fields if right == "rectification" else frozenset(),
        source=source if right == "rectification" else None,
        authorisation=record.id if right == "objection" and record is not None else None,
        reason=reason if right == "restriction" else None,
    )
    if right == "objection" and record is None:
        raise PageProblem("form_unreadable")
    try:
        return await rights.receive(services, subject, right, by=by, now=now, about=about)
    except RightPending:
        for each in await services.rights.of(subject):
            same = (each.right, each.fields, each.authorisation) == (right, about.fields, about.authorisation)
            if each.open and same:
                return each
        raise PageProblem("not_done") from None


def _said(table: Mapping[str, tuple[str, str]], name: str) -> tuple[str, str]:
    return table.get(name, (name, name))
