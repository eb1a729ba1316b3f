"""My requests: what a person may ask, asking it, and where each one stands with its clock."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from consent.states import By
from gateway.archive import words
from gateway.services import Services
from gateway.web.me import asking
from gateway.web.me.acting import acting, subject_of
from gateway.web.me.sharing import record_of, records_of, standing
from gateway.web.page import form_of, page, see
from gateway.web.problems import PageProblem
from gateway.web.templates import render
from gateway.web.visitor import Visitor

_ANY_PURPOSE = ""


@page(role="beneficiary")
async def get_rights(request: Request, visitor: Visitor) -> Response:
    """All of them, newest first, and what can be asked."""
    services: Services = request.scope["services"]
    found = await _requests(services, visitor)
    offered = list(asking.OFFERS.items())
    return render(request, "me/rights.html", found=found, offered=offered)


@page(role="beneficiary")
async def get_new(request: Request, visitor: Visitor) -> Response:
    """Which one; then the little it needs."""
    return await _form(request, visitor, {name: request.query_params.get(name, "") for name in _NAMES}, wrong="")


@page(role="beneficiary")
async def post_new(request: Request, visitor: Visitor) -> Response:
    """Ask; the request's own page proves it."""
    services: Services = request.scope["services"]
    form, subject, now = form_of(request), subject_of(visitor), services.clock()
    sent = {name: form[name] for name in _NAMES}
    fields = frozenset(form.all("field"))
    missing = _missing(sent, fields)
    if missing:
        return await _form(request, visitor, sent, wrong=missing)
    record = None
    purpose = _ANY_PURPOSE
    if sent["right"] == "objection":
        record = await record_of(services, subject, sent["authorisation"], purposes=visitor.purposes)
        purpose = record.purpose
    by: By = await acting(services, visitor, purpose=purpose, now=now)
    made = await asking.ask(
        services, subject, sent["right"], by=by, now=now,
        fields=fields, source=sent["source"] or None, reason=sent["reason"] or None, record=record,
    )  # fmt: skip
    return see(f"/me/rights/{made.id}")


@page(role="beneficiary")
async def get_right(request: Request, visitor: Visitor) -> Response:
    """One request of this person's: its reference, its clock, what happens next."""
    services: Services = request.scope["services"]
    found = await _requests(services, visitor)
    mine = next((each for each in found if each.id == request.path_params["id"]), None)
    if mine is None:
        raise PageProblem("not_found")
    return render(request, "me/right.html", it=mine)


async def _requests(services: Services, visitor: Visitor) -> Sequence[asking.Asked]:
    """All of them; under a limited mandate, objections to sharings of its purposes."""
    subject = subject_of(visitor)
    found = await asking.requests_of(services, subject, now=services.clock())
    if visitor.purposes is None:
        return found
    within = {each.id for each in await records_of(services, subject, purposes=visitor.purposes)}
    return [each for each in found if each.authorisation in within]


_NAMES = ("right", "source", "reason", "authorisation")


def _missing(sent: dict[str, str], fields: frozenset[str]) -> str:
    """What the form still lacks; the page asks for it and keeps the rest."""
    needed = {
        "rectification": "field" if sent["source"] and not fields else "" if sent["source"] else "source",
        "restriction": "" if sent["reason"] in asking.REASONS else "reason",
        "objection": "" if sent["authorisation"] else "authorisation",
    }
    return "right" if sent["right"] not in asking.OFFERS else needed.get(sent["right"], "")


async def _form(request: Request, visitor: Visitor, sent: dict[str, str], *, wrong: str) -> Response:
    services: Services = request.scope["services"]
    chosen = sent["right"] if sent["right"] in asking.OFFERS else ""
    sources = asking.sources(services.catalogue)
    objectable = []
    if chosen == "objection":
        found = await standing(services, subject_of(visitor), purposes=visitor.purposes, now=services.clock())
        objectable = list(asking.objectable([each for card in found.cards for each in card.sharings]))
    return render(
        request,
        "me/rights_new.html",
        status=422 if wrong and request.method == "POST" else 200,
        right=chosen,
        said=asking.OFFERS.get(chosen),
        offered=list(asking.OFFERS.items()),
        sources=sources,
        source=next((each for each in sources if each.id == sent["source"]), None),
        reasons=[(reason, words.REASONS[reason]) for reason in asking.REASONS],
        reason=sent["reason"],
        objectable=objectable,
        authorisation=sent["authorisation"],
        wrong=wrong,
    )
