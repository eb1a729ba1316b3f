"""`/dpo/search`: structured filters in the address, entries newest first, a bar per day; the form for one person."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from audit.events import EVENTS
from gateway.actors import actor_tag
from gateway.console.errors import CaseRequired, NotYours, SearchRefused
from gateway.console.filters import Filter, Words, read
from gateway.console.kinds import Scope, date_of, day_of
from gateway.console.persons import WAYS, Sought
from gateway.console.search import PAGE, Row
from gateway.console.sentences import VERDICTS, Names
from gateway.services import Services
from gateway.web.dpo.page import note_view, scope_of, show
from gateway.web.dpo.words import actor_said, bars, names_of, options
from gateway.web.forms import Form
from gateway.web.page import form_of, page, see
from gateway.web.problems import PageProblem
from gateway.web.templates import url
from gateway.web.visitor import Visitor
from policies.reasons import Reason

_LARGEST = 2**53
_TYPED = (
    "org", "name", "case", "family_name", "given_names", "birth_date", "birth_country", "birth_place", "sex",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One line: what the projection knows of it, and what the check of the entry in the journal gave."""

    index: int
    at: int
    who: str
    org: str
    actor: str
    did: str
    datasets: str
    why: str
    verdict: str
    reasons: str
    state: str


@page(role="dpo")
async def get_search(request: Request, visitor: Visitor) -> Response:
    """The page, or why the filter is refused, above the form."""
    services: Services = request.scope["services"]
    scope, words = scope_of(visitor), await words_of(services)
    today = day_of(services.clock())
    wrong = ""
    try:
        wanted = read(request.query_params, words, today=today)
    except SearchRefused as refused:
        wanted, wrong = read({}, words, today=today), refused.name
    among = await among_of(request, visitor, wanted)
    found = await services.console.search.find(scope, wanted, among=among, after=after_of(request))
    names = names_of(request)
    lines = await shown(services, found.rows, names)
    await note_view(request, visitor, "search", lines=len(lines), filters=wanted.classes)
    return await show(
        request,
        "dpo/search.html",
        status=400 if wrong else 200,
        wrong=wrong,
        wanted=wanted,
        since=date_of(wanted.since),
        until=date_of(wanted.until),
        count=found.count,
        lines=lines,
        more=_more(wanted, found.after),
        later=after_of(request) is not None,
        bars=bars(wanted, found.days),
        options=options(words, scope, names),
        chosen=chosen(wanted, names),
        ways=_ways(services, scope, names),
        own=visitor.organisation,
        page_size=PAGE,
    )


@page(role="dpo")
async def post_person(request: Request, visitor: Visitor) -> Response:
    """Look for one person, then show what concerns them; or for a professional of the DPO's own institution."""
    services: Services = request.scope["services"]
    scope, form = scope_of(visitor), form_of(request)
    sought = Sought(
        by=form["by"],
        org=form["org"] or visitor.organisation or "",
        name=form["name"],
        identity=_identity(form) if form["by"] == "identity" else {},
        case=form["case"],
    )
    try:
        number = await services.console.persons.look(
            sought, scope=scope, actor=visitor.actor, organisation=visitor.organisation
        )
    except NotYours:
        raise PageProblem("not_found") from None
    except (SearchRefused, CaseRequired) as refused:
        return await _asked(request, visitor, wrong=refused.code, by=sought.by, typed=form)
    if number is None:
        return await _asked(request, visitor, wrong="person_unknown", by=sought.by, typed=form)
    return see(url("/dpo/search", person=number))


@page(role="dpo")
async def get_person(request: Request, visitor: Visitor) -> Response:
    """The form for one person: a page of its own, so that nothing typed stands in an address."""
    by = request.query_params.get("by", WAYS[0])
    return await _asked(request, visitor, wrong="", by=by if by in WAYS else WAYS[0])


@page(role="dpo")
async def post_agent(request: Request, visitor: Visitor) -> Response:
    """Turn the number of a professional of one's own institution into the journal's name of them, then search."""
    services: Services = request.scope["services"]
    scope, form = scope_of(visitor), form_of(request)
    org = form["org"] or visitor.organisation or ""
    if scope.organisation not in {None, org} or org not in services.catalogue.parties:
        raise PageProblem("not_found")
    if not form["agent"]:
        return see("/dpo/search")
    return see(url("/dpo/search", actor=actor_tag(services.keys.actors, org, form["agent"])))


