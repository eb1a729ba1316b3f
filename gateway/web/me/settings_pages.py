"""My connections, who may help me, how I want to be told. Each change ends on a page that shows it.

Refuses to show a helper where the person is reached, or who else helps them.
"""

from starlette.requests import Request
from starlette.responses import Response

from consent.contacts import WAYS
from consent.errors import ContactInvalid, MandateRefused
from consent.messages import Way
from consent.states import By
from gateway.services import Services
from gateway.web.me.acting import alone
from gateway.web.page import form_of, page, see
from gateway.web.problems import PageProblem
from gateway.web.templates import render
from gateway.web.visitor import Visitor

CAPACITIES = {
    "parent": ("votre parent", "your parent"),
    "guardian": ("votre tuteur", "your guardian"),
    "curator": ("votre curateur", "your curator"),
    "aidant": ("une personne qui vous aide", "somebody who helps you"),
}
PREFERENCES = ("none", *WAYS)
_LONGEST = 400


@page(role="beneficiary")
async def get_connections(request: Request, visitor: Visitor) -> Response:
    """Open sessions: device, since when, last use."""
    services: Services = request.scope["services"]
    found = await services.sessions.listed(visitor.identity, services.clock())
    return render(request, "me/connections.html", found=found, here_now=visitor.session)


@page(role="beneficiary")
async def post_connections(request: Request, visitor: Visitor) -> Response:
    """End one of one's own, or all of them; somebody else's does not exist."""
    services: Services = request.scope["services"]
    form = form_of(request)
    if form["all"] == "1":
        await services.sessions.end_all(visitor.identity)
        return see("/signin")
    if form["session"]:
        ours = {each.id for each in await services.sessions.listed(visitor.identity, services.clock())}
        if form["session"] in ours:
            await services.sessions.end(form["session"], identity=visitor.identity)
    return see("/signin" if form["session"] == visitor.session else "/me/connections?done=1")


@page(role="beneficiary")
async def get_help(request: Request, visitor: Visitor) -> Response:
    """Who may act for the person now, and until when."""
    services: Services = request.scope["services"]
    found = await services.channels.mandates.of(alone(visitor), now=services.clock())
    return render(
        request, "me/help.html", found=found, capacities=CAPACITIES, done=request.query_params.get("done") == "1"
    )


@page(role="beneficiary")
async def post_help(request: Request, visitor: Visitor) -> Response:
    """End a mandate that rests on the person's own choice; they alone do it, not who helps them."""
    services: Services = request.scope["services"]
    subject, now, id_ = alone(visitor), services.clock(), form_of(request)["mandate"]
    by = By(kind="subject", channel="page")
    try:
        await services.channels.mandates.end(id_, subject=subject, by=by, now=now)
    except MandateRefused:
        if any(each.id == id_ for each in await services.channels.mandates.of(subject, now=now)):
            raise PageProblem("forbidden") from None
    return see("/me/help?done=1")


@page(role="beneficiary")
async def get_words(request: Request, visitor: Visitor) -> Response:
    """How the person wants to hear that there is something new."""
    services: Services = request.scope["services"]
    known = await services.channels.contacts.get(alone(visitor))
    values: dict[str, str] = {way: known.addresses.get(way, "") if known else "" for way in WAYS}
    values |= {"preference": known.preference if known else "", "lang": known.lang if known else "fr"}
    done = request.query_params.get("done") == "1"
    return render(request, "me/words.html", values=values, wrong=False, done=done)


@page(role="beneficiary")
async def post_words(request: Request, visitor: Visitor) -> Response:
    """Keep it; what was typed stays when it cannot be."""
    services: Services = request.scope["services"]
    subject, form = alone(visitor), form_of(request)
    values = {name: form[name][:_LONGEST].replace("\r\n", "\n") for name in (*WAYS, "preference", "lang")}
    addresses: dict[Way, str] = {way: values[way] for way in WAYS if values[way]}
    try:
        await services.channels.contacts.declare(
            subject, preference=values["preference"], addresses=addresses, lang=values["lang"],
            by=By(kind="subject", channel="page"), now=services.clock(),
        )  # fmt: skip
    except ContactInvalid:
        return render(request, "me/words.html", status=422, values=values, wrong=True, done=False)
    return see("/me/words?done=1")
