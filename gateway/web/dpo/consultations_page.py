"""`/dpo/consultations`: which DPO looked at what; a DPO sees those of their institution, their own included."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.console.consultations import TYPES, find
from gateway.console.kinds import day_of
from gateway.console.sentences import BY, FILTERS, VIEWS, Names
from gateway.services import Services
from gateway.web.dpo.find_page import after_of
from gateway.web.dpo.page import note_view, scope_of, show
from gateway.web.dpo.words import names_of
from gateway.web.page import page
from gateway.web.templates import url
from gateway.web.visitor import Visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation:
    """One act of one DPO."""

    index: int
    at: int
    mine: bool
    who: str
    org: str
    what: str
    how: str
    lines: int | None
    state: str


@page(role="dpo")
async def get_consultations(request: Request, visitor: Visitor) -> Response:
    """The newest first."""
    services: Services = request.scope["services"]
    scope, names = scope_of(visitor), names_of(request)
    today = day_of(services.clock())
    rows, after = await find(services.console.search, scope, today=today, after=after_of(request))
    entries = await services.console.read([row.index for row in rows])
    found = [
        _said(row.index, entries[row.index].content, entries[row.index].state, names=names, mine=visitor.actor)
        for row in rows
        if row.index in entries
    ]
    await note_view(request, visitor, "consultations", lines=len(found))
    more = url("/dpo/consultations", after=after) if after is not None else ""
    return await show(request, "dpo/consultations.html", found=found, more=more, types=len(TYPES))


def _said(index: int, content: Mapping[str, Any], state: str, *, names: Names, mine: str) -> Consultation:
    kind = content.get("type")
    how = [names.said(FILTERS[name]) for name in content.get("filters", ()) if name in FILTERS]
    if kind == "console.searched":
        what = names.said(("a cherché une personne ", "searched for a person ")) + names.said(
            BY.get(content.get("by", ""), ("", ""))
        )
        how = [content["case"]] if "case" in content else []
    elif kind == "log.read":
        what = names.said(("a exporté des entrées", "exported entries"))
    else:
        view = content.get("view", "")
        what = names.said(("a ouvert : ", "opened: ")) + names.said(VIEWS.get(view, (view, view)))
    org = content.get("org", "")
    lines = content.get("lines", content.get("entries"))
    return Consultation(
        index=index,
        at=content.get("time", 0),
        mine=content.get("actor") == mine,
        who=content.get("actor", "")[:8],
        org=names.org(org) if org else names.said(("le consortium", "the consortium")),
        what=what,
        how=", ".join(how),
        lines=lines,
        state=state,
    )