async def among_of(request: Request, visitor: Visitor, wanted: Filter) -> list[int] | None:
    """Where the entries about the person searched for stand; None when the filter names nobody."""
    services: Services = request.scope["services"]
    if not wanted.person:
        return None
    try:
        return await services.console.persons.positions(wanted.person, actor=visitor.actor)
    except NotYours:
        raise PageProblem("not_found") from None


async def words_of(services: Services) -> Words:
    """The closed lists: the catalogue's, and those of entries made under others."""
    kinds = (await services.console.search.kinds()).values()
    catalogue = services.catalogue
    known = Words(
        org=frozenset(catalogue.parties),
        type=frozenset(EVENTS),
        purpose=frozenset(catalogue.purposes),
        dataset=frozenset(catalogue.vocabulary.datasets),
        reason=frozenset(each.value for each in Reason),
        jobs=frozenset(),
    )
    return known.seen(kinds)


async def shown(services: Services, rows: Any, names: Names) -> list[Shown]:
    """Read the entries of these rows in the journal, check each, and say what they say."""
    entries = await services.console.read([row.index for row in rows])
    return [_line(row, entries.get(row.index), names) for row in rows]


def chosen(wanted: Filter, names: Names) -> dict[str, str]:
    """What is filtered by, in words."""
    said: dict[str, Callable[[str], str]] = {
        "org": names.org,
        "type": names.event,
        "purpose": names.purpose,
        "dataset": names.dataset,
        "decision": lambda decision: names.said(VERDICTS[decision]),
        "reason": names.reason,
    }
    told = {name: said.get(name, str)(getattr(wanted, name)) for name in wanted.classes}
    return told | ({"actor": actor_said(wanted.actor, names)} if wanted.actor else {})


def _line(row: Row, entry: Any, names: Names) -> Shown:
    kind, content = row.kind, entry.content if entry else {}
    actor = content.get("actor", "")
    return Shown(
        index=row.index,
        at=content.get("time", 0),
        who=names.org(kind.org) if kind.org else "",
        org=kind.org,
        actor=actor if isinstance(actor, str) else "",
        did=names.sentence(kind),
        datasets=", ".join(map(names.dataset, kind.datasets)),
        why=names.purpose(kind.purpose) if kind.purpose else "",
        verdict=names.verdict(kind),
        reasons=" ".join(names.reason(code, of=kind.type) for code in kind.reasons),
        state=entry.state if entry else "altered",
    )


def after_of(request: Request) -> int | None:
    """The last line of the page before, as the address tells."""
    text = request.query_params.get("after", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 17) or int(text) >= _LARGEST:
        raise PageProblem("not_found")
    return int(text)


def _more(wanted: Filter, after: int | None) -> str:
    return url("/dpo/search", **wanted.address(), after=after) if after is not None else ""


def _ways(services: Services, scope: Scope, names: Names) -> list[tuple[str, str]]:
    """The institutions whose names of persons this DPO may use."""
    orgs = services.catalogue.parties if scope.organisation is None else [scope.organisation]
    return [(org, names.org(org)) for org in orgs]


async def _asked(request: Request, visitor: Visitor, *, wrong: str, by: str, typed: Form | None = None) -> Response:
    """The form; what was typed stands in it again, and nowhere else."""
    services: Services = request.scope["services"]
    scope, names = scope_of(visitor), names_of(request)
    orgs = _ways(services, scope, names)
    status = {"": 200, "person_unknown": 404}.get(wrong, 400)
    kept = {name: typed[name] if typed else "" for name in _TYPED}
    return await show(request, "dpo/person.html", status=status, wrong=wrong, by=by, orgs=orgs, kept=kept)


def _identity(form: Any) -> Mapping[str, Any]:
    given = form["given_names"].split()
    return {
        "family_name": form["family_name"],
        "given_names": given,
        "birth_date": form["birth_date"],
        "birth_country": form["birth_country"] or "99100",
        "birth_place": form["birth_place"] or None,
        "sex": form["sex"],
    }
