"""Who sees what, and « si je dis oui / si j'arrête » on the values themselves."""

from starlette.requests import Request
from starlette.responses import Response

from consent.errors import PersonUnknown
from gateway.preview import TooManyLooks, preview
from gateway.services import Services
from gateway.web.me.acting import acting, from_elsewhere, subject_of
from gateway.web.me.lines import person_of
from gateway.web.me.looking import parts, whys
from gateway.web.me.matrix import matrix
from gateway.web.me.sharing import SHOWN, WAITING, record_of, records_of, sharing, standing
from gateway.web.page import page
from gateway.web.problems import PageProblem
from gateway.web.templates import render
from gateway.web.view import view_of
from gateway.web.visitor import Visitor


@page(role="beneficiary")
async def get_who(request: Request, visitor: Visitor) -> Response:
    """By organisation, or by information when asked; a table where there is room for one.

    The person reads it without what their situation keeps back; who helps does not read their situation in it.
    """
    services: Services = request.scope["services"]
    subject = subject_of(visitor)
    records = await records_of(services, subject, purposes=visitor.purposes)
    flags = (await person_of(services, subject)).flags if visitor.mandate is None else frozenset[str]()
    seen = matrix(services.catalogue, records, flags=flags, now=services.clock())
    by = "information" if request.query_params.get("by") == "information" else "organisation"
    return render(request, "me/who.html", seen=seen, by=by)


@page(role="beneficiary")
async def get_preview(request: Request, visitor: Visitor) -> Response:
    """Without an authorisation: which one. With it: what would leave, and what would not."""
    services: Services = request.scope["services"]
    subject, now = subject_of(visitor), services.clock()
    chosen = request.query_params.get("authorisation", "")
    if not chosen or from_elsewhere(request):
        found = await standing(services, subject, purposes=visitor.purposes, now=now)
        shown = [*found.waiting, *(each for card in found.cards for each in card.sharings)]
        return render(request, "me/preview_choice.html", shown=shown)
    record = await record_of(services, subject, chosen, purposes=visitor.purposes)
    told = sharing(services.catalogue, record, now=now)
    if told.state not in SHOWN | WAITING:
        raise PageProblem("not_found")
    by = await acting(services, visitor, purpose=record.purpose, now=now)
    try:
        seen = await preview(services, record, by=by, now=now)
    except TooManyLooks:
        return render(request, "me/preview_later.html", status=429, it=told)
    except PersonUnknown:
        raise PageProblem("not_found") from None
    return render(
        request,
        "me/preview.html",
        it=told,
        parts=parts(services.catalogue, seen, view_of(request).lang),
        stopped=None if seen.stopped is None else whys(seen.stopped),
    )
