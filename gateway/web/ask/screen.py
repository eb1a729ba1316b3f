"""The request screen as data, in the order people read it; its kind is the legal basis the record was made with.

    choice        consent: yes, no, later
    objection     a public task the law lets people object to
    information   a legal obligation, or a public task nobody can object to: no button that would do nothing

Everything said is the record's as it was asked, or the catalogue's words for it. Pure but for `screen`, which reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from consent.measures import objectable
from consent.states import CONSENT, PUBLIC_TASK, Record
from gateway.choices import Offer, offered
from gateway.services import Services
from gateway.web.me.looking import reduced
from gateway.web.me.phrases import UNITS, Said, field_said
from gateway.web.me.sharing import Detail, detail

Kind = Literal["choice", "objection", "information"]
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One field: what it is, how it is reduced before it leaves, and whether it has a box of its own."""

    id: str
    name: Said
    reduced: tuple[str, str] | None
    optional: bool
    explicit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The fields of one dataset, under its sentence. `special`: information the law protects more (GDPR 9)."""

    dataset: str
    sentence: Said
    items: tuple[Item, ...]
    special: bool

    @property
    def boxes(self) -> tuple[Item, ...]:
        """Those the person decides one by one, the needed ones first."""
        chosen = [each for each in self.items if each.optional or each.explicit]
        return tuple(sorted(chosen, key=lambda each: each.optional))


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """All of it. `lasts` is for how long a yes holds at most; `uses` how often it may serve in all."""

    kind: Kind
    found: Detail
    groups: tuple[Group, ...]
    sources: tuple[Said, ...]
    lasts: tuple[int, Said] | None
    uses: int | None
    offer: Offer


def kind_of(record: Record) -> Kind:
    """Which of the three."""
    if record.basis == CONSENT:
        return "choice"
    return "objection" if record.basis == PUBLIC_TASK and objectable(record) else "information"


async def screen(services: Services, record: Record, *, now: int) -> Screen:
    """Put it together."""
    found, offer = await detail(services, record, now=now), await offered(services, record)
    content = (await services.freezer.read(services.store, record)).content
    data = {each["field_id"]: each for each in content["data"] if each["field_id"] in record.requested}
    groups: dict[str, list[str]] = {}
    for name in sorted(data):
        groups.setdefault(name.partition(".")[0], []).append(name)
    known = services.catalogue.vocabulary.datasets
    sources = dict.fromkeys(source for group in found.groups for source in map(_frozen, group.sources))
    until, start = record.valid_until, record.requested_at
    return Screen(
        kind=kind_of(record),
        found=found,
        groups=tuple(
            Group(
                dataset=dataset,
                sentence=known[dataset].sentence if dataset in known else (dataset, dataset),
                items=tuple(_item(name, data[name], offer) for name in names),
                special=any(data[name]["special_category"] is not None for name in names),
            )
            for dataset, names in groups.items()
        ),
        sources=tuple(sources),
        lasts=None if until is None else _lasts(max(1, round((until - start) / _DAY_MS))),
        uses=record.max_uses,
        offer=offer,
    )


def _lasts(days: int) -> tuple[int, Said]:
    """Days, or whole years."""
    number, unit = (days, "DAY") if days % 365 else (days // 365, "YEAR")
    return number, UNITS[unit][number > 1]


def _item(name: str, told: Mapping[str, Any], offer: Offer) -> Item:
    return Item(
        id=name,
        name=field_said(name),
        reduced=reduced(told["transformation_floor"]),
        optional=name in offer.optional,
        explicit=name in offer.explicit,
    )


def _frozen(said: Said) -> tuple[str, str]:
    """A text in both languages, as something that can be compared."""
    return (said["fr"], said["en"]) if isinstance(said, Mapping) else said
