"""The home page, and the list of everything a person was ever asked or gave."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.services import Services
from gateway.web.me.acting import subject_of
from gateway.web.me.history import row
from gateway.web.me.lines import Wanted, accesses, person_of
from gateway.web.me.sharing import standing
from gateway.web.page import page
from gateway.web.templates import render
from gateway.web.visitor import Visitor

_LAST = 3


@page(role="beneficiary")
async def get_home(request: Request, visitor: Visitor) -> Response:
    """Who can see, who has seen, what is asked: three answers without a click."""
    services: Services = request.scope["services"]
    subject, now = subject_of(visitor), services.clock()
    found = await standing(services, subject, purposes=visitor.purposes, now=now)
    person = await person_of(services, subject)
    seen = await accesses(services, subject, size=_LAST, wanted=Wanted(purposes=visitor.purposes))
    rows = [row(services.catalogue, each, helped=visitor.mandate is not None) for each in seen.accesses]
    pending = found.waiting[0] if found.waiting else None
    return render(
        request,
        "me/home.html",
        cards=found.cards,
        rows=rows,
        more=seen.before is not None,
        pending=pending,
        over=len(found.over),
        flags=person.flags if visitor.purposes is None else frozenset(),
    )


@page(role="beneficiary")
async def get_list(request: Request, visitor: Visitor) -> Response:
    """All of them, what is over included."""
    services: Services = request.scope["services"]
    found = await standing(services, subject_of(visitor), purposes=visitor.purposes, now=services.clock())
    return render(request, "me/list.html", found=found)
