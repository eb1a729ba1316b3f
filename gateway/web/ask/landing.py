"""The one-time link: `/r/{code}` opens a request without a sign-in; answering it needs one, or a code on a phone.

 1. GET   says that something waits, and nothing else: a preview of links, a scanner of mail use nothing up
 2. POST  uses the link (`consent/invitations.py`); this browser may read the request for half an hour
 3. answer  after a sign-in, at `/me/ask/…`; or here, with the six digits sent to the person's own number
 4. close   by a button, or by signing out: what the link opened is shut before the half hour

What never was, was used, was replaced or is over gets one page: it tells nobody which.
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from consent.errors import CodeRefused, CodesSpent, ConsentError, ContactMissing, LinkUnknown, MessageNotSent
from consent.states import Record, effective_state
from gateway.choices import ANSWERS, Choice, ExplicitMissing, agreed, choose, offered
from gateway.services import Services
from gateway.web import cookies
from gateway.web.ask import receipts
from gateway.web.ask.outcomes import outcome_of
from gateway.web.ask.pages import choice_of, json_of, pdf_of
from gateway.web.ask.screen import kind_of, screen
from gateway.web.forms import read_form, require_own_origin
from gateway.web.me.sharing import WAITING
from gateway.web.page import see, visitor_of
from gateway.web.problems import PageProblem
from gateway.web.templates import render
from gateway.web.view import view_of

VISIT = "passerelle-visit"
HERE = "/r/here"
_SECONDS = 1_800
_LONGEST = 128
_CODE = 6


async def get_link(request: Request) -> Response:
    """Something waits."""
    await visitor_of(request)
    return render(request, "ask/link.html", action=request.url.path)


async def post_link(request: Request) -> Response:
    """Use the link up."""
    services, now = await _posted(request)
    code = request.path_params["code"]
    try:
        opened = await services.channels.invitations.open_link(code[:_LONGEST], now=now)
    except LinkUnknown:
        if await _visited(request) is not None:  # sent twice by the same browser
            return see(HERE)
        return render(request, "ask/link_over.html", status=404)
    answer = see(HERE)
    cookies.write(answer, services.base_url, opened.visit, of=VISIT, seconds=_SECONDS)
    return answer


async def get_here(request: Request) -> Response:
    """The request, to read; and the ways to answer it."""
    await visitor_of(request)
    record = await _record(request)
    return await _shown(request, record, Choice(answer=""), code=_code(request), wrong="")


async def post_code(request: Request) -> Response:
    """Six digits to the person's own number."""
    services, now = await _posted(request)
    try:
        sent = await services.channels.invitations.send_code(_secret(request), now=now)
    except (ContactMissing, CodesSpent, MessageNotSent):
        return see(f"{HERE}?sent=no")
    except LinkUnknown:
        raise PageProblem("link_over") from None
    except ConsentError:  # answered meanwhile, or over
        return see(f"{HERE}/receipt")
    return see(f"{HERE}?code={sent.id}")


async def post_here(request: Request) -> Response:
    """The answer, with the digits. They are used up by an answer that holds, not by a box that was forgotten."""
    services, now = await _posted(request)
    record, choice = await _record(request), choice_of(request)
    form, code = request.scope["form"], _code(request)
    digits = form["digits"].replace(" ", "")[:_CODE]
    if effective_state(record, now) not in WAITING:
        return see(f"{HERE}/receipt")
    if choice.answer not in ANSWERS:
        return await _shown(request, record, choice, code=code, wrong="answer")
    try:
        if choice.answer == "yes":
            agreed(await offered(services, record), choice)
        record, by = await services.channels.invitations.confirm(_secret(request), code=(code, digits), now=now)
        await choose(services, record, choice, by=replace(by, lang=view_of(request).lang), now=now)
    except ExplicitMissing:
        return await _shown(request, record, choice, code=code, wrong="explicit")
    except CodeRefused:
        return await _shown(request, record, choice, code=code, wrong="digits")
    return see(f"{HERE}/receipt")


