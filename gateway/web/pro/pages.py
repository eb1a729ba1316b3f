"""A professional notes what a person decides (`gateway/answers.py`): the person decides, the professional writes.

The person is named by the institution's own reference, in the body of a form and nowhere else. A yes needs a code on
the person's own phone, good for exactly these fields; a no or a later needs the person there. Whatever is noted, the
person hears of it. Refuses another institution's requests as it refuses those that do not exist.
"""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from consent.errors import (
    AssistanceIncomplete,
    AuthorisationUnknown,
    CodeRefused,
    CodesSpent,
    ContactMissing,
    MessageNotSent,
    PersonUnknown,
    RequestLapsed,
    StateConflict,
)
from consent.requests import find, told
from consent.states import Record, effective_state
from gateway.answers import Hand, Noted, answer, send_code
from gateway.choices import Choice, ExplicitMissing, agreed, offered
from gateway.services import Services
from gateway.web.ask.receipts import reference_of
from gateway.web.ask.screen import screen
from gateway.web.me.sharing import WAITING, sharing
from gateway.web.page import form_of, page, see
from gateway.web.problems import PageProblem
from gateway.web.templates import render
from gateway.web.visitor import Visitor

_LONGEST = 128
_CODE = 6


@page(role="professional")
async def get_home(request: Request, _visitor: Visitor) -> Response:
    """Whom to help."""
    return render(request, "pro/home.html", wrong=False, waiting=None)


@page(role="professional")
async def post_home(request: Request, visitor: Visitor) -> Response:
    """The requests of this institution that wait for this person."""
    services: Services = request.scope["services"]
    hand, now = _hand(visitor), services.clock()
    reference = form_of(request)["reference"]
    try:
        if not 0 < len(reference) <= _LONGEST:
            return render(request, "pro/home.html", status=422, wrong=True, waiting=None)
        subject = await services.people.resolve(partner=hand.org, reference=reference)
    except PersonUnknown:
        return render(request, "pro/home.html", status=422, wrong=True, waiting=None)
    records = await services.authorisations.authorisations_of(subject)
    waiting = [
        sharing(services.catalogue, each, now=now)
        for each in records
        if each.recipient == hand.org and effective_state(each, now) in WAITING
    ]
    if len(waiting) == 1:
        return see(f"/pro/ask/{waiting[0].id}")
    return render(request, "pro/home.html", wrong=False, waiting=waiting)


@page(role="professional")
async def get_ask(request: Request, visitor: Visitor) -> Response:
    """What is asked, and the two ways to note an answer."""
    _, record, now = await _asked(request, visitor)
    if effective_state(record, now) not in WAITING:
        return see(f"/pro/ask/{record.id}/done")
    query = request.query_params
    choice = Choice(answer="", kept=frozenset(query.getlist("field")), explicit=frozenset(query.getlist("explicit")))
    return await _shown(request, record, choice, wrong="", now=now)


@page(role="professional")
async def post_code(request: Request, visitor: Visitor) -> Response:
    """A code to the person's own phone, for exactly what is ticked."""
    services, record, now = await _asked(request, visitor)
    choice = _choice(request)
    try:
        fields, explicit = agreed(await offered(services, record), choice)
        noted = Noted(answer="yes", channel="sms", fields=fields, explicit=explicit)
        sent = await send_code(services, _hand(visitor), record.id, noted, now=now)
    except ExplicitMissing:
        return await _shown(request, record, choice, wrong="explicit", now=now)
    except (ContactMissing, CodesSpent, MessageNotSent):
        return await _shown(request, record, choice, wrong="contact", now=now)
    except StateConflict:
        return see(f"/pro/ask/{record.id}/done")
    query = [("code", sent.id), *(("field", each) for each in sorted(choice.kept))]
    query += [("explicit", each) for each in sorted(choice.explicit)]
    return see(f"/pro/ask/{record.id}?{urlencode(query)}")


@page(role="professional")
async def post_ask(request: Request, visitor: Visitor) -> Response:
    """Note it; the next page says what was recorded."""
    services, record, now = await _asked(request, visitor)
    choice, form = _choice(request), form_of(request)
    there = see(f"/pro/ask/{record.id}/done")
    if choice.answer not in {"yes", "no", "later"}:
        raise PageProblem("form_unreadable")
    try:
        if choice.answer == "yes":
            fields, explicit = agreed(await offered(services, record), choice)
            code = (form["code"], form["digits"].replace(" ", "")[:_CODE])
            noted = Noted(answer="yes", channel="sms", fields=fields, explicit=explicit, code=code)
        else:
            noted = Noted(answer=choice.answer, channel="counter", person_present=form["present"] == "yes")
        await answer(services, _hand(visitor), record.id, noted, witness=None, now=now)
    except ExplicitMissing:
        return await _shown(request, record, choice, wrong="explicit", now=now)
    except CodeRefused:
        return await _shown(request, record, choice, wrong="digits", now=now)
    except AssistanceIncomplete:
        return await _shown(request, record, choice, wrong="present", now=now)
    except (StateConflict, RequestLapsed):  # answered meanwhile: the page says how
        pass
    return there


@page(role="professional")
async def get_done(request: Request, visitor: Visitor) -> Response:
    """What is recorded now, as this institution may know it."""
    services, record, now = await _asked(request, visitor)
    return render(
        request,
        "pro/done.html",
        it=sharing(services.catalogue, record, now=now),
        told=told(record, now),
        at=record.changed_at,
        reference=reference_of(record),
    )


def _hand(visitor: Visitor) -> Hand:
    if visitor.organisation is None:
        raise PageProblem("forbidden")
    return Hand(org=visitor.organisation, tag=visitor.actor)


async def _asked(request: Request, visitor: Visitor) -> tuple[Services, Record, int]:
    """One of this institution's; anybody else's does not exist."""
    services: Services = request.scope["services"]
    try:
        record = await find(services.store, request.path_params["authorisation"], recipient=_hand(visitor).org)
    except AuthorisationUnknown:
        raise PageProblem("not_found") from None
    return services, record, services.clock()


def _choice(request: Request) -> Choice:
    form = form_of(request)
    return Choice(answer=form["answer"], kept=frozenset(form.all("field")), explicit=frozenset(form.all("explicit")))


async def _shown(request: Request, record: Record, choice: Choice, *, wrong: str, now: int) -> Response:
    services: Services = request.scope["services"]
    shown = await screen(services, record, now=now)
    code = request.query_params.get("code", "")[:_LONGEST]
    if request.method == "POST":
        code = form_of(request)["code"][:_LONGEST]
    return render(
        request,
        "pro/ask.html",
        status=422 if wrong else 200,
        shown=shown,
        it=shown.found.sharing,
        ticked=choice.kept | choice.explicit,
        code=code,
        wrong=wrong,
    )
