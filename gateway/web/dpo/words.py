"""What pages of a DPO say with: names in the page's language, choices of the lists, bars of the days."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from gateway.console.filters import DECISIONS, Filter, Words
from gateway.console.kinds import Scope, date_of
from gateway.console.sentences import VERDICTS, Names
from gateway.services import Services
from gateway.web.templates import url
from gateway.web.view import view_of

Option = tuple[str, str]

HEIGHT, WIDTH = 80, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One day: where it stands in the picture, how many entries, and the address that shows that day alone."""

    day: str
    x: int
    y: int
    height: int
    count: int
    href: str


def names_of(request: Request) -> Names:
    """The catalogue's words in the page's language."""
    services: Services = request.scope["services"]
    return Names(services.catalogue, view_of(request).lang)


def options(words: Words, scope: Scope, names: Names) -> dict[str, list[Option]]:
    """The choices of each list, the empty one first; a DPO of one institution is offered all the same words."""
    any_one = ("", names.said(("tous", "all")))
    said = {
        "org": [(org, names.org(org)) for org in words.org],
        "type": [(kind, names.event(kind)) for kind in words.type],
        "purpose": [(purpose, names.purpose(purpose)) for purpose in words.purpose],
        "dataset": [(dataset, names.dataset(dataset)) for dataset in words.dataset],
        "reason": [(reason, names.reason(reason)) for reason in words.reason],
        "actor": [(job, job) for job in words.jobs] if scope.organisation is None else [],
    }
    chosen = {name: [any_one, *sorted(each, key=lambda option: option[1].casefold())] for name, each in said.items()}
    return chosen | {"decision": [any_one, *((each, names.said(VERDICTS[each])) for each in DECISIONS)]}


def actor_said(actor: str, names: Names) -> str:
    """Somebody acting, by the journal's name of them."""
    if actor.startswith("batch:"):
        return names.said(("traitement ", "batch job ")) + actor.removeprefix("batch:")
    return names.said(("agent ", "agent ")) + actor[:8] if len(actor) == 32 else actor


def bars(wanted: Filter, days: Mapping[int, int]) -> list[Bar]:
    """A bar per day of the period, the days without entries too."""
    highest = max(days.values(), default=0)
    found = []
    for place, day in enumerate(range(wanted.since, wanted.until + 1)):
        count = days.get(day, 0)
        height = max(2, round(count / highest * HEIGHT)) if count else 0
        href = url("/dpo/search", **wanted.address(since=day, until=day))
        found.append(
            Bar(
                day=date_of(day).isoformat(),
                x=place * WIDTH,
                y=HEIGHT - height,
                height=height,
                count=count,
                href=href,
            )
        )
    return found