async def get_here_receipt(request: Request) -> Response:
    """What was recorded."""
    await visitor_of(request)
    services: Services = request.scope["services"]
    record, now = await _answered(request), services.clock()
    if effective_state(record, now) in WAITING:  # that it was put off, and when, is not told to who holds a link
        return see(HERE)
    shown = await screen(services, record, now=now)
    return render(
        request,
        "ask/receipt.html",
        it=shown.found.sharing,
        outcome=outcome_of(record, now),
        reference=receipts.reference_of(record),
        files=f"{HERE}/receipt",
        back=None,
        visiting=True,
    )


async def get_here_pdf(request: Request) -> Response:
    """To print."""
    await visitor_of(request)
    services: Services = request.scope["services"]
    return await pdf_of(request, services, await _answered(request), now=services.clock())


async def get_here_json(request: Request) -> Response:
    """Signed."""
    await visitor_of(request)
    services: Services = request.scope["services"]
    return await json_of(services, await _answered(request), now=services.clock())


async def post_close(request: Request) -> Response:
    """The person has read it: nobody reads it here any more."""
    await _posted(request)
    return await close_visit(request, see(f"{HERE}/closed"))


async def get_closed(request: Request) -> Response:
    """It is closed."""
    await visitor_of(request)
    return render(request, "ask/link_closed.html")


async def close_visit(request: Request, answer: Response) -> Response:
    """End what a link had opened in this browser, and take its cookie back with this answer."""
    services: Services = request.scope["services"]
    secret = _secret(request)
    if secret:
        await services.channels.invitations.close(secret)
        cookies.drop(answer, services.base_url, VISIT)
    return answer


async def get_former(request: Request) -> Response:
    """Links of before lead to the same page."""
    return see(f"/r/{request.path_params['code']}")


async def _posted(request: Request) -> tuple[Services, int]:
    """A form of ours; there is no session whose token it could carry."""
    services: Services = request.scope["services"]
    require_own_origin(request.headers, services.base_url)
    await visitor_of(request)
    request.scope["form"] = await read_form(request)
    return services, services.clock()


def _secret(request: Request) -> str:
    services: Services = request.scope["services"]
    return cookies.read(request, services.base_url, VISIT) or ""


def _code(request: Request) -> str:
    """Which code was sent: an opaque id."""
    return request.query_params.get("code", "")[:_LONGEST]


async def _visited(request: Request) -> Record | None:
    services: Services = request.scope["services"]
    secret = _secret(request)
    try:
        return await services.channels.invitations.visited(secret, now=services.clock()) if secret else None
    except ConsentError:
        return None


async def _record(request: Request) -> Record:
    record = await _visited(request)
    if record is None:
        raise PageProblem("link_over")
    return record


async def _answered(request: Request) -> Record:
    """What was answered by this way. An answer given elsewhere is shown to who signs in, not to who holds a link."""
    record = await _record(request)
    if record.decided_at is not None and record.channel != "link":
        raise PageProblem("link_over")
    return record


async def _shown(request: Request, record: Record, choice: Choice, *, code: str, wrong: str) -> Response:
    services: Services = request.scope["services"]
    now = services.clock()
    if kind_of(record) != "choice":
        return see(f"/me/ask/{record.id}")
    if effective_state(record, now) not in WAITING:
        return see(f"{HERE}/receipt" if record.channel == "link" else f"/me/authorisations/{record.id}")
    return render(
        request,
        "ask/choice.html",
        status=422 if wrong else 200,
        shown=(shown := await screen(services, record, now=now)),
        it=shown.found.sharing,
        action=f"{HERE}?code={code}" if code else "",
        ticked=choice.kept | choice.explicit,
        wrong=wrong,
        noted=None,
        back=None,
        longest=0,
        visiting=True,
        sent=bool(code),
        unsent=request.query_params.get("sent") == "no",
        signin=f"/signin?next=/me/ask/{record.id}",
    )
